"""Whole connections: a stranger talks to a bound socket of any type, whose user goes on receiving and sending."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from aiomq.constants import SocketType
from aiomq.core import SocketCore
from aiomq.errors import EFSM, ZMQError
from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.patterns.table import PATTERNS
from aiomq.socket_types import PLAIN_DATAGRAMS, RAW_STREAMS
from aiomq.transports.base import Address
from aiomq.transports.inproc_names import InprocNames
from aiomq.transports.listener import Listener
from aiomq.transports.lookups import Name
from aiomq.transports.zap_client import ZapClient
from aiomq.zmtp.large_frames import budget
from tests.fuzz.clear_boxes import PUBLIC_KEY, SECRET_KEY, clear_boxes
from tests.fuzz.fake_loop import FakeLoop, FakeSocket, FakeTransport
from tests.fuzz.target import Draw

__all__ = ["TYPES", "connections"]

TYPES: Final = tuple(each for each in PATTERNS if each not in RAW_STREAMS and each not in PLAIN_DATAGRAMS)

_CHUNKS: Final = (1, 3, 17, 64, 300, 5000, 5000, 5000)
_SHARED: Final = ("GivingBack", "Hangups")
_MARKS: Final = (1000, 1, 5, 0)


class _Nowhere:
    """A transport that binds nothing."""

    takes_time = False

    def bind(self, _endpoint: object, _options: SocketOptions) -> Any:
        return FakeSocket()

    def bound_endpoint(self, _sock: object, _endpoint: object) -> str:
        return "tcp://192.0.2.1:5555"

    def accepted(self, _sock: object, _name: object, _options: SocketOptions) -> str:
        return ""

    def release(self, _endpoint: str) -> None:
        """Nothing: nothing was bound."""

    # -- nobody connects from here, and nobody listens ----------------------------------------------------------------

    async def serve(self, *_: object) -> asyncio.AbstractServer:
        raise NotImplementedError

    async def introduce(self, *_: object) -> None:
        raise NotImplementedError

    def names(self, *_: object) -> Sequence[Name]:
        raise NotImplementedError

    def addresses(self, *_: object) -> Sequence[Address]:
        raise NotImplementedError

    def is_lasting(self, *_: object) -> bool:
        raise NotImplementedError

    def open_socket(self, *_: object) -> Any:
        raise NotImplementedError

    prepare = check = open_socket


class _Bound:
    """A socket with one endpoint, in a loop that is stepped by hand."""

    def __init__(self, socket_type: SocketType, options: Mapping[str, Any]) -> None:
        self.loop = FakeLoop()
        self.core = core = SocketCore(socket_type, "here")
        for name, value in options.items():
            setattr(core.options, name, value)
        core._claim(cast("asyncio.AbstractEventLoop", self.loop))
        core.zap = ZapClient(InprocNames())
        core.warn_once = lambda endpoint, reason: None  # type: ignore[method-assign]  # strangers fill no log here
        self.listener = Listener(core, cast("Any", _Nowhere()), "tcp://192.0.2.1:5555")
        core.endpoints[self.listener] = self.listener
        with contextlib.suppress(ZMQError):
            core.pattern.subscribe(b"")
        with contextlib.suppress(ZMQError):
            core.pattern.join(b"group")

    def connect(self) -> FakeTransport:
        """Let somebody connect."""
        self.listener.arrived(cast("Any", FakeSocket()), ("192.0.2.7", 4711))
        (transport,) = self.loop.accepted
        self.loop.accepted.clear()
        return transport

    def use(self, action: int) -> None:
        """Do what a user may do in a turn."""
        pattern = self.core.pattern
        if action & 1:
            for _ in range(8 if action & 2 else 1):
                with contextlib.suppress(ZMQError):
                    self._receive()
        if action & 4:
            self.core.revoke_grants()
            with contextlib.suppress(ZMQError):
                if pattern.can_send():
                    pattern.try_send((b"peer", b"", b"body") if action & 2 else b"peer")
        if action & 8:
            self.loop.turn(0.01)

    def _receive(self) -> Message | None:
        self.core.revoke_grants()
        message = self.core.pattern.try_recv()
        assert message is None or type(message) is bytes or (type(message) is tuple and len(message) > 1), message
        return message

    def _read_on(self) -> bool:
        """Receive what is left, and answer it where it has to be; return whether there was anything."""
        try:
            return self._receive() is not None
        except ZMQError as error:
            return error.errno == EFSM and self._reply()

    def _reply(self) -> bool:
        """It is the turn of a REP to send: let it; return whether it was."""
        pattern = self.core.pattern
        return pattern.can_send() and pattern.try_send(b"reply")

    def check_marks(self) -> None:
        """Check that no inbox holds more than its mark, but for what tells of the connection itself."""
        mark = self.core.options.rcvhwm
        for peer in self.core.peers:
            assert not mark or len(peer.inbox) <= mark + 2, f"{len(peer.inbox)} items in an inbox for {mark}"

    def end(self) -> None:
        """Check that nothing stays of connections that are gone, and of the socket when it is closed."""
        for _ in range(4):
            self.loop.turn()
        assert not self.core.peers, "a peer stays behind"
        assert not self.listener._connections, "a connection stays behind"
        # These two are of the process and of the loop, and not of a connection.
        waiting = [each for each in self.loop.waiting() if not any(name in repr(each) for name in _SHARED)]
        assert not waiting, f"something is still to be called: {waiting}"
        assert budget.held == 0, "a buffer of a large frame stays behind"
        while self._read_on():
            continue
        self.listener.close(0)
        assert self.listener not in self.core.endpoints


def _options(flags: int, mechanism: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "rcvhwm": _MARKS[flags & 3],
        "sndhwm": _MARKS[flags >> 2 & 3],
        "maxmsgsize": 100 if flags & 16 else -1,
    }
    if flags & 32:
        options |= {"heartbeat_ivl": 100, "heartbeat_ttl": 500}
    if flags & 64:
        options |= {"routing_id": b"me", "hello_msg": b"hello", "disconnect_msg": b"bye"}
    if flags & 128:
        options |= {"router_handover": True, "router_notify": 3, "xpub_verbose": True, "router_mandatory": True}
    if mechanism == 1:
        options |= {"curve_server": True, "curve_secretkey": SECRET_KEY, "curve_publickey": PUBLIC_KEY}
    if mechanism == 2:
        options |= {"plain_username": b"admin", "plain_password": b"secret"}
    return options


def connections(data: bytes) -> None:
    """Let a stranger, and a second one who says the same, talk to a socket."""
    draw = Draw(data)
    socket_type = TYPES[draw.number(len(TYPES))]
    mechanism, chunk, action = draw.number(16), _CHUNKS[draw.number(8)], draw.number(256)
    options = _options(draw.number(256), mechanism)
    octets = draw.rest()
    with clear_boxes():
        bound = _Bound(socket_type, options)
        _talk(bound, octets, chunk, action, strangers=2 if action & 16 else 1)
        bound.end()


def _talk(bound: _Bound, octets: bytes, chunk: int, action: int, *, strangers: int) -> None:
    """Say these octets to a socket, by one connection or by each of two in turn."""
    loop = bound.loop
    transports = [bound.connect() for _ in range(strangers)]
    for each in transports:
        each.take(takes=not action & 32)
    unread = [deque([octets]) for _ in transports]
    for _ in range(len(octets) + 20):
        for transport, queue in zip(transports, unread, strict=True):
            if queue and transport.reads:
                piece = queue.popleft()
                size = transport.receive(piece[:chunk]) if piece else 0
                if piece[size:]:
                    queue.appendleft(piece[size:])
        bound.check_marks()
        bound.use(action)
        if not any(queue and transport.reads for queue, transport in zip(unread, transports, strict=True)):
            break
    loop.turn(0.2 if action & 64 else 0.0)
    for each in transports:
        if action & 128 and not each.is_lost:
            each._protocol.eof_received()
        each.take(takes=True)
        each.lose(None if action & 1 else ConnectionResetError("reset"))

"""Passing messages on between two sockets: the proxy, and the devices that are one by another name.

A message is taken from one side only when the other has room for it, and is passed on whole in the same step, so that
nothing is held here: backpressure goes through, and a proxy that is cancelled has lost nothing.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Iterator
from struct import Struct
from typing import Any, Final, Never

from aiomq.constants import DeviceType, SocketType
from aiomq.core import SocketCore
from aiomq.errors import ZMQError
from aiomq.gate import Gate, turn
from aiomq.message import Message, first_frame, frames_of
from aiomq.socket import Socket

__all__ = ["device", "monitored_queue", "proxy", "proxy_steerable"]

BURST: Final = 256
"""Messages that go one way before the loop gets a turn; libzmq takes up to 1000."""

_ANSWERING: Final = frozenset({SocketType.PAIR, SocketType.REP})
"""Control sockets that answer every command, as in libzmq 4.3.5."""

_ADDRESSING: Final = frozenset({SocketType.ROUTER})
"""Sockets whose messages begin with where they come from, or go to."""

_COUNT: Final = Struct("=Q")


async def proxy(frontend: Socket, backend: Socket, capture: Socket | None = None) -> Never:
    """Pass on whole messages between two sockets, both ways where their types allow, until this is cancelled.

    Nothing is read from a side while the other has no room. The two may be one socket, whose messages then go back
    into it.

    Args:
        frontend: towards the clients, such as a ROUTER, an XSUB or a PULL; bound or connected by the caller.
        backend: towards the services, such as a DEALER, an XPUB or a PUSH.
        capture: gets a copy of every message, both ways: a PUB, or a DEALER, PUSH or PAIR, whose room is waited for.

    Raises:
        ContextTerminated: the context of a socket was terminated: how a proxy of libzmq ends.
        ZMQError: ENOTSOCK if a socket is closed; what a side says of a message that it cannot send, such as
            EHOSTUNREACH of a ROUTER with ROUTER_MANDATORY.
        WrongLoopError: a socket belongs to another loop.

    Cancellation: every message that was taken was passed on, but for one that waits for room at its own peer (of a
    ROUTER with ROUTER_MANDATORY or an XPUB with XPUB_NODROP): that one is lost. The sockets stay open.
    """
    await _Proxy(frontend, backend, _copies_to(capture)).run()
    raise AssertionError("a proxy without control has no end")


async def proxy_steerable(
    frontend: Socket, backend: Socket, capture: Socket | None = None, control: Socket | None = None
) -> None:
    """Pass messages on as `proxy`, and obey a control socket.

    Commands are PAUSE, RESUME, TERMINATE and STATISTICS, each a message of one frame. A control socket of type REP or
    PAIR answers each, also one that means nothing, with an empty message, but STATISTICS with 8 frames, each a number
    of 64 bits in the machine's order: of the frontend the frames and bytes received, then those sent, and the same of
    the backend.

    Args:
        frontend: as of `proxy`.
        backend: as of `proxy`.
        capture: as of `proxy`.
        control: a REP, PAIR, PULL or SUB; without one, this is `proxy`.

    Returns:
        None, when TERMINATE came.

    Raises and cancellation: as `proxy`.
    """
    await _Proxy(frontend, backend, _copies_to(capture), control).run()


async def monitored_queue(
    in_socket: Socket, out_socket: Socket, mon_socket: Socket, in_prefix: bytes = b"in", out_prefix: bytes = b"out"
) -> Never:
    """Pass messages on as `proxy`, with a copy of each, behind a prefix that tells its direction, to a third socket.

    Between two ROUTERs the first two frames change places, so that a client addresses a service by its routing id, and
    the service finds the client's there.

    Args:
        in_socket: the frontend.
        out_socket: the backend.
        mon_socket: gets the copies, most often a PUB.
        in_prefix: the first frame of the copy of what came from `in_socket`.
        out_prefix: the same for `out_socket`.

    Raises and cancellation: as `proxy`.
    """
    for prefix in (in_prefix, out_prefix):
        if type(prefix) is not bytes:
            raise TypeError(f"a prefix is bytes, not {type(prefix).__name__}")
    addressed = in_socket._core.socket_type in _ADDRESSING and out_socket._core.socket_type in _ADDRESSING
    copies = _Copies(mon_socket, in_prefix, out_prefix)
    await _Proxy(in_socket, out_socket, copies, change=_swap if addressed else None).run()
    raise AssertionError("a queue without control has no end")


async def device(device_type: int, frontend: Socket, backend: Socket) -> Never:
    """Run a device, as they were called: a proxy. The type only says what it is for.

    Args:
        device_type: QUEUE (ROUTER and DEALER), FORWARDER (XSUB and XPUB, or SUB and PUB), STREAMER (PULL and PUSH).
        frontend: as of `proxy`.
        backend: as of `proxy`.

    Raises:
        ZMQError: EINVAL for another type; else as of `proxy`.
    """
    if device_type not in tuple(DeviceType):
        raise ZMQError(errno.EINVAL, f"a device is QUEUE, FORWARDER or STREAMER, not {device_type!r}")
    await proxy(frontend, backend)


def _swap(message: Message) -> Message:
    frames = frames_of(message)
    return (frames[1], frames[0], *frames[2:]) if len(frames) > 1 else message


class _Copies:
    """Where the copies go, and what stands before them."""

    def __init__(self, socket: Socket, *prefixes: bytes) -> None:
        self.socket = socket
        self.prefixes = prefixes or (None, None)


def _copies_to(capture: Socket | None) -> _Copies | None:
    return None if capture is None else _Copies(capture)


class _Side:
    """One socket of a proxy, and what went through it."""

    def __init__(self, socket: Socket) -> None:
        self.core: SocketCore = socket._core
        self.core.unsent.is_mixed = True
        pattern = self.core.pattern
        self.can_send: Callable[[], bool] = pattern.can_send
        self.can_recv: Callable[[], bool] = pattern.can_recv
        self.try_send: Callable[[Message], bool] = pattern.try_send
        self.try_recv: Callable[[], Message | None] = pattern.try_recv
        self.send_gate: Gate = self.core.send_gate
        self.recv_gate: Gate = self.core.recv_gate
        self.counts = [0, 0, 0, 0]
        """Frames and bytes received, then sent."""

    def enter(self) -> None:
        self.core.enter()
        self.core.revoke_grants()

    def count(self, message: Message, first: int) -> None:
        frames = frames_of(message)
        self.counts[first] += len(frames)
        self.counts[first + 1] += sum(map(len, frames))


class _Flow:
    """One direction."""

    def __init__(self, source: _Side, sink: _Side, copies: _Side | None, prefix: bytes | None) -> None:
        self.source = source
        self.sink = sink
        self.copies = copies
        self.prefix = prefix
        self.refused: Message | None = None
        """A message that the sink takes, but not now: its own peer is full, which only the attempt can show."""

    def move(self, change: Callable[[Message], Message] | None, *, counted: bool) -> int:
        """Pass on what can be, up to a burst; return how much that was."""
        source, sink, copies = self.source, self.sink, self.copies
        if self.refused is not None:
            if not sink.try_send(self.refused):
                return 0
            self.refused = None
        for moved in range(BURST):
            # A socket that answers itself, such as one REP, may have room only once it has received: it is just tried.
            if (sink is not source and not sink.can_send()) or (copies is not None and not copies.can_send()):
                return moved
            message = source.try_recv() if source.can_recv() else None
            if message is None:
                return moved
            if copies is not None:
                copies.try_send(message if self.prefix is None else (self.prefix, *frames_of(message)))
            if counted:
                source.count(message, 0)
                sink.count(message, 2)
            if change is not None:
                message = change(message)
            if not sink.try_send(message):
                self.refused = message
                return moved
        return BURST

    def awaited(self) -> Gate:
        """Return the gate that holds this direction up."""
        if self.refused is None and not self.source.can_recv():
            return self.source.recv_gate
        if self.refused is not None or not self.sink.can_send() or self.copies is None:
            return self.sink.send_gate
        return self.copies.send_gate


class _Proxy:
    """Both directions, and the control socket."""

    def __init__(
        self,
        frontend: Socket,
        backend: Socket,
        copies: _Copies | None,
        control: Socket | None = None,
        *,
        change: Callable[[Message], Message] | None = None,
    ) -> None:
        front = _Side(frontend)
        back = front if backend is frontend else _Side(backend)
        copier = None if copies is None else _Side(copies.socket)
        prefixes: tuple[Any, ...] = (None, None) if copies is None else copies.prefixes
        self._flows = [_Flow(front, back, copier, prefixes[0])]
        if back is not front:
            self._flows.append(_Flow(back, front, copier, prefixes[1]))
        self._sides = (front, back)
        self._control = None if control is None else _Side(control)
        self._all = [side for side in {front, back, copier, self._control} if side is not None]
        self._change = change
        self._active = True

    async def run(self) -> None:
        """Pass on until TERMINATE, or for ever."""
        loop = asyncio.get_running_loop()
        while True:
            for side in self._all:
                side.enter()
            if self._control is not None and self._obey(self._control):
                return
            moved = 0
            if self._active:
                counted = self._control is not None
                for flow in self._flows:
                    moved += flow.move(self._change, counted=counted)
            if moved:
                await turn()
            else:
                await _first_of(list(self._awaited()), loop)

    def _awaited(self) -> Iterator[Gate]:
        if self._active:
            for flow in self._flows:
                yield flow.awaited()
        if self._control is not None:
            yield self._control.recv_gate
        if not self._active:  # to learn that they were closed
            for side in self._sides:
                yield side.send_gate

    def _obey(self, control: _Side) -> bool:
        """Do what the control socket says; return whether that is to end."""
        while control.can_recv():
            message = control.try_recv()
            if message is None:
                break
            command = first_frame(message) if len(frames_of(message)) == 1 else b""
            if command == b"STATISTICS":
                if control.can_send():
                    control.try_send(tuple(map(_COUNT.pack, self._sides[0].counts + self._sides[1].counts)))
                continue
            if control.core.socket_type in _ANSWERING and control.can_send():
                control.try_send(b"")
            if command == b"TERMINATE":
                return True
            if command in {b"PAUSE", b"RESUME"}:
                self._active = command == b"RESUME"
        return False


async def _first_of(gates: list[Gate], loop: asyncio.AbstractEventLoop) -> None:
    """Wait until somebody wakes one of the gates; all who watch a gate share its future, so none is cancelled."""
    bell: asyncio.Future[None] = loop.create_future()

    def ring(_: asyncio.Future[None]) -> None:
        if not bell.done():
            bell.set_result(None)

    watched = [gate.watch(loop) for gate in gates]
    for each in watched:
        each.add_done_callback(ring)
    try:
        await bell
    finally:
        for each in watched:
            each.remove_done_callback(ring)

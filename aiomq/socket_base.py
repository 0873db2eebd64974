"""What a socket is apart from its messages: endpoints, options, life and death."""

from __future__ import annotations

import contextlib
import errno
import random
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, SupportsIndex

from aiomq.constants import PollEvent, SocketOption, SocketType
from aiomq.core import SocketCore
from aiomq.core_protocols import Endpoint
from aiomq.endpoint import TcpEndpoint, address_text, parse
from aiomq.endpoints import make_dialer, make_listener
from aiomq.errors import ZMQBindError, ZMQError
from aiomq.gate import Gate
from aiomq.limits import SocketLimits
from aiomq.linger import wait_finished
from aiomq.message import Message
from aiomq.options import (
    OptionAttributes,
    OptionSpec,
    StateAttributes,
    check_readable,
    checked,
    load,
    spec_of,
    store,
)
from aiomq.refused_attributes import RefusedAttributes
from aiomq.socket_types import THREAD_SAFE, UNIQUE_CONNECT
from aiomq.status import SocketStatus
from aiomq.transports.dialer import Dialer
from aiomq.transports.inproc_names import InprocDialer
from aiomq.transports.udp import UdpDialer

if TYPE_CHECKING:
    from aiomq.context import Context

__all__ = ["SocketBase", "dials"]

_ACLOSE_GRACE: Final = 1.0
"""Seconds without progress after which `aclose` leaves a socket that lingers without limit to its context."""


class SocketBase(SocketStatus, SocketLimits, OptionAttributes, StateAttributes, RefusedAttributes):
    """The parts of `Socket` that move no messages."""

    __slots__ = (
        "__weakref__",
        "_context",
        "_core",
        "_no_message",
        "_no_room",
        "_parts_in",
        "_parts_out",
        "_recv_gate",
        "_recv_thread",
        "_send_gate",
        "_send_thread",
        "_try_recv",
        "_try_send",
    )

    _core: SocketCore
    _context: Context
    _send_thread: int | None
    _recv_thread: int | None
    _send_gate: Gate
    _recv_gate: Gate
    _parts_in: deque[bytes]
    _parts_out: list[bytes]
    _try_send: Callable[[Message], bool]
    _try_recv: Callable[[], Message | None]
    _no_room: str
    _no_message: str

    def __init__(self, context: Context, core: SocketCore) -> None:
        self._context = context
        self._core = core
        self._monitor_sender = self._monitor_reader = None
        self._try_send = core.pattern.try_send
        self._try_recv = core.pattern.try_recv
        self._send_gate = core.send_gate
        self._recv_gate = core.recv_gate
        # The thread whose sends and receives may go the short way: None while a message is in parts.
        self._send_thread = self._recv_thread = None
        self._parts_in = core.parts_in
        self._parts_out = []
        self._no_room = f"this {core.pattern.name} socket has no peer with room for a message now"
        self._no_message = f"this {core.pattern.name} socket has no message now"

    # -- endpoints ---------------------------------------------------------------------------------------------------

    def bind(self, addr: str | bytes) -> _Bound:
        """Bind to an address. When this returns, others can connect.

        Args:
            addr: `tcp://127.0.0.1:5555`, `tcp://*:*`, `ipc:///run/a.sock`, `ipc://*`, `ipc://@name`, `inproc://name`;
                as bytes, it is UTF-8.

        Returns:
            A context manager that unbinds at its end; `last_endpoint` tells what was really bound.

        Raises:
            ZMQBindError: the address is in use, not ours, or means nothing here.
            ZMQError: EINVAL for a malformed address, EPROTONOSUPPORT for an unknown scheme, ENOCOMPATPROTO for one
                that this type of socket does not have.
            TypeError: it is neither str nor bytes.
        """
        core = self._core
        core.enter_sync()
        core.add_endpoint(make_listener(core, self._context.inproc_names, address_text(addr)))
        return _Bound(self.unbind, core.last_endpoint)

    def connect(self, addr: str | bytes) -> _Bound:
        """Connect to an address. Returns at once; the connection is made, and made again, in the background.

        Args:
            addr: `tcp://host:5555`, `tcp://source:0;host:5555`, `ipc:///run/a.sock`, `ipc://@name`, `inproc://name`; as
                bytes, such as LAST_ENDPOINT has them, it is UTF-8.

        Returns:
            A context manager that disconnects at its end.

        Raises:
            ZMQError: EINVAL for a malformed address, EPROTONOSUPPORT for an unknown scheme, ENOCOMPATPROTO for one
                that this type of socket does not have.
            TypeError: it is neither str nor bytes.
        """
        core = self._core
        core.enter_sync()
        addr = address_text(addr)
        if core.socket_type in UNIQUE_CONNECT and self._connected_to(addr):
            return _Bound(self.disconnect, addr)
        routing_id = core.options.connect_routing_id
        if routing_id:
            core.pattern.claim(routing_id)
        endpoint = make_dialer(core, self._context.inproc_names, addr, routing_id)
        core.options.connect_routing_id = b""
        core.add_endpoint(endpoint)
        return _Bound(self.disconnect, addr)

    def _connected_to(self, addr: str) -> bool:
        core = self._core
        staying = [each for each in core.endpoints.values() if each not in core.leaving]
        return any(dials(each) and each.endpoint == addr for each in staying)

    def unbind(self, addr: str | bytes) -> None:
        """Take back a bind: accept no more, and end the connections that came by it.

        Args:
            addr: the endpoint as `last_endpoint` gave it.

        Raises:
            ZMQError: ENOENT if nothing is bound there.
            TypeError: it is neither str nor bytes.
        """
        self._remove(address_text(addr), "bound", lambda each: not dials(each))

    def disconnect(self, addr: str | bytes) -> None:
        """Take back a connect. What is queued for that peer may still leave, as LINGER has it.

        Raises:
            ZMQError: ENOENT if nothing is connected there.
            TypeError: it is neither str nor bytes.
        """
        self._remove(address_text(addr), "connected", dials)

    def _remove(self, addr: str, what: str, wanted: Callable[[Endpoint], bool]) -> None:
        core = self._core
        core.enter_sync()
        found = [
            each
            for each in core.endpoints.values()
            if wanted(each) and each.endpoint == addr and each not in core.leaving
        ]
        for each in found:  # all that were connected there, as libzmq has it
            core.remove_endpoint(each)
        if found:
            return
        there = ", ".join(each.endpoint for each in core.endpoints.values() if wanted(each)) or "nothing"
        raise ZMQError(errno.ENOENT, f"{addr} is not {what} on this socket: {there} is")

    def bind_to_random_port(
        self, addr: str | bytes, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100
    ) -> int:
        """Bind to a free port of an address without one, such as `tcp://127.0.0.1`.

        Args:
            addr: the address up to the port.
            min_port: the first port to try.
            max_port: the port after the last one to try.
            max_tries: how many ports to try at most. With the whole default range the system chooses.

        Returns:
            The port.

        Raises:
            ZMQBindError: all tries were in vain.
            TypeError: the address is neither str nor bytes.
        """
        addr = address_text(addr)
        if (min_port, max_port) == (49152, 65536):
            self.bind(f"{addr}:*")
            bound = parse(self._core.last_endpoint, for_bind=True, ipv6=True)
            assert isinstance(bound, TcpEndpoint)
            return bound.port
        for port in _random_ports(min_port, max_port, max_tries):
            with contextlib.suppress(ZMQBindError):
                self.bind(f"{addr}:{port}")
                return port
        raise ZMQBindError(f"no free port for {addr} from {min_port} to {max_port - 1} in {max_tries} tries")

    # -- options -----------------------------------------------------------------------------------------------------

    def set(self, option: SupportsIndex | str, value: object) -> None:
        """Set an option.

        Args:
            option: `aiomq.SNDHWM`, its number, or its name.
            value: an integer, bytes, or text, as the option has it.

        Raises:
            ZMQError: EINVAL for an unknown option, a value out of range, an option of another type of socket.
            TypeError: the value is of the wrong Python type.
        """
        core = self._core
        core.check_open()
        spec = spec_of(option)
        checked_value = checked(spec, value, core.socket_type)
        if spec.option is SocketOption.SUBSCRIBE:
            core.enter_sync()
            core.revoke_grants()
            core.pattern.subscribe(_topic(checked_value))
        elif spec.option is SocketOption.UNSUBSCRIBE:
            core.enter_sync()
            core.revoke_grants()
            core.pattern.unsubscribe(_topic(checked_value))
        else:
            core.revoke_grants()
            store(core.options, spec, checked_value)
            if spec.attribute in {"sndhwm", "rcvhwm"}:
                core.hwm_changed()

    def get(self, option: SupportsIndex | str) -> Any:
        """Return the value of an option: an `int`, or `bytes`.

        Raises:
            ZMQError: EINVAL for an unknown option, or one that cannot be read or is of another type of socket.
        """
        core = self._core
        core.check_open()
        spec = spec_of(option)
        check_readable(spec, core.socket_type)
        return load(core.options, spec) if spec.attribute else self._state(spec)

    def _state(self, spec: OptionSpec) -> int | bytes:
        states: dict[SocketOption, Callable[[], int | bytes]] = {
            SocketOption.TYPE: lambda: int(self._core.socket_type),
            SocketOption.RCVMORE: lambda: int(bool(self._parts_in)),
            SocketOption.EVENTS: self.ready_events,
            SocketOption.LAST_ENDPOINT: self._core.last_endpoint.encode,
            SocketOption.THREAD_SAFE: lambda: int(self._core.socket_type in THREAD_SAFE),
            SocketOption.TOPICS_COUNT: lambda: self._core.pattern.topics_count,
        }
        return states[spec.option]()

    setsockopt = set
    getsockopt = get

    def set_string(self, option: SupportsIndex | str, optval: str, encoding: str = "utf-8") -> None:
        """Set an option to a text, encoded. Raises as `set`."""
        if not isinstance(optval, str):
            raise TypeError(f"set_string takes a str, not {type(optval).__name__}: use set for other values")
        self.set(option, optval.encode(encoding))

    def get_string(self, option: SupportsIndex | str, encoding: str = "utf-8") -> str:
        """Return the value of an option that is a text, decoded. Raises as `get`."""
        value = self.get(option)
        if not isinstance(value, bytes):
            raise TypeError(f"{spec_of(option).option.name} is a number, not a text: use get")
        return value.decode(encoding)

    setsockopt_string = set_string
    getsockopt_string = get_string

    def subscribe(self, topic: str | bytes) -> None:
        """Receive the messages whose first frame begins with `topic`, `b""` for all. Counted: see `unsubscribe`."""
        self.set(SocketOption.SUBSCRIBE, _topic(topic))

    def unsubscribe(self, topic: str | bytes) -> None:
        """Take back one `subscribe` of the same topic."""
        self.set(SocketOption.UNSUBSCRIBE, _topic(topic))

    def ready_events(self) -> PollEvent:
        """Return what could be done now without waiting."""
        self._core.unstarted.start()
        pattern = self._core.pattern
        self._recv_gate.revoke()  # to look for a matching message may take those before it
        events = PollEvent(0)
        if self._parts_in or pattern.can_recv():
            events |= PollEvent.POLLIN
        if pattern.can_send():
            events |= PollEvent.POLLOUT
        return events

    def gates(self, events: PollEvent) -> list[Gate]:
        """Return the gates to watch for some events (for `Poller`)."""
        self._core.enter()
        gates = []
        if events & PollEvent.POLLIN:
            gates.append(self._recv_gate)
        if events & PollEvent.POLLOUT:
            gates.append(self._send_gate)
        return gates

    # -- what it is, and what goes on --------------------------------------------------------------------------------

    @property
    def socket_type(self) -> SocketType:
        """The type the socket was made with."""
        return self._core.socket_type

    @property
    def context(self) -> Context:
        """The context the socket was made by."""
        return self._context

    @property
    def closed(self) -> bool:
        """Whether the socket was closed, by its user or with its context."""
        return self._core.closed

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, linger: int | None = None) -> None:
        """Close the socket. Returns at once; what is queued may still leave in the background.

        Args:
            linger: milliseconds for what is queued to leave; 0 drops it, -1 is no limit, None is what LINGER says.
        """
        self._core.close_threadsafe(linger)

    async def aclose(self, linger: int | None = None) -> None:
        """Close the socket and wait until what was queued has left, or its linger time is over.

        With no limit to the linger time it waits for as long as messages keep leaving: those for a peer that is not
        there stay with the context, which goes on trying until it is terminated.

        Cancellation: the socket is closed, and what is queued goes on leaving in the background.
        """
        self._core.close_threadsafe(linger)
        await wait_finished([self._core], _ACLOSE_GRACE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        core = getattr(self, "_core", None)
        if core is None or core.closed or core.terminated:
            return
        if not sys.is_finalizing():  # else its context has warned already
            text = f"unclosed {core.pattern.name} socket, made at {core.made_at}"
            warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
        core.close_threadsafe()

    def __repr__(self) -> str:
        core = self._core
        if core.closed:
            return f"<aiomq.Socket {core.socket_type.name} closed>"
        endpoints = core.endpoints.values()
        bound = ", ".join(each.endpoint for each in endpoints if not dials(each))
        connected = ", ".join(each.endpoint for each in endpoints if dials(each))
        peers = tuple(core.peers)
        return (
            f"<aiomq.Socket {core.socket_type.name} bound=[{bound}] connected=[{connected}] peers={len(peers)}"
            f" queued out={sum(peer.queued_out for peer in peers)} in={sum(len(peer.inbox) for peer in peers)}>"
        )


class _Bound:
    """What `bind` and `connect` return: ends the endpoint when its `with` block does."""

    __slots__ = ("_end", "addr")

    def __init__(self, end: Callable[[str], None], addr: str) -> None:
        self._end = end
        self.addr = addr

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(ZMQError):  # the socket was closed, or the endpoint removed, inside the block
            self._end(self.addr)

    def __repr__(self) -> str:
        return f"<aiomq endpoint {self.addr}>"


def dials(endpoint: Endpoint) -> bool:
    """Return whether an endpoint was connected, and not bound."""
    return isinstance(endpoint, (Dialer, InprocDialer, UdpDialer))


def _topic(topic: object) -> bytes:
    if isinstance(topic, str):
        return topic.encode()
    if isinstance(topic, bytes):
        return topic
    raise TypeError(f"a topic is bytes or str, not {type(topic).__name__}")


def _random_ports(min_port: int, max_port: int, max_tries: int) -> Iterator[int]:
    if not 0 < min_port < max_port <= 65536:
        raise ZMQError(errno.EINVAL, f"ports are from 1 to 65535, not from {min_port} to {max_port - 1}")
    ports = range(min_port, max_port)
    yield from random.sample(ports, min(max_tries, len(ports)))

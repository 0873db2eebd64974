"""The events of a socket as messages on an inproc socket: libzmq's `zmq_socket_monitor`, and what pyzmq makes of it."""

from __future__ import annotations

import asyncio
import errno
import struct
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, Protocol, TypedDict

from aiomq.constants import Event, PollEvent, SocketType
from aiomq.errors import Again, ZMQError
from aiomq.events import MonitorEvent
from aiomq.monitor import MAX_EVENTS

if TYPE_CHECKING:
    from aiomq.observed import ObservedCore
    from aiomq.socket import Socket

__all__ = ["MonitorMessage", "MonitorSocket", "check_monitor", "parse_monitor_message", "recv_monitor_message"]

_V1: Final = struct.Struct("=HI")
_V2: Final = struct.Struct("=Q")
_TYPES: Final[dict[int, frozenset[SocketType]]] = {
    1: frozenset({SocketType.PAIR}),
    2: frozenset({SocketType.PAIR, SocketType.PUB, SocketType.PUSH}),
}
"""By version: what a monitor's socket may be, as libzmq has it."""

_MASKS: Final = {1: int(Event.ALL_V1), 2: int(Event.ALL_V2)}


class MonitorMessage(TypedDict):
    """One event, as pyzmq gives it."""

    event: Event
    value: int
    endpoint: bytes


class _Receiver(Protocol):
    """What `recv_monitor_message` reads from."""

    def recv_multipart(self, flags: int = 0) -> Awaitable[list[bytes]]:
        """Receive a whole message."""


def parse_monitor_message(msg: list[bytes]) -> MonitorMessage:
    """Return what the two frames of a version 1 monitor message say.

    Raises:
        ValueError: these are not the frames of such a message.
    """
    if len(msg) != 2 or len(msg[0]) != _V1.size:
        raise ValueError(f"a monitor message has a frame of {_V1.size} bytes and one with an endpoint, not {msg!r}")
    event, value = _V1.unpack(msg[0])
    return {"event": Event(event), "value": value, "endpoint": msg[1]}


async def recv_monitor_message(socket: _Receiver, flags: int = 0) -> MonitorMessage:
    """Receive one event from the PAIR that `get_monitor_socket` returned.

    Raises and cancellation: as `Socket.recv_multipart`.
    """
    return parse_monitor_message(await socket.recv_multipart(flags))


class MonitorSocket:
    """Sends the events of one socket by another, which is bound to an inproc name, until it is stopped.

    What that socket has no room for, or nobody to send to, waits here, `MAX_EVENTS` events at most; beyond them the
    oldest are dropped. So a monitor that nobody reads holds up nothing.
    """

    def __init__(
        self,
        watched: ObservedCore,
        make: Callable[[int], Socket],
        addr: str,
        events: int | None,
        *,
        version: int,
        kind: int,
    ) -> None:
        """Bind, and tell from now on. The arguments are those that `check_monitor` lets pass.

        Raises:
            ZMQError: EADDRINUSE for a name in use.
        """
        self._watched = watched
        self._wanted = _MASKS[version] if events is None else events
        self._encode = _encode_v1 if version == 1 else _encode_v2
        self._waiting: deque[list[bytes]] = deque(maxlen=MAX_EVENTS)
        self._awaited = False
        self._socket = make(kind)
        self._socket.linger = 0
        try:
            self._socket.bind(addr)
        except BaseException:  # raised again; nobody else would close it
            self._socket.close()
            raise
        watched.monitors.append(self._tell)
        watched.adopted_callbacks.append(self._send)

    def _tell(self, event: MonitorEvent) -> None:
        if event.event & self._wanted:
            self._waiting.append(self._encode(event))
            self._send()
        if event.event is Event.MONITOR_STOPPED:
            self._end()

    def _send(self) -> None:
        """Send what waits, as far as there is room; the rest when there is some."""
        socket, waiting = self._socket, self._waiting
        try:
            while waiting:
                socket.send_multipart_nowait(waiting[0])
                waiting.popleft()
        except Again:
            self._wait_for_room()
        except (ZMQError, RuntimeError):  # closed with its context; or there is no loop yet, or any longer
            return

    def _wait_for_room(self) -> None:
        if not self._awaited:
            self._awaited = True
            (gate,) = self._socket.gates(PollEvent.POLLOUT)
            gate.watch(asyncio.get_running_loop()).add_done_callback(self._room)

    def _room(self, _: asyncio.Future[None]) -> None:
        self._awaited = False
        self._send()

    def stop(self) -> None:
        """Tell no more; the last message is MONITOR_STOPPED, if that was asked for."""
        self._tell(MonitorEvent(event=Event.MONITOR_STOPPED, endpoint=""))

    def _end(self) -> None:
        if self._tell in self._watched.monitors:
            self._watched.monitors.remove(self._tell)
            self._watched.adopted_callbacks.remove(self._send)
        self._waiting.clear()
        self._socket.close(0)


def check_monitor(addr: str, events: int | None, version: int, kind: int) -> None:
    """Refuse what a monitor's socket cannot be.

    Raises:
        ZMQError: EINVAL for an unknown version, an event that the version does not have, or a type of socket that it
            does not take; EPROTONOSUPPORT for an address that is not inproc.
    """
    if version not in _TYPES:
        raise ZMQError(errno.EINVAL, f"monitor events have version 1 or 2, not {version}")
    if events is not None and events & ~_MASKS[version]:
        raise ZMQError(errno.EINVAL, f"version {version} has the events {_MASKS[version]:#x}, not {events:#x}")
    if kind not in _TYPES[version]:
        names = ", ".join(sorted(each.name for each in _TYPES[version]))
        raise ZMQError(errno.EINVAL, f"events of version {version} are sent by a socket of type {names}, not {kind}")
    if not addr.startswith("inproc://"):
        raise ZMQError(errno.EPROTONOSUPPORT, f"events are sent to an inproc address, not to {addr!r}")


def _encode_v1(event: MonitorEvent) -> list[bytes]:
    return [_V1.pack(event.event, event.value & 0xFFFFFFFF), _endpoint(event)]


def _encode_v2(event: MonitorEvent) -> list[bytes]:
    values = event.values or (event.value,)
    numbers = [int(event.event), len(values), *(value & 0xFFFFFFFFFFFFFFFF for value in values)]
    ends = (event.local_endpoint.encode(), event.remote_endpoint.encode())
    return [*(_V2.pack(number) for number in numbers), *ends]


def _endpoint(event: MonitorEvent) -> bytes:
    return b"" if event.event is Event.MONITOR_STOPPED else event.endpoint.encode()

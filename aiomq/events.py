"""What a monitor tells of a socket's connections."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from aiomq.constants import Event, ProtocolError

__all__ = ["Event", "MonitorEvent", "ProtocolError"]


class MonitorEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to a connection, a listener or a dialer.

    Attributes:
        event: what happened; exactly one bit.
        endpoint: where, as LAST_ENDPOINT writes it.
        value: what libzmq puts there: the file descriptor of a connection or listener, the `errno` of a failure, the
            milliseconds before the next attempt (CONNECT_RETRIED), the `ProtocolError` of a
            HANDSHAKE_FAILED_PROTOCOL, the ZAP status of a HANDSHAKE_FAILED_AUTH.
        values: the two numbers of a PIPES_STATS, messages queued out and in; empty for all other events.
        local_endpoint: this end of it: what is bound, or the address that a connection was made from.
        remote_endpoint: the other end: what is connected to, or the address of who connected.
        peer_address: who is at the other end; empty where nobody is, or it is not known.
        routing_id: the identity that the peer announced; empty before the handshake, or if it announced none.
        reason: why, in words; empty where nothing went wrong.
        error: the exception behind it, where there is one.
    """

    event: Event
    endpoint: str
    value: int = 0
    values: tuple[int, ...] = ()
    local_endpoint: str = ""
    remote_endpoint: str = ""
    peer_address: str = ""
    routing_id: bytes = b""
    reason: str = ""
    error: BaseException | None = None

    def __str__(self) -> str:
        parts = [self.event.name or f"Event({int(self.event)})", self.endpoint]
        if self.peer_address:
            parts.append(f"peer {self.peer_address}")
        if self.routing_id:
            parts.append(f"routing id {self.routing_id!r}")
        detail = _DETAILS.get(self.event)
        if detail is not None:
            parts.append(detail(self.value))
        text = " ".join(part for part in parts if part)
        reason = self.reason or (str(self.error) or repr(self.error) if self.error else "")
        return f"{text}: {reason}" if reason else text


def _descriptor(value: int) -> str:
    return f"fd {value}" if value >= 0 else ""


def _system_error(value: int) -> str:
    return f"({os.strerror(value)})" if value > 0 else ""


def _interval(value: int) -> str:
    return f"in {value} ms"


def _protocol_error(value: int) -> str:
    try:
        return f"({ProtocolError(value).name})"
    except ValueError:
        return f"({value:#x})"


def _status(value: int) -> str:
    return f"(status {value})"


_DETAILS: Final[Mapping[Event, Callable[[int], str]]] = {
    Event.CONNECTED: _descriptor,
    Event.CONNECT_DELAYED: _system_error,
    Event.CONNECT_RETRIED: _interval,
    Event.LISTENING: _descriptor,
    Event.BIND_FAILED: _system_error,
    Event.ACCEPTED: _descriptor,
    Event.ACCEPT_FAILED: _system_error,
    Event.CLOSED: _descriptor,
    Event.CLOSE_FAILED: _system_error,
    Event.DISCONNECTED: _descriptor,
    Event.HANDSHAKE_FAILED_NO_DETAIL: _system_error,
    Event.HANDSHAKE_FAILED_PROTOCOL: _protocol_error,
    Event.HANDSHAKE_FAILED_AUTH: _status,
}

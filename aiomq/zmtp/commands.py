"""The bodies of commands, and the metadata that some of them carry (RFC 37, Commands and Connection Metadata).

    command  = name-length(1) name data
    READY    = metadata          metadata = *( name-length(1) name value-length(4) value )
    ERROR    = reason-length(1) reason
    PING     = ttl(2) context    PONG = context, up to 16 octets
    SUBSCRIBE, CANCEL = topic
    JOIN, LEAVE = group (RFC 48)
    HELLO, WELCOME, INITIATE = what `mechanisms` put there (RFC 24, 26)

A body says nothing of the frame around it: that is the business of `session` (handshake) and `frames` (traffic).
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final, TypeAlias

from aiomq.constants import ProtocolError
from aiomq.message import Control, Membership, Subscription
from aiomq.zmtp.errors import ZmtpError

__all__ = [
    "CANCEL",
    "ERROR",
    "HELLO",
    "INITIATE",
    "JOIN",
    "LEAVE",
    "MAX_CONTEXT_SIZE",
    "MAX_PROPERTIES",
    "MAX_TTL",
    "PING",
    "PONG",
    "READY",
    "SUBSCRIBE",
    "WELCOME",
    "Command",
    "Ping",
    "Pong",
    "encode_control",
    "encode_error",
    "encode_metadata",
    "encode_ping",
    "encode_pong",
    "encode_ready",
    "encode_subscription",
    "name_of",
    "parse_command",
    "parse_error",
    "parse_metadata",
]

HELLO: Final = b"\x05HELLO"
WELCOME: Final = b"\x07WELCOME"
INITIATE: Final = b"\x08INITIATE"
READY: Final = b"\x05READY"
ERROR: Final = b"\x05ERROR"
PING: Final = b"\x04PING"
PONG: Final = b"\x04PONG"
SUBSCRIBE: Final = b"\x09SUBSCRIBE"
CANCEL: Final = b"\x06CANCEL"
JOIN: Final = b"\x04JOIN"
LEAVE: Final = b"\x05LEAVE"

MAX_CONTEXT_SIZE: Final = 16
"""Octets of context in a PING or PONG."""

MAX_TTL: Final = 0xFFFF
"""The longest time-to-live of a PING, in tenths of a second."""

MAX_PROPERTIES: Final = 1024
"""Properties in one metadata: tiny ones must not cost many times their size in memory."""

_TTL: Final = Struct(">H")
_VALUE_SIZE: Final = Struct(">I")
_MAX_SHORT: Final = 0xFF

_HANDSHAKE: Final = (HELLO, WELCOME, INITIATE, READY, ERROR)
_TRAFFIC: Final = (PING, PONG, SUBSCRIBE, CANCEL, JOIN, LEAVE)

_KNOWN_NAMES: Final = {name.lower(): name for name in ("Socket-Type", "Identity", "Resource")}


class Ping:
    """A peer asks for a sign of life."""

    __slots__ = ("context", "ttl")

    def __init__(self, ttl: int, context: bytes = b"") -> None:
        self.ttl: Final = ttl
        """After how many tenths of a second of silence the peer wants to be given up; 0 for never."""
        self.context: Final = context
        """What the PONG must repeat."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ping):
            return NotImplemented
        return self.ttl == other.ttl and self.context == other.context

    def __hash__(self) -> int:
        return hash((self.ttl, self.context))

    def __repr__(self) -> str:
        return f"<Ping ttl={self.ttl} context={self.context!r}>"


class Pong:
    """A peer's answer to a PING."""

    __slots__ = ("context",)

    def __init__(self, context: bytes = b"") -> None:
        self.context: Final = context

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Pong):
            return NotImplemented
        return self.context == other.context

    def __hash__(self) -> int:
        return hash((Pong, self.context))

    def __repr__(self) -> str:
        return f"<Pong context={self.context!r}>"


Command: TypeAlias = Control | Ping | Pong
"""What may come as a command among messages."""


# -- traffic ----------------------------------------------------------------------------------------------------------


def parse_command(body: bytes) -> Command | None:
    """Return the command of a command frame in traffic; None for one to be ignored.

    Ignored, as by libzmq, are unknown names (in exact case), an empty body, and a name that is longer than its body.

    Raises:
        ZmtpError: a PING has no room for its time-to-live.
    """
    if body.startswith(SUBSCRIBE):
        return Subscription(body[len(SUBSCRIBE) :], subscribe=True)
    if body.startswith(CANCEL):
        return Subscription(body[len(CANCEL) :], subscribe=False)
    if body.startswith(PING):
        return _parse_ping(body)
    if body.startswith(PONG):
        return Pong(_context_at(body, len(PONG)))
    if body.startswith(JOIN):
        return Membership(body[len(JOIN) :], join=True)
    if body.startswith(LEAVE):
        return Membership(body[len(LEAVE) :], join=False)
    return None


def _parse_ping(body: bytes) -> Ping:
    start = len(PING) + _TTL.size
    if len(body) < start:
        raise ZmtpError(f"a PING command of {len(body)} octets: it takes {start} to hold a time-to-live")
    ttl: int = _TTL.unpack_from(body, len(PING))[0]
    return Ping(ttl, _context_at(body, start))


def _context_at(body: bytes, start: int) -> bytes:
    # 37/ZMTP, Connection Heartbeating: at most 16 octets. libzmq answers a longer context with its beginning.
    return body[start : start + MAX_CONTEXT_SIZE]


def encode_control(item: Control) -> bytes:
    """Return the body of the command that a subscription, or a joining or leaving, is."""
    if isinstance(item, Subscription):
        return encode_subscription(item)
    return (JOIN if item.join else LEAVE) + (item.group or b"")


def encode_subscription(subscription: Subscription) -> bytes:
    """Return the body of a SUBSCRIBE or CANCEL command."""
    return (SUBSCRIBE if subscription.subscribe else CANCEL) + subscription.topic


def encode_ping(ttl: int, context: bytes = b"") -> bytes:
    """Return the body of a PING with a time-to-live in tenths of a second."""
    if not 0 <= ttl <= MAX_TTL:
        raise ValueError(f"the time-to-live of a PING is 0 to {MAX_TTL} tenths of a second, not {ttl}")
    return PING + _TTL.pack(ttl) + _checked_context(context)


def encode_pong(context: bytes = b"") -> bytes:
    """Return the body of the PONG that repeats a PING's context."""
    return PONG + _checked_context(context)


def _checked_context(context: bytes) -> bytes:
    if len(context) > MAX_CONTEXT_SIZE:
        raise ValueError(f"the context of a PING or PONG has up to {MAX_CONTEXT_SIZE} octets, not {len(context)}")
    return context


def name_of(body: bytes) -> str:
    """Return the name of a command, if it is one that the RFCs know; else an empty text.

    For errors, which quote nothing else of a command: where a length is wrong, anything may stand in the place of a
    name, a password too.
    """
    for each in _HANDSHAKE + _TRAFFIC:
        if body.startswith(each):
            return each[1:].decode()
    return ""


# -- handshake --------------------------------------------------------------------------------------------------------


def encode_ready(properties: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the body of a READY command."""
    return READY + encode_metadata(properties)


def encode_error(reason: bytes) -> bytes:
    """Return the body of an ERROR command; the reason is cut to the 255 octets that fit."""
    reason = reason[:_MAX_SHORT]
    return ERROR + bytes((len(reason),)) + reason


def parse_error(body: bytes) -> bytes:
    """Return the reason that an ERROR command gives. Octets after it are ignored, as by libzmq.

    Raises:
        ZmtpError: the reason is cut short.
    """
    start = len(ERROR) + 1
    if len(body) < start or len(body) < start + body[len(ERROR)]:
        code = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_ERROR
        raise ZmtpError(f"an ERROR command of {len(body)} octets, whose reason is cut short", code=code)
    return body[start : start + body[len(ERROR)]]


def encode_metadata(properties: Iterable[tuple[str, bytes]]) -> bytes:
    """Return properties as they stand in READY and INITIATE, in the order given."""
    parts: list[bytes] = []
    for name, value in properties:
        octets = name.encode()
        if not 1 <= len(octets) <= _MAX_SHORT:
            raise ValueError(f"the name of a property has 1 to {_MAX_SHORT} octets, not {len(octets)}: {name[:80]!r}")
        parts += (bytes((len(octets),)), octets, _VALUE_SIZE.pack(len(value)), value)
    return b"".join(parts)


def parse_metadata(data: bytes, code: ProtocolError | None = None) -> dict[str, bytes]:
    """Return the properties of a READY or INITIATE.

    37/ZMTP, Connection Metadata: the case of names does not count. Names that the RFC defines come out in its
    spelling, others as they are. The first of two properties with the same name counts.

    Args:
        data: the metadata, from after the command's name.
        code: what an error shall carry; who sent the metadata decides whether an event is raised for it.

    Raises:
        ZmtpError: a property is cut short or has no name, or there are more than `MAX_PROPERTIES`.
    """
    metadata: dict[str, bytes] = {}
    seen: set[str] = set()
    position = count = 0
    while position < len(data):
        if count == MAX_PROPERTIES:
            raise _invalid(f"more than {MAX_PROPERTIES} properties", code)
        count += 1
        octets, value, position = _parse_property(data, position, code)
        name = octets.decode(errors="backslashreplace")
        folded = name.lower()
        if folded not in seen:
            seen.add(folded)
            metadata[_KNOWN_NAMES.get(folded, name)] = value
    return metadata


def _parse_property(data: bytes, position: int, code: ProtocolError | None) -> tuple[bytes, bytes, int]:
    start = position + 1
    stop = start + data[position]
    if start == stop:
        raise _invalid(f"a property without a name at octet {position}", code)
    if stop + _VALUE_SIZE.size > len(data):
        raise _invalid(f"a property at octet {position} is cut short in its name or size", code)
    name = data[start:stop]
    start = stop + _VALUE_SIZE.size
    size: int = _VALUE_SIZE.unpack_from(data, stop)[0]
    if size > len(data) - start:
        left = len(data) - start
        raise _invalid(f"a property at octet {position} claims {size} octets of value where {left} are left", code)
    return name, data[start : start + size], start + size


def _invalid(what: str, code: ProtocolError | None) -> ZmtpError:
    return ZmtpError(f"invalid metadata: {what}", code=code, report=b"invalid-metadata")

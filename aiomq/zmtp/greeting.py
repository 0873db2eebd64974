"""The greeting: the first octets of a connection, by which two peers find the version that both speak.

    3.x   FF padding(8) 7F | major minor mechanism(20) as-server filler(31)      64 octets (RFC 23 and 37)
    2.0   FF padding(8) 7F | revision socket-type                                12 octets, routing id frame (RFC 15)
    1.0   none: the first frame each way is the routing id (RFC 13)

Our first ten octets are a signature to newer peers and, to a 1.0 peer, the long header of our routing id frame. So
nothing has to be known of the peer before they are sent. Only layouts live here; what is sent when is in `session`.
"""

from __future__ import annotations

from enum import Enum
from struct import Struct
from typing import Final, NamedTuple

from aiomq.constants import SocketType

__all__ = [
    "GREETING_SIZE",
    "MECHANISM_SIZE",
    "OLD_GREETING_SIZE",
    "REVISION_OFFSET",
    "SIGNATURE_SIZE",
    "Framing",
    "Greeting",
    "Negotiated",
    "encode_rest",
    "encode_revision",
    "encode_signature",
    "encode_socket_type",
    "is_old_revision",
    "is_versioned",
    "negotiate",
    "old_socket_type",
    "parse_greeting",
]

SIGNATURE_SIZE: Final = 10
REVISION_OFFSET: Final = 10
MECHANISM_SIZE: Final = 20
OLD_GREETING_SIZE: Final = 12
"""With revision 0 or 1 the greeting ends after the socket type."""
GREETING_SIZE: Final = 64

_MAJOR: Final = 3
_MINOR: Final = 1
_SIGNATURE: Final = Struct(">BQB")
_REST: Final = Struct(f">B{MECHANISM_SIZE}sB31x")

_OLD_TYPES: Final = {SocketType.XPUB: SocketType.PUB, SocketType.XSUB: SocketType.SUB}
"""15/ZMTP, Publish-Subscribe: on the wire of 2.0 an XPUB is a PUB and an XSUB is a SUB."""


class Framing(Enum):
    """How frames look once the handshake is over."""

    V1 = "ZMTP 1.0"
    V2 = "ZMTP 2.0 and later"


class Negotiated(NamedTuple):
    """What follows from the peer's greeting."""

    version: tuple[int, int]
    framing: Framing
    subscription_commands: bool
    """SUBSCRIBE and CANCEL travel as commands; otherwise as messages that start with an octet 1 or 0."""


class Greeting(NamedTuple):
    """A whole greeting of ZMTP 3.x."""

    major: int
    minor: int
    mechanism: bytes
    """All 20 octets, padding included: they are compared as they are."""
    as_server: bool


def encode_signature(routing_id_size: int) -> bytes:
    """Return the ten octets that open every connection of ours."""
    # 37/ZMTP, Detecting ZMTP 1.0 and 2.0 Peers: the padding holds the length of our identity frame, flags included.
    return _SIGNATURE.pack(0xFF, routing_id_size + 1, 0x7F)


def encode_revision() -> bytes:
    """Return the octet after the signature, which must be sent without waiting for the peer's."""
    return bytes((_MAJOR,))


def encode_rest(mechanism: bytes, *, as_server: bool) -> bytes:
    """Return the greeting for a 3.x peer from the minor version on."""
    if len(mechanism) > MECHANISM_SIZE:
        raise ValueError(f"a mechanism's name has up to {MECHANISM_SIZE} octets, not {len(mechanism)}: {mechanism!r}")
    return _REST.pack(_MINOR, mechanism, as_server)


def encode_socket_type(socket_type: SocketType) -> bytes:
    """Return the last octet of the greeting for a 2.0 peer."""
    return bytes((_OLD_TYPES.get(socket_type, socket_type),))


def is_versioned(octets: bytes | bytearray) -> bool | None:
    """Return whether a peer that begins so has a greeting at all; None if more octets are needed to tell."""
    if octets and octets[0] != 0xFF:
        return False
    if len(octets) < SIGNATURE_SIZE:
        return None
    # Bit 0 of the tenth octet: in a 1.0 peer's long frame header this is the MORE flag, which no routing id has.
    return bool(octets[SIGNATURE_SIZE - 1] & 1)


def is_old_revision(revision: int) -> bool:
    """Return whether the octet after the signature announces less than 3.x.

    2 is 3.x here: RFC 37 counts it as ZMTP 2.0, but no 2.0 peer ever sent it and libzmq takes it for 3.x.
    """
    return revision < 2


def old_socket_type(octet: int) -> SocketType | None:
    """Return the socket type that a 2.0 peer announced; None for an octet without a meaning."""
    try:
        return SocketType(octet)
    except ValueError:
        return None


def parse_greeting(octets: bytes | bytearray) -> Greeting:
    """Return what the 64 octets of a 3.x greeting say; padding and filler say nothing."""
    mechanism = bytes(octets[OLD_GREETING_SIZE : OLD_GREETING_SIZE + MECHANISM_SIZE])
    return Greeting(octets[10], octets[11], mechanism, octets[32] == 1)


_UNVERSIONED: Final = Negotiated((1, 0), Framing.V1, subscription_commands=False)
_BY_VERSION: Final = {
    (0, None): _UNVERSIONED,
    (1, None): Negotiated((2, 0), Framing.V2, subscription_commands=False),
    (3, 0): Negotiated((3, 0), Framing.V2, subscription_commands=False),
}
_NEWEST: Final = Negotiated((3, 1), Framing.V2, subscription_commands=True)
"""37/ZMTP, Version Negotiation: towards an equal or higher version we speak our own."""


def negotiate(revision: int | None, minor: int | None = None) -> Negotiated:
    """Return what to speak with a peer of this revision octet, None if it has no greeting, and minor version."""
    if revision is None:
        return _UNVERSIONED
    return _BY_VERSION.get((revision, minor), _NEWEST)

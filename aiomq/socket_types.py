"""Which types of sockets there are, which talk to which, and how they name themselves on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiomq.constants import SocketType

__all__ = [
    "ANNOUNCES_ROUTING_ID",
    "COMPATIBLE",
    "PUBLISHERS",
    "UNIQUE_CONNECT",
    "SocketType",
    "is_compatible",
    "type_named",
    "wire_name",
]

_T = SocketType

_PAIRS: Final = (
    # 28/REQREP
    (_T.REQ, _T.REP),
    (_T.REQ, _T.ROUTER),
    (_T.REP, _T.DEALER),
    (_T.DEALER, _T.DEALER),
    (_T.DEALER, _T.ROUTER),
    (_T.ROUTER, _T.ROUTER),
    # 29/PUBSUB
    (_T.PUB, _T.SUB),
    (_T.PUB, _T.XSUB),
    (_T.XPUB, _T.SUB),
    (_T.XPUB, _T.XSUB),
    # 30/PIPELINE
    (_T.PUSH, _T.PULL),
    # 31/EXPAIR
    (_T.PAIR, _T.PAIR),
    # 41/CLISRV, 48/RADIO-DISH, 49/SCATTER-GATHER, 51/P2P, 52/CHANNEL
    (_T.SERVER, _T.CLIENT),
    (_T.RADIO, _T.DISH),
    (_T.SCATTER, _T.GATHER),
    (_T.PEER, _T.PEER),
    (_T.CHANNEL, _T.CHANNEL),
    (_T.DGRAM, _T.DGRAM),
)


def _partners(socket_type: SocketType) -> frozenset[SocketType]:
    return frozenset(pair[pair[0] is socket_type] for pair in _PAIRS if socket_type in pair)


COMPATIBLE: Final[Mapping[SocketType, frozenset[SocketType]]] = MappingProxyType(
    {socket_type: _partners(socket_type) for socket_type in SocketType}
)
"""Which types each type accepts as peers. STREAM has none: its peers are not ZeroMQ sockets."""

ANNOUNCES_ROUTING_ID: Final = frozenset({_T.REQ, _T.DEALER, _T.ROUTER})
"""Types whose READY or INITIATE carries an Identity, be it empty (libzmq sends it for these alone)."""

PUBLISHERS: Final = frozenset({_T.PUB, _T.XPUB})
"""Types that filter for their peers, by the subscriptions that those send."""

UNIQUE_CONNECT: Final = frozenset({_T.DEALER, _T.SUB, _T.PUB, _T.REQ})
"""Types for which a second connect to the same endpoint changes nothing; the others get a second peer."""


def is_compatible(ours: SocketType, theirs: SocketType) -> bool:
    """Return whether a socket of our type may talk to one of theirs."""
    return theirs in COMPATIBLE[ours]


def wire_name(socket_type: SocketType) -> bytes:
    """Return the Socket-Type property of a type, as it stands in READY."""
    return socket_type.name.encode("ascii")


def type_named(name: str | bytes) -> SocketType | None:
    """Return the type of this name, in exact case as libzmq compares it; None for a name that no type has.

    The names are those of today: XREQ and XREP never were on the wire.
    """
    if isinstance(name, str):
        name = name.encode("utf-8", "surrogatepass")
    return _BY_NAME.get(name)


_BY_NAME: Final[Mapping[bytes, SocketType]] = {wire_name(socket_type): socket_type for socket_type in SocketType}

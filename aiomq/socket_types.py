"""Which types of sockets there are, which talk to which, and how they name themselves on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiomq.constants import SocketType
from aiomq.errors import ENOCOMPATPROTO, ZMQError

__all__ = [
    "ANNOUNCES_ROUTING_ID",
    "COMPATIBLE",
    "PLAIN_DATAGRAMS",
    "PUBLISHERS",
    "RAW_STREAMS",
    "THREAD_SAFE",
    "UNIQUE_CONNECT",
    "SocketType",
    "check_transport",
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
"""Types whose READY or INITIATE carries an Identity, be it empty, as in libzmq. The others announce one that is set."""

PUBLISHERS: Final = frozenset({_T.PUB, _T.XPUB})
"""Types that filter for their peers, by the subscriptions that those send."""

THREAD_SAFE: Final = frozenset({_T.CLIENT, _T.SERVER, _T.RADIO, _T.DISH, _T.SCATTER, _T.GATHER, _T.PEER, _T.CHANNEL})
"""Types that libzmq lets threads share, and whose messages have one frame."""

UNIQUE_CONNECT: Final = frozenset({_T.DEALER, _T.SUB, _T.PUB, _T.REQ})
"""Types for which a second connect to the same endpoint changes nothing; the others get a second peer."""


RAW_STREAMS: Final = frozenset({_T.STREAM})
"""Types whose peers are byte streams that know nothing of ZMTP."""

PLAIN_DATAGRAMS: Final = frozenset({_T.DGRAM})
"""Types whose datagrams hold what the user gave, and nothing else."""

_ZMTP: Final = frozenset(SocketType) - RAW_STREAMS - PLAIN_DATAGRAMS

_BOUND: Final[Mapping[str, frozenset[SocketType]]] = MappingProxyType(
    {"tcp": _ZMTP | RAW_STREAMS, "ipc": _ZMTP | RAW_STREAMS, "udp": frozenset({_T.DISH}) | PLAIN_DATAGRAMS}
)
"""Which types bind endpoints of which transport; the transports that are not here are for all that speak ZMTP."""

_CONNECTED: Final[Mapping[str, frozenset[SocketType]]] = MappingProxyType({**_BOUND, "udp": frozenset({_T.RADIO})})
"""The same for connecting."""


def check_transport(socket_type: SocketType, scheme: str, *, for_bind: bool) -> None:
    """Check that a type of socket may bind, or connect to, endpoints of a transport.

    Raises:
        ZMQError: ENOCOMPATPROTO if it may not.
    """
    allowed = (_BOUND if for_bind else _CONNECTED).get(scheme, _ZMTP)
    if socket_type not in allowed:
        verb = "bind" if for_bind else "connect to"
        who = f": {', '.join(sorted(each.name for each in allowed))} can" if len(allowed) < len(_ZMTP) else ""
        raise ZMQError(ENOCOMPATPROTO, f"a {socket_type.name} socket cannot {verb} {scheme} endpoints{who}")


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

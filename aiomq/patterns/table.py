"""Which pattern a type of socket has: the only place where the types part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiomq.constants import SocketType
from aiomq.patterns.base import Pattern
from aiomq.patterns.channel import ChannelPattern
from aiomq.patterns.dealer_router import DealerPattern, RouterPattern
from aiomq.patterns.dgram import DgramPattern
from aiomq.patterns.pair import PairPattern
from aiomq.patterns.publishers import PubPattern, XPubPattern
from aiomq.patterns.push_pull import PullPattern, PushPattern
from aiomq.patterns.radio_dish import DishPattern, RadioPattern
from aiomq.patterns.req_rep import RepPattern, ReqPattern
from aiomq.patterns.scatter_gather import GatherPattern, ScatterPattern
from aiomq.patterns.server_client import ClientPattern, PeerPattern, ServerPattern
from aiomq.patterns.stream import StreamPattern
from aiomq.patterns.subscribers import SubPattern, XSubPattern

__all__ = ["PATTERNS"]

PATTERNS: Final[Mapping[SocketType, type[Pattern]]] = {
    SocketType.PAIR: PairPattern,
    SocketType.PUB: PubPattern,
    SocketType.SUB: SubPattern,
    SocketType.REQ: ReqPattern,
    SocketType.REP: RepPattern,
    SocketType.DEALER: DealerPattern,
    SocketType.ROUTER: RouterPattern,
    SocketType.PULL: PullPattern,
    SocketType.PUSH: PushPattern,
    SocketType.XPUB: XPubPattern,
    SocketType.XSUB: XSubPattern,
    SocketType.STREAM: StreamPattern,
    SocketType.SERVER: ServerPattern,
    SocketType.CLIENT: ClientPattern,
    SocketType.RADIO: RadioPattern,
    SocketType.DISH: DishPattern,
    SocketType.GATHER: GatherPattern,
    SocketType.SCATTER: ScatterPattern,
    SocketType.DGRAM: DgramPattern,
    SocketType.PEER: PeerPattern,
    SocketType.CHANNEL: ChannelPattern,
}
"""A type that is not here cannot be made."""

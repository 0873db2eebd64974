"""Every library that can be measured, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benchmarks.cases import CURVE, Scenario
from benchmarks.peers.base import Peer
from benchmarks.peers.libzmq import LibzmqPeer
from benchmarks.peers.loops import RunMain, run_on_aiomq, run_on_asyncio, run_on_uvloop
from benchmarks.peers.raw import RawSocketPeer, RawUvloopPeer
from benchmarks.peers.zeromq import BlockingPeer, LoopPeer, MixedPeer

__all__ = ["DEFAULT_PEERS", "PEERS", "select_peers"]


_PYOMQ_BROKEN: Final[dict[Scenario, str]] = {
    "topics": "its PUB waits for ever when a SUB has 1000 topics (0.21)",
    **dict.fromkeys(CURVE, "nothing arrives over CURVE between two sockets of its own (0.21)"),
}


def _aiomq(name: str, run: RunMain, loop: str) -> LoopPeer:
    return LoopPeer(name, package="aiozeromq", constants="aiomq", module="aiomq", run=run, loop=loop, is_ours=True)


def _pyzmq(name: str, run: RunMain, loop: str) -> Peer:
    return LoopPeer(name, package="pyzmq", constants="zmq", module="zmq.asyncio", run=run, loop=loop)


def _pyomq(name: str, run: RunMain, loop: str) -> Peer:
    return LoopPeer(
        name, package="pyomq", constants="pyomq", module="pyomq.asyncio", run=run, loop=loop, broken=_PYOMQ_BROKEN
    )


_AIOMQ: Final = _aiomq("aiomq", run_on_aiomq, "uvloop")
_PYZMQ: Final = BlockingPeer("pyzmq", package="pyzmq", module="zmq")

PEERS: Final[dict[str, Peer]] = {
    peer.name: peer
    for peer in (
        _AIOMQ,
        _aiomq("aiomq+asyncio", run_on_asyncio, "asyncio"),
        _PYZMQ,
        _pyzmq("zmq.asyncio", run_on_asyncio, "asyncio"),
        _pyzmq("zmq.asyncio+uvloop", run_on_uvloop, "uvloop"),
        BlockingPeer("pyomq", package="pyomq", module="pyomq", broken=_PYOMQ_BROKEN),
        _pyomq("pyomq.asyncio", run_on_asyncio, "asyncio"),
        _pyomq("pyomq.asyncio+uvloop", run_on_uvloop, "uvloop"),
        MixedPeer("aiomq-pyzmq", _AIOMQ, _PYZMQ),
        MixedPeer("pyzmq-aiomq", _PYZMQ, _AIOMQ),
        LibzmqPeer(),
        RawSocketPeer(),
        RawUvloopPeer(),
    )
}

DEFAULT_PEERS: Final = (
    *("aiomq", "aiomq+asyncio", "pyzmq", "zmq.asyncio", "pyomq", "pyomq.asyncio"),
    *("aiomq-pyzmq", "pyzmq-aiomq", "libzmq", "raw-socket", "raw-uvloop"),
)
"""What a run measures unless told otherwise: each library as its users have it after installing it, and the limits."""


def select_peers(names: Iterable[str]) -> list[Peer]:
    """Return the adapters of these names, in the order of the table; `all` is every one.

    Raises:
        ValueError: there is no such name.
    """
    wanted = set(names)
    if "all" in wanted:
        return list(PEERS.values())
    if unknown := sorted(wanted - PEERS.keys()):
        raise ValueError(f"no peer is called {', '.join(unknown)}; there are: all, {', '.join(PEERS)}")
    return [peer for peer in PEERS.values() if peer.name in wanted]

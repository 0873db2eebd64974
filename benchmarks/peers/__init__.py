"""One adapter per library, each in the form that its own users would write."""

from __future__ import annotations

from benchmarks.peers.base import Peer, Reporter
from benchmarks.peers.table import DEFAULT_PEERS, PEERS, select_peers

__all__ = ["DEFAULT_PEERS", "PEERS", "Peer", "Reporter", "select_peers"]

"""Which strangers there are: what those of a kind do, and how many there are of each."""

from __future__ import annotations

from typing import Final

from tests.attack.hoarders import HOARDERS
from tests.attack.kinds import FLOODERS, SLOW, Plan

__all__ = ["ATTACK_KINDS", "plan", "shares"]

ATTACK_KINDS: Final = (*FLOODERS, *SLOW)


def plan(kind: str, server_type: str) -> Plan:
    """Return what strangers of a kind do to a server of a type."""
    if kind in FLOODERS:
        return FLOODERS[kind](server_type)
    return SLOW[kind][0](server_type) if kind in SLOW else HOARDERS[kind](server_type)


def shares(connections: int, flooders: int, kinds: tuple[str, ...] = ()) -> dict[str, int]:
    """Return how many strangers of each kind there are: of each that is wanted at least one.

    Args:
        connections: how many in all.
        flooders: how many of them flood.
        kinds: the kinds that are wanted; empty for all.
    """
    if other := [name for name in kinds if name not in ATTACK_KINDS]:
        return _divide(connections, dict.fromkeys(other, 1.0))
    fast = {name: 1.0 for name in FLOODERS if name in kinds or not kinds}
    slow = {name: share for name, (_, share) in SLOW.items() if name in kinds or not kinds}
    if not slow:
        flooders = connections
    elif not fast:
        flooders = 0
    return _divide(flooders, fast) | _divide(connections - flooders, slow)


def _divide(count: int, weights: dict[str, float]) -> dict[str, int]:
    """Divide a number by weights; what rounding leaves over goes to the greatest."""
    if not weights or count <= 0:
        return {}
    total = sum(weights.values())
    parts = {name: max(1, int(count * weight / total)) for name, weight in weights.items()}
    parts[max(parts, key=parts.__getitem__)] += max(0, count - sum(parts.values()))
    return parts

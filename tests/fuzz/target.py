"""What a fuzz target is: a function of octets that raises if, and only if, something is wrong with the library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Draw", "Target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One part of the library, and how it is fuzzed.

    Attributes:
        name: as the command line and the folder of its corpus have it.
        run: does one execution. Whatever it raises is a finding.
        share: how many of ten thousand executions over all targets are its.
        max_size: octets of the longest input.
        limit: seconds of the processor after which one execution counts as a hang.
    """

    name: str
    run: Callable[[bytes], None]
    share: int
    max_size: int = 4096
    limit: float = 5.0


class Draw:
    """Takes small numbers, and pieces, off the front of an input; one that is used up gives zeros."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, below: int) -> int:
        """Return a number from 0 up to, and without, `below`, which is 256 at most."""
        at = self._at
        self._at = at + 1
        return self._data[at] % below if at < len(self._data) else 0

    def piece(self, size: int) -> bytes:
        """Return the next octets, fewer if there are not so many."""
        at = self._at
        self._at = at + size
        return self._data[at : at + size]

    def rest(self) -> bytes:
        """Return what is left."""
        return self.piece(len(self._data))

    def __bool__(self) -> bool:
        return self._at < len(self._data)

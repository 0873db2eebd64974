"""How much work the decoders of one thread may still do before others get a turn."""

from __future__ import annotations

import sys
from typing import Final

__all__ = ["UNBOUNDED", "Allowance"]


class Allowance:
    """A number of frames that no whole message pays for: commands, and parts of messages that are not whole.

    Decoders count it down, and stop where it is used up; whoever calls them gives it back.
    """

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


UNBOUNDED: Final = sys.maxsize
"""As good as none: for decoders that nobody shares a loop with."""

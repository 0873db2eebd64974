"""For how long peers have been away, as far as clocks are to be believed.

While a socket is open the monotonic clock tells. Over its restart there is only the wall clock, and that may have been
set: by a million seconds, where a machine began in 1970.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

__all__ = ["JUMP_SECONDS", "TimeAway", "time_away"]

JUMP_SECONDS: Final = 10.0
"""A difference between the clocks that makes the wall clock one that was set, and not one that was corrected a bit."""


class TimeAway(NamedTuple):
    """For how long a peer has been away.

    Attributes:
        seconds: what is believed.
        unbelieved: what the wall clock says beyond that.
    """

    seconds: float
    unbelieved: float


def time_away(since: float | None, written: float | None, now: float, most: float) -> TimeAway:
    """Return for how long a peer that a store remembers has been away.

    Args:
        since: when it went, in seconds since the epoch; None if it was there to the last.
        written: when its store was written last; None if that is not known.
        now: what time it is.
        most: how much may have passed since it was written, at most: who cannot be told that it is over may as well
            have had no time.
    """
    if since is None or not math.isfinite(since):
        return TimeAway(0.0, 0.0)
    if written is None or not math.isfinite(written):
        written = since
    before = max(0.0, written - since)
    after = max(0.0, now - max(written, since))
    believed = min(after, most)
    return TimeAway(before + believed, after - believed)

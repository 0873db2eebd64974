"""How much hypothesis tries: little in the ordinary tests, more in `nox -s fuzz`."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, Phase, settings

__all__ = ["EXAMPLES", "machine_settings"]

ORDINARY: Final = 40
EXAMPLES: Final = int(os.environ.get("AIOMQ_FUZZ_EXAMPLES", ORDINARY))
"""Examples of each state machine."""


def machine_settings() -> settings:
    """Return the settings of a state machine."""
    is_longer = EXAMPLES > ORDINARY
    return settings(
        max_examples=EXAMPLES,
        stateful_step_count=150 if is_longer else 50,
        deadline=None,  # it counts what happens, not how long it takes
        derandomize=not is_longer,  # an ordinary run fails for what was changed, and not by chance
        # To make a failure small takes minutes, which an ordinary test does not have.
        phases=tuple(Phase) if is_longer else (Phase.explicit, Phase.reuse, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )

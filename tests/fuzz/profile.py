"""How much hypothesis tries: little in the ordinary tests, more in `nox -s fuzz`."""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

__all__ = ["EXAMPLES", "machine_settings"]

EXAMPLES: Final = int(os.environ.get("AIOMQ_FUZZ_EXAMPLES", "40"))
"""Examples of each state machine."""


def machine_settings() -> settings:
    """Return the settings of a state machine."""
    return settings(
        max_examples=EXAMPLES,
        stateful_step_count=50 if EXAMPLES <= 40 else 150,
        deadline=None,  # it counts what happens, not how long it takes
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )

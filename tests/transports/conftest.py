"""What tests of transports get beside the common fixtures."""

from __future__ import annotations

from tests.transports.fixtures import context, judge, script

__all__ = ["context", "judge", "script"]

"""The context of tests that keep sockets open without closing each: the conftests of their folders import it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq
from tests.sockets.links import KeepingContext

__all__ = ["context"]


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context that keeps its sockets open until the test is over, and is terminated then."""
    context = KeepingContext()
    yield context
    await context.term()

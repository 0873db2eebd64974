"""A context that keeps its sockets, for every test of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq
from tests.sockets.links import KeepingContext


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context that keeps its sockets open until the test is over, and is terminated then."""
    context = KeepingContext()
    yield context
    await context.term()

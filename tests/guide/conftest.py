"""Sockets of both libraries that wait for nothing for long."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq
from aiomq.runner import loop_factory
from tests.sockets.links import KeepingContext
from tests.transports.fixtures import judge
from tests.transports.scripted import BOUND

__all__ = ["context", "judge"]

loop_factory()().close()  # what libuv opens once for good must be open before leaks are counted


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context that keeps its sockets."""
    async with KeepingContext() as context:
        context.rcvtimeo = context.sndtimeo = BOUND * 1000
        yield context

"""Sockets of these tests wait for nothing for long, and are closed with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq
from tests.sockets.links import KeepingContext
from tests.transports.scripted import BOUND


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context whose sockets are closed, with what they hold, and which is terminated after the test."""
    async with KeepingContext() as context:
        context.rcvtimeo = context.sndtimeo = BOUND * 1000
        yield context

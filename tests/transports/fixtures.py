"""Fixtures of tests with libzmq, or a scripted peer, on the other side: the conftests of their folders import them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import aiomq
from tests.transports.judge import Judge, judging
from tests.transports.scripted import BOUND, Script

__all__ = ["context", "judge", "script"]


@pytest.fixture
def context(context: aiomq.Context) -> aiomq.Context:
    """Return the common context, whose sockets here wait for nothing for long, and drop at the end what is unsent."""
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = BOUND * 1000
    return context


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers; nothing may be given to the event loop to log."""
    async with Script() as made:
        yield made


@pytest.fixture
def judge() -> Iterator[Judge]:
    """Return the real libzmq."""
    with judging() as made:
        yield made

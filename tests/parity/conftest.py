"""Each test of parity is a script that is played to a socket of aiomq and to one of the real libzmq."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import aiomq
from tests.parity.subjects import Make, Subject, ours, theirs
from tests.transports.judge import Judge, judging
from tests.transports.scripted import BOUND, Script


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


@pytest.fixture(params=["aiomq", "libzmq"])
async def make(request: pytest.FixtureRequest, context: aiomq.Context, judge: Judge) -> AsyncIterator[Make]:
    """Return a maker of sockets of one library; a test that asks for it is played to both."""
    made: list[Subject] = []
    make_one = ours(context) if request.param == "aiomq" else theirs(judge)

    def make(socket_type: int, **options: object) -> Subject:
        made.append(make_one(socket_type, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()

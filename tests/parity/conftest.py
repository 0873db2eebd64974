"""Each test of parity is a script that is played to a socket of aiomq and to one of the real libzmq."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq
from tests.parity.subjects import Make, Subject, ours, theirs
from tests.transports.fixtures import context, judge, script
from tests.transports.judge import Judge

__all__ = ["context", "judge", "make", "script"]


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

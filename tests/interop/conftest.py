"""Pairs of sockets of which one, the other, or both are libzmq's: a script is played to all three pairs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
import zmq

import aiomq
from tests.parity.subjects import Make, Subject, ours, theirs
from tests.transports.fixtures import judge, script
from tests.transports.judge import Judge
from tests.transports.scripted import BOUND

__all__ = ["judge", "make", "script", "sides"]


class Sides(NamedTuple):
    """Makers of sockets for the two sides of a script."""

    one: Make
    other: Make


@pytest.fixture(params=["aiomq-libzmq", "libzmq-aiomq", "libzmq-libzmq"])
async def sides(request: pytest.FixtureRequest, context: aiomq.Context, judge: Judge) -> AsyncIterator[Sides]:
    """Return makers of the sockets of both sides; what holds for libzmq alone has to hold with aiomq in its place."""
    with _made_by(context, judge) as makers:
        yield Sides(*(makers[name] for name in request.param.split("-")))


@contextmanager
def _made_by(context: aiomq.Context, judge: Judge) -> Iterator[dict[str, Make]]:
    """Return makers of sockets that wait for nothing for long, and are closed afterwards."""
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = BOUND * 1000
    made: list[Subject] = []

    def closing(make_one: Make) -> Make:
        def make(socket_type: int, **options: object) -> Subject:
            made.append(make_one(socket_type, **options))
            return made[-1]

        return make

    yield {"aiomq": closing(ours(context)), "libzmq": closing(theirs(judge))}
    for each in made:
        each.close()


@pytest.fixture(params=["aiomq", "libzmq"])
async def make(request: pytest.FixtureRequest, context: aiomq.Context, judge: Judge) -> AsyncIterator[Make]:
    """Return a maker of sockets of one library, for a script against a scripted peer; it is played to both."""
    with _made_by(context, judge) as makers:
        yield makers[request.param]


@pytest.fixture
def draft_make(make: Make, request: pytest.FixtureRequest) -> Make:
    """Return what `make` returns, where the library has the draft options of libzmq."""
    if request.node.callspec.params["make"] == "libzmq" and not zmq.has("draft"):
        pytest.skip("this build of libzmq has no draft options")
    return make

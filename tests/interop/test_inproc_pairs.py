"""The pairs of socket types over inproc, aiomq to aiomq: within one event loop, and across two in two threads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

import aiomq
from aiomq.constants import SocketType
from tests.interop.loop_thread import LoopThread, RemoteSocket
from tests.interop.pairs import PAIRS, Pair, exchange, meet
from tests.interop.peers import TIMEOUT, recv_numbers, send_numbers

COUNT: Final = 100_000
BODIES: Final = (
    [b"body"],
    [b""],
    [b"first", b"", b"last"],
    [b"s" * 255],
    [b"l" * 256],
    [b"L" * (10 * 2**20), b"and more"],
)
LOSSLESS: Final = [
    pair for pair in PAIRS if pair.name in {"PUB-SUB", "DEALER-DEALER", "DEALER-ROUTER", "PUSH-PULL", "PAIR-PAIR"}
]
"""Pairs that carry a stream without loss, PUB-SUB where there is no mark to reach."""

pairs = pytest.mark.parametrize("pair", PAIRS, ids=[each.name for each in PAIRS])
lossless = pytest.mark.parametrize("pair", LOSSLESS, ids=[each.name for each in LOSSLESS])
one_binds = pytest.mark.parametrize("one_binds", [True, False], ids=["one binds", "other binds"])
bind_first = pytest.mark.parametrize("bind_first", [True, False], ids=["bind first", "connect first"])

_numbers: Final = itertools.count(1)


@contextlib.asynccontextmanager
async def in_one_loop(
    context: aiomq.Context, pair: Pair, *, one_binds: bool, bind_first: bool = True, **options: Any
) -> AsyncIterator[tuple[aiomq.Socket, aiomq.Socket]]:
    """Make both sockets of a pair in this loop, and let them meet."""
    name = f"inproc://pair-{next(_numbers)}"
    async with (
        context.socket(pair.one, linger=0, **pair.one_options, **options) as one,
        context.socket(pair.other, linger=0, **pair.other_options, **options) as other,
    ):
        binder, connector = (one, other) if one_binds else (other, one)
        if bind_first:
            binder.bind(name)
            connector.connect(name)
        else:
            connector.connect(name)
            binder.bind(name)
        await meet(pair, one, other)
        yield one, other


@contextlib.asynccontextmanager
async def in_two_threads(
    context: aiomq.Context, pair: Pair, *, one_binds: bool, bind_first: bool = True, **options: Any
) -> AsyncIterator[tuple[aiomq.Socket, RemoteSocket]]:
    """Make `one` in this loop and `other` in the loop of another thread, and let them meet."""
    name = f"inproc://pair-{next(_numbers)}"
    async with (
        LoopThread() as thread,
        await thread.socket(context, pair.other, linger=0, **pair.other_options, **options) as other,
        context.socket(pair.one, linger=0, **pair.one_options, **options) as one,
    ):
        if one_binds and bind_first:
            one.bind(name)
            await other.connect(name)
        elif one_binds:
            await other.connect(name)
            one.bind(name)
        elif bind_first:
            await other.bind(name)
            one.connect(name)
        else:
            one.connect(name)
            await other.bind(name)
        await meet(pair, one, other)
        yield one, other


@bind_first
@one_binds
@pairs
async def test_pair_in_one_loop_exchanges_messages_of_every_shape(
    context: aiomq.Context, pair: Pair, one_binds: bool, bind_first: bool
) -> None:
    async with in_one_loop(context, pair, one_binds=one_binds, bind_first=bind_first) as (one, other):
        for body in BODIES:
            await exchange(pair, one, other, body)


@bind_first
@one_binds
@pairs
async def test_pair_in_two_threads_exchanges_messages_of_every_shape(
    context: aiomq.Context, pair: Pair, one_binds: bool, bind_first: bool
) -> None:
    async with in_two_threads(context, pair, one_binds=one_binds, bind_first=bind_first) as (one, other):
        for body in BODIES:
            await exchange(pair, one, other, body)


def _volume_options(pair: Pair) -> dict[str, Any]:
    return {"sndhwm": 0, "rcvhwm": 0} if pair.one is SocketType.PUB else {}


@lossless
async def test_hundred_thousand_messages_in_one_loop_arrive_once_each_and_in_order(
    context: aiomq.Context, pair: Pair
) -> None:
    async with in_one_loop(context, pair, one_binds=True, **_volume_options(pair)) as (one, other):
        there, _ = await asyncio.gather(
            recv_numbers(other, COUNT, pair.envelope), send_numbers(one, 0, COUNT, pair.prefix)
        )
        assert there == [[0, COUNT - 1]]
        if pair.answers:
            back, _ = await asyncio.gather(
                recv_numbers(one, COUNT, pair.prefix), send_numbers(other, 0, COUNT, pair.envelope)
            )
            assert back == [[0, COUNT - 1]]


@lossless
async def test_hundred_thousand_messages_both_ways_across_threads_arrive_once_each_and_in_order(
    context: aiomq.Context, pair: Pair
) -> None:
    async with in_two_threads(context, pair, one_binds=True, **_volume_options(pair)) as (one, other):
        thread, remote = other.thread, other.socket
        there, _ = await asyncio.gather(
            thread.run(lambda: recv_numbers(remote, COUNT, pair.envelope)), send_numbers(one, 0, COUNT, pair.prefix)
        )
        assert there == [[0, COUNT - 1]]
        if pair.answers:
            back, _ = await asyncio.gather(
                recv_numbers(one, COUNT, pair.prefix),
                thread.run(lambda: send_numbers(remote, 0, COUNT, pair.envelope)),
            )
            assert back == [[0, COUNT - 1]]


async def test_requests_across_threads_are_each_answered_by_their_own_reply(context: aiomq.Context) -> None:
    count = 2_000
    pair = next(each for each in PAIRS if each.one is SocketType.REQ)

    async def serve(socket: aiomq.Socket) -> None:
        for _ in range(count):
            await socket.send_multipart(await socket.recv_multipart())

    async with in_two_threads(context, pair, one_binds=False) as (one, other), asyncio.timeout(TIMEOUT):
        server = asyncio.create_task(other.thread.run(lambda: serve(other.socket)))
        for number in range(count):
            await one.send(b"%d" % number)
            assert await one.recv() == b"%d" % number
        await server

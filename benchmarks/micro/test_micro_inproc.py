"""Whole sockets over inproc, in one event loop: everything but the codec and the system."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Awaitable, Callable, Iterator

import pytest

import aiomq
from aiomq.runner import loop_factory
from benchmarks.micro.ready_peer import OPERATIONS, Benchmark

MESSAGE = b"x" * 16
LOOPS = {"asyncio": asyncio.new_event_loop}
if importlib.util.find_spec("uvloop") is not None:
    LOOPS["uvloop"] = loop_factory()


class Pair:
    """Two connected sockets, and the loop that they live in."""

    def __init__(self, runner: asyncio.Runner, context: aiomq.Context) -> None:
        self._runner, self._context = runner, context
        self._sockets: list[aiomq.Socket] = []

    def connect(self, out_type: int, in_type: int) -> tuple[aiomq.Socket, aiomq.Socket]:
        outlet, inlet = self._context.socket(out_type), self._context.socket(in_type)
        inlet.bind("inproc://micro")
        outlet.connect("inproc://micro")
        self._sockets = [outlet, inlet]
        return outlet, inlet

    def call(self, function: Callable[[], Awaitable[object]]) -> object:
        async def main() -> object:
            return await function()

        return self._runner.run(main())

    def close(self) -> None:
        async def end() -> None:
            for socket in self._sockets:
                socket.close(linger=0)
            await self._context.term()

        self._runner.run(end())


@pytest.fixture(params=LOOPS)
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
        pair = Pair(runner, aiomq.Context())
        yield pair
        pair.close()


def test_send_then_recv(benchmark: Benchmark, pair: Pair) -> None:
    outlet, inlet = pair.connect(aiomq.PUSH, aiomq.PULL)

    async def hand_over() -> bytes:
        message = b""
        for _ in range(OPERATIONS):
            await outlet.send(MESSAGE)
        for _ in range(OPERATIONS):
            message = await inlet.recv()
        return message

    assert benchmark(pair.call, hand_over) == MESSAGE


def test_send_many_then_recv_many(benchmark: Benchmark, pair: Pair) -> None:
    outlet, inlet = pair.connect(aiomq.PUSH, aiomq.PULL)
    batch = [MESSAGE] * OPERATIONS

    async def hand_over() -> int:
        await outlet.send_many(batch)
        count = 0
        while count < OPERATIONS:
            count += len(await inlet.recv_many())
        return count

    assert benchmark(pair.call, hand_over) == OPERATIONS


def test_one_message_at_a_time(benchmark: Benchmark, pair: Pair) -> None:
    outlet, inlet = pair.connect(aiomq.PAIR, aiomq.PAIR)

    async def hand_over() -> bytes:
        message = b""
        for _ in range(OPERATIONS):
            await outlet.send(MESSAGE)
            message = await inlet.recv()
        return message

    assert benchmark(pair.call, hand_over) == MESSAGE


def test_request_and_reply(benchmark: Benchmark, pair: Pair) -> None:
    request, reply = pair.connect(aiomq.REQ, aiomq.REP)

    async def ask() -> bytes:
        message = b""
        for _ in range(OPERATIONS // 10):
            await request.send(MESSAGE)
            await reply.send(await reply.recv())
            message = await request.recv()
        return message

    assert benchmark(pair.call, ask) == MESSAGE

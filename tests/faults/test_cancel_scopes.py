"""The ways in which others cancel: timeouts, task groups and cancel scopes, of asyncio and of anyio."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import anyio
import pytest

import aiomq
from tests.sockets.links import linked, started, still_works, until

T = TypeVar("T")
Endpoint = Callable[[], str]


async def _with_wait_for(operation: Coroutine[Any, Any, T]) -> T:
    return await asyncio.wait_for(operation, 0.0002)


async def _with_timeout(operation: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(0.0002):
        return await operation


async def _with_timeout_of_zero(operation: Coroutine[Any, Any, T]) -> T:
    async with asyncio.timeout(0):
        return await operation


async def _with_fail_after(operation: Coroutine[Any, Any, T]) -> T:
    with anyio.fail_after(0.0002):
        return await operation


@pytest.mark.parametrize("limit", [_with_wait_for, _with_timeout, _with_timeout_of_zero, _with_fail_after])
async def test_timeouts_around_every_call_lose_and_duplicate_nothing(
    context: aiomq.Context,
    endpoint: Endpoint,
    limit: Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]],
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=2)
    late = 0

    async def retry(operation: Callable[..., Coroutine[Any, Any, T]], *arguments: object) -> T:
        nonlocal late
        while True:
            try:
                return await limit(operation(*arguments))  # type: ignore[no-any-return]  # as generic as `retry`
            except TimeoutError:
                late += 1
                await asyncio.sleep(0)

    async def send() -> None:
        for number in range(300):
            await retry(push.send, b"%d" % number)

    async def receive() -> list[bytes]:
        return [await retry(pull.recv) for _ in range(300)]

    receiving = asyncio.create_task(receive())
    await until(lambda: late >= 3)  # of the receiver alone: nothing is sent yet
    await send()

    assert await receiving == [b"%d" % number for number in range(300)]


async def test_move_on_after_gives_the_message_or_leaves_it(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=3)
    received: list[bytes] = []

    async with anyio.create_task_group() as group:

        async def send() -> None:
            for number in range(200):
                await push.send(b"%d" % number)

        group.start_soon(send)
        while len(received) < 200:
            with anyio.move_on_after(0):
                received.append(await pull.recv())
            await asyncio.sleep(0)

    assert received == [b"%d" % number for number in range(200)]


async def test_cancel_scope_of_a_task_group_ends_every_wait_in_it(context: aiomq.Context, endpoint: Endpoint) -> None:
    dealer = context.socket(aiomq.DEALER)
    dealer.bind(endpoint())
    poller = aiomq.Poller()
    poller.register(dealer, aiomq.POLLIN)
    operations: tuple[Callable[[], Awaitable[object]], ...] = (
        dealer.recv,
        dealer.recv_multipart,
        dealer.recv_many,
        dealer.poll,
        poller.poll,
        lambda: dealer.send(b"x"),
        lambda: dealer.send_multipart([b"x"]),
        lambda: dealer.send_many([b"x"]),
        lambda: anext(dealer),
    )

    async with anyio.create_task_group() as group:
        for operation in operations:
            group.start_soon(_await, operation)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()

    peer = context.socket(aiomq.DEALER)
    peer.connect(dealer.last_endpoint)
    await still_works(dealer, peer)
    await still_works(peer, dealer)


async def _await(operation: Callable[[], Awaitable[object]]) -> None:
    await operation()


async def test_shielded_send_is_finished_although_its_scope_was_cancelled(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://shield", aiomq.PULL, aiomq.PUSH, hwm=1)
    await push.send_many([b"0", b"1"])

    async def send_shielded() -> None:
        with anyio.CancelScope(shield=True):
            await push.send(b"2")

    async with anyio.create_task_group() as group:
        group.start_soon(send_shielded)
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
        asyncio.get_running_loop().call_soon(pull.recv_nowait)

    assert [pull.recv_nowait(), pull.recv_nowait()] == [b"1", b"2"]


async def test_task_group_that_fails_takes_no_message_with_it(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)

    async def fail() -> None:
        await push.send(b"kept")
        await until(lambda: pull.events or received)
        raise ZeroDivisionError

    received: list[bytes] = []

    async def receive() -> None:
        received.append(await pull.recv())

    async def run_together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(receive())
            group.create_task(receive())

    with pytest.raises(ExceptionGroup):
        await run_together()

    while await pull.poll(0):
        received.append(pull.recv_nowait())
    assert received == [b"kept"]


async def test_cancelled_error_is_what_a_cancelled_call_raises(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL, rcvtimeo=60_000)
    task = await started(pull.recv())

    task.cancel("because")

    with pytest.raises(asyncio.CancelledError, match="because"):
        await task
    pull.rcvtimeo = 1
    with pytest.raises(aiomq.Again) as caught:
        await pull.recv()
    assert caught.value.errno == errno.EAGAIN

"""`Context.term` always comes back, and whoever waits elsewhere gets ContextTerminated."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import socket as system
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import aiomq
from tests.sockets.links import KeepingContext, in_thread, linked, started, turns, until

Endpoint = Callable[[], str]

SOON = 5
"""Seconds in which what need not wait for anything comes back."""


async def test_term_ends_every_wait_on_every_socket(endpoint: Endpoint) -> None:
    context = KeepingContext()
    dealer, other = context.socket(aiomq.DEALER), context.socket(aiomq.DEALER)
    dealer.bind(endpoint())
    poller = aiomq.Poller()
    poller.register(dealer, aiomq.POLLIN)
    poller.register(other, aiomq.POLLIN)
    waiting = [
        await started(dealer.recv()),
        await started(dealer.recv_multipart()),
        await started(dealer.recv_many()),
        await started(dealer.send(b"x")),
        await started(dealer.send_many([b"x"])),
        await started(dealer.poll()),
        await started(poller.poll()),
        await started(other.recv_json()),
    ]

    await asyncio.wait_for(context.term(), SOON)
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [aiomq.ContextTerminated] * len(waiting)
    assert dealer.closed
    with pytest.raises(aiomq.ContextTerminated):
        await dealer.recv()
    with pytest.raises(aiomq.ContextTerminated):
        dealer.send_nowait(b"x")


async def test_term_of_an_empty_context_is_at_once() -> None:
    context = aiomq.Context()

    await context.term()

    assert context.closed


async def test_term_twice_and_at_the_same_time() -> None:
    context = KeepingContext()
    sockets = [context.socket(aiomq.PULL) for _ in range(3)]
    for socket in sockets:
        socket.bind("tcp://127.0.0.1:0")

    await asyncio.wait_for(asyncio.gather(*(context.term() for _ in range(5))), SOON)
    await context.term()

    assert all(socket.closed for socket in sockets)
    assert not context._cores


async def test_term_from_several_threads_at_the_same_time() -> None:
    context = KeepingContext()
    linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)

    await asyncio.wait_for(asyncio.gather(context.term(), *(in_thread(context.term) for _ in range(3))), SOON)

    assert not context._cores


async def test_term_cancelled_and_called_again(tmp_path: Path) -> None:
    context = KeepingContext()
    push = context.socket(aiomq.PUSH, linger=-1)
    push.connect(f"ipc://{tmp_path}/nobody")
    await push.send(b"x")

    for _ in range(3):
        terminating = await started(context.term())
        terminating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await terminating
    assert context.closed
    await asyncio.wait_for(context.term(timeout=0), SOON)

    assert not context._cores


async def test_term_timeout_bounds_the_wait_and_tells_what_was_dropped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = KeepingContext()
    push = context.socket(aiomq.PUSH, linger=-1)
    push.connect(f"ipc://{tmp_path}/nobody")
    await push.send(b"x")

    with caplog.at_level(logging.WARNING, "aiomq.context"):
        await asyncio.wait_for(context.term(timeout=0.01), SOON)

    assert "PUSH socket made at" in caplog.text
    assert "nobody" in caplog.text
    assert not context._cores


@pytest.mark.parametrize("timeout", [math.inf, 60])
async def test_term_with_a_long_timeout_waits_until_messages_have_left(tmp_path: Path, timeout: float) -> None:
    context = KeepingContext()
    push = context.socket(aiomq.PUSH, linger=-1, reconnect_ivl=1)
    push.connect(f"ipc://{tmp_path}/later")
    await push.send(b"x")

    terminating = await started(context.term(timeout))
    async with aiomq.Context() as another:
        with another.socket(aiomq.PULL) as pull:
            pull.bind(f"ipc://{tmp_path}/later")
            assert await pull.recv() == b"x"
            await asyncio.wait_for(terminating, SOON)


async def test_term_goes_on_waiting_as_long_as_messages_leave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiomq.context.TERM_GRACE", 0.05)
    context, another = KeepingContext(), KeepingContext()
    pull, push = another.socket(aiomq.PULL, rcvhwm=1, rcvbuf=4096), context.socket(aiomq.PUSH, linger=-1, sndhwm=0)
    pull.bind("tcp://127.0.0.1:0")
    push.connect(pull.last_endpoint)
    await push.send_many([bytes(50_000)] * 300)
    loop = asyncio.get_running_loop()

    terminating = asyncio.create_task(context.term())
    begin = loop.time()
    count = 0
    while count < 300:
        await pull.recv()
        count += 1
        if loop.time() - begin < 0.2:  # slowly at first: for longer than the grace, but with progress
            await turns(50)
    await asyncio.wait_for(terminating, SOON)

    await another.term()


@pytest.mark.parametrize("linger", [0, 1])
async def test_term_with_a_peer_that_does_not_read(linger: int) -> None:
    async with KeepingContext() as another:
        pull = another.socket(aiomq.PULL, rcvhwm=1)
        pull.bind("tcp://127.0.0.1:0")
        context = KeepingContext()
        push = context.socket(aiomq.PUSH, sndhwm=0, linger=linger)
        push.connect(pull.last_endpoint)
        await push.send_many([bytes(50_000)] * 500)

        await asyncio.wait_for(context.term(), SOON)

        assert not context._cores


async def test_term_with_strangers_that_say_nothing() -> None:
    context = KeepingContext()
    pull = context.socket(aiomq.PULL, linger=-1)
    pull.bind("tcp://127.0.0.1:0")
    host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
    with system.create_connection((host, int(port)), timeout=SOON) as stranger:
        await until(lambda: pull._core.endpoints)
        await turns(5)

        await asyncio.wait_for(context.term(), SOON)

        stranger.settimeout(SOON)
        assert await asyncio.to_thread(_drained, stranger)


def _drained(stranger: system.socket) -> bool:
    """Read whatever comes; return whether the other side has closed."""
    try:
        while stranger.recv(4096):
            pass
    except ConnectionError:
        pass
    return True


async def test_async_with_ends_the_context_also_when_its_block_fails() -> None:
    context = KeepingContext()
    socket = context.socket(aiomq.PULL)

    async def fail() -> None:
        async with context:
            socket.bind("tcp://127.0.0.1:0")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()

    assert context.closed
    assert socket.closed


async def test_destroy_and_then_term_waits_for_what_destroy_left(tmp_path: Path) -> None:
    context = KeepingContext()
    push = context.socket(aiomq.PUSH, linger=-1, reconnect_ivl=1)
    push.connect(f"ipc://{tmp_path}/later")
    await push.send(b"x")

    context.destroy()
    assert push.closed
    terminating = await started(context.term())
    async with aiomq.Context() as another:
        with another.socket(aiomq.PULL) as pull:
            pull.bind(f"ipc://{tmp_path}/later")
            assert await pull.recv() == b"x"
            await asyncio.wait_for(terminating, SOON)


async def test_destroy_with_a_linger_of_zero_leaves_nothing(tmp_path: Path) -> None:
    context = KeepingContext()
    push = context.socket(aiomq.PUSH, linger=-1)
    push.connect(f"ipc://{tmp_path}/nobody")
    await push.send(b"x")

    context.destroy(linger=0)

    await until(lambda: not context._cores)


# -- threads ----------------------------------------------------------------------------------------------------------


async def test_term_ends_the_waits_in_other_threads(endpoint: Endpoint) -> None:
    context = KeepingContext()
    waiting = threading.Semaphore(0)
    address = endpoint()

    async def wait() -> str:
        socket = context.socket(aiomq.DEALER)
        socket.bind(address)
        tasks = [await started(each) for each in (socket.recv(), socket.send(b"x"), socket.poll())]
        waiting.release()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return " ".join(type(result).__name__ for result in results)

    thread = asyncio.create_task(in_thread(wait))
    await until(lambda: waiting.acquire(blocking=False))
    await asyncio.wait_for(context.term(), SOON)

    assert await thread == "ContextTerminated ContextTerminated ContextTerminated"
    assert not context._cores


async def test_term_while_threads_make_use_and_close_sockets() -> None:
    context = aiomq.Context()
    busy = threading.Semaphore(0)

    async def use() -> int:
        rounds = 0
        while True:
            try:
                # Waiting for the close: what asyncio is accepting as a loop ends, it leaves open.
                async with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
                    pull.bind("tcp://127.0.0.1:0")
                    push.connect(pull.last_endpoint)
                    await push.send(b"x")
                    await pull.recv()
            except aiomq.ContextTerminated:
                return rounds
            rounds += 1
            busy.release()

    threads = [asyncio.create_task(in_thread(use)) for _ in range(3)]
    count = 0
    while count < 30:
        count += busy.acquire(blocking=False)
        await asyncio.sleep(0)
    await asyncio.wait_for(context.term(), SOON)

    assert sum(await asyncio.wait_for(asyncio.gather(*threads), SOON)) >= 30
    assert not context._cores


async def test_term_waits_for_what_another_thread_has_still_to_send(tmp_path: Path) -> None:
    context = KeepingContext()
    address = f"ipc://{tmp_path}/later"
    sent = threading.Event()

    async def send() -> None:
        push = context.socket(aiomq.PUSH, linger=-1, reconnect_ivl=1)
        push.connect(address)
        await push.send(b"x")
        sent.set()
        with pytest.raises(aiomq.ContextTerminated):
            await push.send_many(itertools.repeat(bytes(10_000)))
        await until(lambda: push._core.finished)  # this loop must run for it to leave

    thread = asyncio.create_task(in_thread(send))
    await until(sent.is_set)
    terminating = await started(context.term())
    async with aiomq.Context() as another:
        with another.socket(aiomq.PULL, rcvhwm=0) as pull:
            pull.bind(address)
            assert await pull.recv() == b"x"
            await asyncio.wait_for(asyncio.gather(terminating, thread), SOON)


async def test_term_after_the_loop_of_a_socket_was_closed(endpoint: Endpoint) -> None:
    context = KeepingContext()
    address = f"inproc://gone-{id(context)}"

    async def use() -> None:
        _, push = linked(context, address, aiomq.PULL, aiomq.PUSH, linger=-1)
        await push.send(b"never read")

    await in_thread(use)
    await asyncio.wait_for(context.term(), SOON)

    assert all(socket.closed for socket in context.kept)
    assert not context._cores


async def test_term_after_close_and_the_end_of_the_loop_that_had_something_to_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = KeepingContext()

    async def use() -> None:
        push = context.socket(aiomq.PUSH, linger=-1)
        push.connect("inproc://nobody")
        await push.send(b"x")
        push.close()

    await in_thread(use)
    await asyncio.wait_for(context.term(), SOON)

    assert not context._cores


def test_term_in_a_later_loop_of_the_same_thread() -> None:
    context = KeepingContext()

    async def use() -> None:
        linked(context, "inproc://later", aiomq.PULL, aiomq.PUSH)

    asyncio.run(use())
    asyncio.run(asyncio.wait_for(context.term(), SOON))

    assert not context._cores


def test_destroy_without_any_loop_ends_sockets_of_loops_that_are_gone() -> None:
    context = KeepingContext()

    async def use() -> None:
        linked(context, "inproc://later", aiomq.PULL, aiomq.PUSH)

    asyncio.run(use())
    context.destroy()

    assert not context._cores

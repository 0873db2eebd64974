"""Cancelling anything, at any moment: no message is lost, none comes twice, nobody who waits is forgotten."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

import aiomq
from tests.sockets.links import in_thread, linked, started, still_works, turns, until

T = TypeVar("T")
Endpoint = Callable[[], str]

CANCELLATIONS = 1000


class Storm:
    """Runs operations that are cancelled at random, and again until they come to their end."""

    def __init__(self, seed: int) -> None:
        self.cancelled = 0
        self._random = random.Random(seed)

    async def through(self, operation: Callable[..., Coroutine[Any, Any, T]], *arguments: object, **named: object) -> T:
        """Return what the operation gives once it is not cancelled."""
        while True:
            task = asyncio.get_running_loop().create_task(operation(*arguments, **named))
            try:
                await turns(self._random.choice((0, 0, 1, 1, 2, 3, 5)))
                if self._random.random() < 0.6:
                    task.cancel()
                return await task
            except asyncio.CancelledError:
                itself = asyncio.current_task()
                if itself is None or itself.cancelling():
                    task.cancel()
                    raise  # not by the storm
                self.cancelled += 1


async def send_all(socket: aiomq.Socket, storm: Storm, enough: Callable[[], bool]) -> int:
    """Send 0, 1, 2, ... through a storm until there was enough of it; return how many."""
    count = 0
    while not enough():
        if count % 3 == 0:
            await storm.through(socket.send, b"%d" % count)
        elif count % 3 == 1:
            await storm.through(socket.send_multipart, [b"%d" % count, b"body"])
        else:
            await storm.through(socket.send_many, [b"%d" % count])
        if count % 7 == 0:
            await storm.through(socket.poll, flags=aiomq.POLLOUT)
        count += 1
    await socket.send(b"end")
    return count


async def recv_all(socket: aiomq.Socket, storm: Storm) -> list[int]:
    """Receive through a storm until the end is told."""
    poller = aiomq.Poller()
    poller.register(socket, aiomq.POLLIN)
    received: list[int] = []
    while True:
        if len(received) % 5 == 0:
            await storm.through(poller.poll)
        if len(received) % 3 == 0:
            messages = await storm.through(socket.recv_many, 4)
        else:
            messages = [await storm.through(socket.recv_multipart)]
        for message in messages:
            if message == [b"end"]:
                return received
            received.append(int(message[0]))


@pytest.mark.parametrize("hwm", [1, 20])
async def test_storm_of_cancellations_loses_and_duplicates_nothing(
    context: aiomq.Context, endpoint: Endpoint, hwm: int
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=hwm)
    sending, receiving = Storm(1), Storm(2)

    count, received = await asyncio.gather(
        send_all(push, sending, lambda: sending.cancelled + receiving.cancelled >= CANCELLATIONS),
        recv_all(pull, receiving),
    )

    assert received == list(range(count))
    assert sending.cancelled + receiving.cancelled >= CANCELLATIONS


async def test_storm_of_cancellations_between_threads_loses_and_duplicates_nothing(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=3)
    pull.bind(endpoint())
    address = pull.last_endpoint
    sending, receiving = Storm(3), Storm(4)

    async def send() -> int:
        async with context.socket(aiomq.PUSH, sndhwm=3, linger=-1) as push:
            push.connect(address)
            return await send_all(push, sending, lambda: sending.cancelled + receiving.cancelled >= CANCELLATIONS)

    sender = asyncio.create_task(in_thread(send))
    received = await recv_all(pull, receiving)

    assert received == list(range(await sender))
    assert sending.cancelled + receiving.cancelled >= CANCELLATIONS


async def test_storm_of_many_tasks_on_both_sockets_loses_and_duplicates_nothing(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=2)
    storm = Storm(5)
    sent: list[bytes] = []
    received: list[bytes] = []

    async def send(task: int) -> None:
        number = 0
        while storm.cancelled < CANCELLATIONS:
            message = b"%d-%d" % (task, number)
            await storm.through(push.send, message)
            sent.append(message)
            number += 1

    async def receive() -> None:
        while True:
            received.append(await storm.through(pull.recv))

    receivers = [asyncio.create_task(receive()) for _ in range(5)]
    await asyncio.gather(*(send(task) for task in range(5)))
    await until(lambda: len(received) >= len(sent))
    for receiver in receivers:
        receiver.cancel()
    await asyncio.wait(receivers)

    assert sorted(received) == sorted(sent)


async def test_storm_on_requests_and_replies_keeps_them_in_turn(context: aiomq.Context, endpoint: Endpoint) -> None:
    rep, req = linked(context, endpoint(), aiomq.REP, aiomq.REQ)
    storm = Storm(6)

    async def answer() -> None:
        for _ in range(100):
            request = await storm.through(rep.recv)
            await storm.through(rep.send, request)

    answering = asyncio.create_task(answer())
    for number in range(100):
        await storm.through(req.send, b"%d" % number)
        assert await storm.through(req.recv) == b"%d" % number
    await answering

    assert storm.cancelled > 100


# -- one moment at a time ---------------------------------------------------------------------------------------------


async def test_recv_woken_and_cancelled_in_one_turn_leaves_the_message_to_the_next(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    first, second = await started(pull.recv()), await started(pull.recv())

    await push.send(b"x")
    await until(lambda: pull.events)  # there, and the first waiter woken, but not run
    first.cancel()

    assert await second == b"x"
    assert first.cancelled()


async def test_recv_woken_and_cancelled_with_nobody_after_it_leaves_the_message_in_the_queue(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    only = await started(pull.recv())

    await push.send(b"x")
    await until(lambda: pull.events)
    only.cancel()
    await until(only.done)

    assert only.cancelled()
    assert pull.recv_nowait() == b"x"
    await still_works(push, pull)


async def test_send_woken_and_cancelled_in_one_turn_leaves_the_room_to_the_next(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://room", aiomq.PULL, aiomq.PUSH, hwm=1)
    await push.send_many([b"0", b"1"])
    first, second = await started(push.send(b"cancelled")), await started(push.send(b"2"))

    assert pull.recv_nowait() == b"0"  # room for one
    first.cancel()
    await second

    assert first.cancelled()
    assert [await pull.recv(), await pull.recv()] == [b"1", b"2"]
    with pytest.raises(aiomq.Again):
        pull.recv_nowait()


async def test_send_cancelled_while_it_waits_is_not_queued(context: aiomq.Context, endpoint: Endpoint) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind(endpoint())
    for operation in (push.send(b"no"), push.send_multipart([b"no", b"no"]), push.send_many([b"no", b"no"])):
        task = await started(operation)
        task.cancel()
        await until(task.done)

    pull = context.socket(aiomq.PULL)
    pull.connect(push.last_endpoint)

    await still_works(push, pull)


async def test_send_many_cancelled_has_sent_the_first_ones_and_not_the_rest(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://many", aiomq.PULL, aiomq.PUSH, hwm=5)
    task = await started(push.send_many([b"%d" % number, b"body"] for number in range(100)))

    task.cancel()
    await until(task.done)
    messages = await pull.recv_many()

    assert messages == [[b"%d" % number, b"body"] for number in range(10)]
    await still_works(push, pull)


async def test_recv_many_cancelled_takes_nothing(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    task = await started(pull.recv_many())

    await push.send_many([b"%d" % number for number in range(10)])
    await until(lambda: pull.events)
    task.cancel()
    await until(task.done)

    assert task.cancelled()
    assert [await pull.recv() for _ in range(10)] == [b"%d" % number for number in range(10)]


@pytest.mark.parametrize("at", range(1, 6))
async def test_cancelled_during_a_turn_given_to_others_the_message_is_not_sent_or_not_taken(
    context: aiomq.Context, at: int
) -> None:
    pull, push = linked(context, "inproc://turn", aiomq.PULL, aiomq.PUSH, hwm=0)
    sent = 0

    async def send_on() -> None:
        nonlocal sent
        while True:
            await push.send(b"%d" % sent)
            sent += 1

    received: list[bytes] = []

    async def receive_on() -> None:
        while True:
            received.append(await pull.recv())

    sender = asyncio.create_task(send_on())
    await turns(at + 1)
    sender.cancel()
    await until(sender.done)
    receiver = asyncio.create_task(receive_on())
    await turns(at + 1)
    receiver.cancel()
    await until(receiver.done)
    while await pull.poll(0):
        received.append(pull.recv_nowait())

    assert sent > 0
    assert received == [b"%d" % number for number in range(sent)]


async def test_cancelled_first_use_of_a_socket_leaves_it_usable(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    for operation in (push.send(b"no"), pull.recv()):
        task = asyncio.get_running_loop().create_task(operation)
        task.cancel()
        await until(task.done)

    await still_works(push, pull)


async def test_monitor_iteration_cancelled_loses_no_event(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    with pull.monitor() as events:
        for _ in range(3):
            task = await started(_next(events))
            task.cancel()
            await until(task.done)
        waiting = await started(_next(events))
        pull.bind("tcp://127.0.0.1:0")
        waiting.cancel()  # woken, and cancelled in the same turn
        await until(waiting.done)

        assert (await anext(events)).event is aiomq.Event.LISTENING


async def _next(events: aiomq.Monitor) -> aiomq.MonitorEvent:
    return await anext(events)


async def test_aclose_cancelled_has_closed_and_goes_on_sending(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, linger=-1)
    await push.send_many([b"%d" % number for number in range(500)])

    closing = asyncio.create_task(push.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await until(closing.done)

    assert push.closed
    assert [await pull.recv() for _ in range(500)] == [b"%d" % number for number in range(500)]


async def test_term_cancelled_can_be_called_again() -> None:
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH)
    push.connect("tcp://127.0.0.1:9")
    await push.send(b"nobody reads this")

    for _ in range(3):
        terminating = await started(context.term())
        terminating.cancel()
        await until(terminating.done)
    assert push.closed
    await context.term(timeout=0)

    assert not context._cores

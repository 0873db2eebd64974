"""What was sent to an inproc name that nobody had bound, by a socket that was closed before somebody did."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import weakref

import pytest

import aiomq
from aiomq.transports import inproc_names
from tests.sockets.links import KeepingContext, in_thread, linked, still_works, turns, until

NAME = "inproc://later"

LINGERS = [-1, 0, 100]


async def leave(context: aiomq.Context, socket_type: int, *messages: bytes, **options: object) -> None:
    """Send to the name, and close the socket."""
    socket = context.socket(socket_type, **options)
    socket.connect(NAME)
    for message in messages:
        await socket.send(message)
    socket.close()


async def recv_all(socket: aiomq.Socket) -> list[list[bytes]]:
    """Return what can be received now."""
    received = []
    while await socket.poll(0):
        received.append(socket.recv_multipart_nowait())
    return received


@pytest.mark.parametrize("linger", LINGERS)
async def test_messages_of_a_closed_socket_are_delivered_when_the_name_is_bound(
    context: aiomq.Context, linger: int
) -> None:
    await leave(context, aiomq.PUSH, b"1", b"2", linger=linger)
    pull = context.socket(aiomq.PULL)

    pull.bind(NAME)

    assert await recv_all(pull) == [[b"1"], [b"2"]]
    assert "peers=0" in repr(pull)
    await until(lambda: pull.counters.disconnects == pull.counters.connects == 1)
    assert pull.counters.received == 2


async def test_aclose_does_not_wait_for_the_name_to_be_bound(context: aiomq.Context) -> None:
    async with asyncio.timeout(0.5), context.socket(aiomq.PUSH, linger=-1) as push:
        push.connect(NAME)
        await push.send(b"x")
    assert push._core.finished
    pull = context.socket(aiomq.PULL)

    pull.bind(NAME)

    assert await pull.recv() == b"x"


async def test_several_that_were_closed_are_served_in_the_order_they_connected(context: aiomq.Context) -> None:
    await leave(context, aiomq.DEALER, b"first", routing_id=b"A")
    waiting = context.socket(aiomq.DEALER, routing_id=b"B")
    waiting.connect(NAME)
    await waiting.send(b"second")
    await leave(context, aiomq.DEALER, b"third", routing_id=b"C")
    router = context.socket(aiomq.ROUTER, router_mandatory=True)

    router.bind(NAME)

    assert await recv_all(router) == [[b"A", b"first"], [b"B", b"second"], [b"C", b"third"]]
    await router.send_multipart([b"B", b"answer"])
    assert await waiting.recv() == b"answer"
    with pytest.raises(aiomq.ZMQError) as refused:
        await router.send_multipart([b"A", b"too late"])
    assert refused.value.errno == errno.EHOSTUNREACH


async def test_request_of_a_closed_socket_is_read_and_its_answer_goes_nowhere(context: aiomq.Context) -> None:
    await leave(context, aiomq.REQ, b"question")
    rep = context.socket(aiomq.REP)
    rep.bind(NAME)

    assert await rep.recv() == b"question"
    await rep.send(b"answer")

    req = context.socket(aiomq.REQ)
    req.connect(NAME)
    await req.send(b"another")
    assert await rep.recv() == b"another"
    await rep.send(b"answer to it")
    assert await req.recv() == b"answer to it"


async def test_pair_reads_what_was_left_before_what_comes_from_the_next(context: aiomq.Context) -> None:
    await leave(context, aiomq.PAIR, b"old")
    pair, other = linked(context, NAME, aiomq.PAIR, aiomq.PAIR)
    await other.send(b"new")

    assert [await pair.recv(), await pair.recv()] == [b"old", b"new"]


async def test_waiting_recv_gets_what_was_left_as_soon_as_the_name_is_bound(context: aiomq.Context) -> None:
    await leave(context, aiomq.PUSH, b"x")
    pull = context.socket(aiomq.PULL)
    receiving = asyncio.create_task(pull.recv())
    await turns(3)

    pull.bind(NAME)

    assert await receiving == b"x"


async def test_farewell_of_the_binder_follows_what_was_left(context: aiomq.Context) -> None:
    await leave(context, aiomq.DEALER, b"x", routing_id=b"A")
    router = context.socket(aiomq.ROUTER)
    router.set(aiomq.DISCONNECT_MSG, b"gone")

    router.bind(NAME)

    assert await recv_all(router) == [[b"A", b"x"], [b"A", b"gone"]]


async def test_conflating_binder_gets_the_latest_of_what_was_left(context: aiomq.Context) -> None:
    await leave(context, aiomq.PUSH, b"1", b"2", b"3")
    pull = context.socket(aiomq.PULL, conflate=1)

    pull.bind(NAME)

    assert await recv_all(pull) == [[b"3"]]


async def test_subscriber_that_was_closed_leaves_nothing(context: aiomq.Context) -> None:
    sub = context.socket(aiomq.SUB)
    sub.subscribe(b"topic")
    sub.connect(NAME)
    sub.close()
    xpub = context.socket(aiomq.XPUB)

    xpub.bind(NAME)

    assert await recv_all(xpub) == []
    assert "peers=0" in repr(xpub)


async def test_disconnect_with_a_second_connect_delivers_both(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)
    push.connect(NAME)
    await push.send(b"before")
    push.disconnect(NAME)
    push.connect(NAME)
    await push.send(b"after")
    pull = context.socket(aiomq.PULL)

    pull.bind(NAME)

    assert await recv_all(pull) == [[b"before"], [b"after"]]
    await still_works(push, pull)


async def test_name_unbound_and_bound_again_gives_nothing_twice(context: aiomq.Context) -> None:
    await leave(context, aiomq.PUSH, b"x")
    first, second = context.socket(aiomq.PULL), context.socket(aiomq.PULL)
    first.bind(NAME)
    first.unbind(NAME)

    second.bind(NAME)

    assert await recv_all(first) == [[b"x"]]
    assert await recv_all(second) == []


async def test_pair_turned_away_by_its_own_socket_leaves_no_link(context: aiomq.Context) -> None:
    pair, first, second = (context.socket(aiomq.PAIR) for _ in range(3))
    pair.connect("inproc://first")
    pair.connect("inproc://second")  # a PAIR has one peer

    second.bind("inproc://second")
    first.bind("inproc://first")

    await still_works(pair, first)
    assert "peers=0" in repr(second)


async def test_threads_message_outlives_the_socket_and_the_loop_that_sent_it(context: aiomq.Context) -> None:
    async def send() -> None:
        await leave(context, aiomq.PUSH, b"from a thread")

    await in_thread(send)
    pull = context.socket(aiomq.PULL)

    pull.bind(NAME)

    assert await pull.recv() == b"from a thread"


async def test_threads_closing_and_binding_at_once_lose_nothing_and_leave_no_peer(context: aiomq.Context) -> None:
    rounds = 200
    start = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def send() -> None:
        for number in range(rounds):
            push = context.socket(aiomq.PUSH)
            push.connect(f"{NAME}-{number}")
            await push.send(b"%d" % number)
            loop.call_soon_threadsafe(start.set)
            push.close()

    sending = asyncio.create_task(in_thread(send))
    await start.wait()
    pulls = []
    for number in range(rounds):
        pull = context.socket(aiomq.PULL)
        pull.bind(f"{NAME}-{number}")
        pulls.append(pull)
        await turns(1)
        await asyncio.to_thread(int)
    await sending

    assert [await pull.recv() for pull in pulls] == [b"%d" % number for number in range(rounds)]
    await until(lambda: all("peers=0" in repr(pull) for pull in pulls))


@pytest.mark.parametrize("linger", LINGERS)
@pytest.mark.parametrize("closed", [True, False])
async def test_term_does_not_wait_for_a_name_to_be_bound(linger: int, closed: bool) -> None:
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH, linger=linger)
    push.connect(NAME)
    await push.send(b"for nobody")
    if closed:
        push.close()

    async with asyncio.timeout(0.5):
        await context.term()

    assert context.inproc_names.bequests() == []
    assert not context.inproc_names._waiting


async def test_term_in_another_thread_does_not_wait_for_a_name_to_be_bound() -> None:
    context = KeepingContext()
    push = context.socket(aiomq.PUSH, linger=-1)
    push.connect(NAME)
    await push.send(b"for nobody")

    async with asyncio.timeout(2):
        await in_thread(context.term)

    assert push.closed
    assert context.inproc_names.bequests() == []


async def test_context_that_is_collected_takes_along_what_was_left() -> None:
    context = aiomq.Context()
    await leave(context, aiomq.PUSH, b"x")
    (bequest,) = context.inproc_names.bequests()
    owner = weakref.ref(bequest.owner)
    del bequest

    context.destroy()
    del context
    gc.collect()

    assert owner() is None


async def test_too_many_that_were_closed_cost_the_oldest_its_messages_and_a_warning(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(inproc_names, "MAX_BEQUESTS", 3)
    caplog.set_level(logging.WARNING)
    for number in range(5):
        await leave(context, aiomq.PUSH, b"%d" % number)
    pull = context.socket(aiomq.PULL)

    pull.bind(NAME)

    assert await recv_all(pull) == [[b"2"], [b"3"], [b"4"]]
    assert [record.getMessage() for record in caplog.records] == [
        f"{NAME}: dropped what a closed socket had sent there, for nobody bound it, and 3 others wait for names"
    ] * 2

"""Sockets joined by inproc: either side first, the names, the common high-water mark, threads, and ends."""

from __future__ import annotations

import asyncio
import errno
import threading

import pytest

import aiomq
from tests.sockets.links import KeepingContext, in_thread, linked, settled, started, still_works, turns, until

NAME = "inproc://name"


async def fill(sender: aiomq.Socket) -> int:
    """Send until there is no room; return how many messages there was room for."""
    count = 0
    while True:
        try:
            sender.send_nowait(b"%d" % count)
        except aiomq.Again:
            return count
        count += 1


# -- names ------------------------------------------------------------------------------------------------------------


async def test_connect_before_bind_keeps_what_is_sent_until_then(context: aiomq.Context) -> None:
    push, pull = context.socket(aiomq.PUSH), context.socket(aiomq.PULL)
    push.connect(NAME)
    await push.send_many([b"a", [b"b", b"c"]])

    pull.bind(NAME)

    assert [await pull.recv_multipart() for _ in range(2)] == [[b"a"], [b"b", b"c"]]
    await still_works(push, pull)


async def test_connect_before_bind_of_several_reaches_the_one_that_binds(context: aiomq.Context) -> None:
    pushes = [context.socket(aiomq.PUSH) for _ in range(3)]
    for number, push in enumerate(pushes):
        push.connect(NAME)
        await push.send(b"%d" % number)
    pull = context.socket(aiomq.PULL)

    pull.bind(NAME)

    assert sorted([await pull.recv() for _ in pushes]) == [b"0", b"1", b"2"]


async def test_connect_before_bind_tells_each_side_the_other_s_routing_id(context: aiomq.Context) -> None:
    router, dealer = context.socket(aiomq.ROUTER), context.socket(aiomq.DEALER, routing_id=b"me")
    dealer.connect(NAME)
    await dealer.send(b"hello")

    router.bind(NAME)

    assert await router.recv_multipart() == [b"me", b"hello"]
    await router.send_multipart([b"me", b"welcome"])
    assert await dealer.recv() == b"welcome"


async def test_connect_before_bind_of_a_sub_brings_its_subscriptions(context: aiomq.Context) -> None:
    sub, xpub = context.socket(aiomq.SUB), context.socket(aiomq.XPUB)
    sub.connect(NAME)
    sub.subscribe("a")

    xpub.bind(NAME)

    assert await xpub.recv() == b"\x01a"
    await xpub.send_many([b"b", b"ab"])
    assert await sub.recv() == b"ab"


async def test_bind_of_a_name_in_use_is_refused(context: aiomq.Context) -> None:
    context.socket(aiomq.PULL).bind(NAME)

    with pytest.raises(aiomq.ZMQError, match="inproc://name is bound by another socket of this context") as caught:
        context.socket(aiomq.PULL).bind(NAME)

    assert caught.value.errno == errno.EADDRINUSE


async def test_names_belong_to_their_context() -> None:
    async with KeepingContext() as one, KeepingContext() as other:
        pairs = [linked(context, NAME, aiomq.PULL, aiomq.PUSH) for context in (one, other)]
        for number, (_, push) in enumerate(pairs):
            await push.send(b"%d" % number)

        assert [await pull.recv() for pull, _ in pairs] == [b"0", b"1"]


async def test_unbind_frees_the_name_and_keeps_the_links(context: aiomq.Context) -> None:
    first, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH)
    await still_works(push, first)

    first.unbind(NAME)
    second = context.socket(aiomq.PULL)
    second.bind(NAME)
    await still_works(push, first)
    newcomer = context.socket(aiomq.PUSH)
    newcomer.connect(NAME)

    await still_works(newcomer, second)
    with pytest.raises(aiomq.Again):
        second.recv_nowait()


async def test_name_of_a_closed_binder_is_free_and_its_links_do_not_come_back(context: aiomq.Context) -> None:
    first, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH)
    await still_works(push, first)

    first.close()
    second = context.socket(aiomq.PULL)
    second.bind(NAME)

    with pytest.raises(aiomq.Again):
        push.send_nowait(b"no reconnection, as in libzmq")


async def test_name_is_free_after_the_loop_of_its_binder_has_ended(context: aiomq.Context) -> None:
    abandoned = context.socket(aiomq.PULL)

    async def bind() -> None:
        abandoned.bind(NAME)

    await in_thread(bind)
    abandoned.close()

    pull, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)


async def test_disconnect_of_a_name_nobody_bound_ends_the_wait(context: aiomq.Context) -> None:
    push, pull = context.socket(aiomq.PUSH), context.socket(aiomq.PULL)
    push.connect(NAME)
    await push.send(b"for whoever binds it, as in libzmq")

    push.disconnect(NAME)
    pull.bind(NAME)

    assert pull.recv_nowait() == b"for whoever binds it, as in libzmq"
    with pytest.raises(aiomq.Again):
        push.send_nowait(b"x")


@pytest.mark.parametrize("linger", [-1, 0, 60_000])
async def test_term_with_a_connect_to_a_name_nobody_bound_comes_back_at_once(linger: int) -> None:
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH, linger=linger)
    push.connect(NAME)
    await push.send(b"for nobody")

    await asyncio.wait_for(context.term(), 3)

    assert push.closed


# -- ends -------------------------------------------------------------------------------------------------------------


async def test_messages_of_a_closed_sender_stay_readable(context: aiomq.Context) -> None:
    pull, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH)
    await push.send_many([b"%d" % number for number in range(10)])

    push.close(linger=0)

    assert [pull.recv_nowait() for _ in range(10)] == [b"%d" % number for number in range(10)]
    with pytest.raises(aiomq.Again):
        pull.recv_nowait()


async def test_send_that_waits_for_a_full_peer_goes_on_when_that_is_gone_and_another_comes(
    context: aiomq.Context,
) -> None:
    pull, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH, hwm=1)
    assert await fill(push) == 2
    waiting = await started(push.send(b"waits"))

    pull.close()
    await settled(waiting)
    other = context.socket(aiomq.PULL)
    other.bind("inproc://other")
    push.connect("inproc://other")
    await waiting

    assert await other.recv() == b"waits"


async def test_close_of_the_receiver_while_the_other_side_sends_is_an_end_for_both(context: aiomq.Context) -> None:
    bound, connected = linked(context, NAME, aiomq.PAIR, aiomq.PAIR)
    await bound.send(b"x")
    await connected.send(b"y")

    connected.close()

    assert bound.recv_nowait() == b"y"
    with pytest.raises(aiomq.Again):
        bound.send_nowait(b"z")
    assert "peers=0" in repr(bound)


# -- the high-water mark ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sndhwm", "rcvhwm"), [(1, 1), (2, 3), (10, 1), (1, 10)])
@pytest.mark.parametrize("bind_first", [True, False])
async def test_hwm_is_the_sum_of_both_sides(context: aiomq.Context, sndhwm: int, rcvhwm: int, bind_first: bool) -> None:
    push, pull = context.socket(aiomq.PUSH, sndhwm=sndhwm), context.socket(aiomq.PULL, rcvhwm=rcvhwm)
    if bind_first:
        pull.bind(NAME)
    push.connect(NAME)
    pull.bind(NAME) if not bind_first else None

    assert await fill(push) == sndhwm + rcvhwm


@pytest.mark.parametrize(("sndhwm", "rcvhwm"), [(0, 1), (1, 0), (0, 0)])
async def test_hwm_of_zero_on_either_side_is_no_limit(context: aiomq.Context, sndhwm: int, rcvhwm: int) -> None:
    push, pull = context.socket(aiomq.PUSH, sndhwm=sndhwm), context.socket(aiomq.PULL, rcvhwm=rcvhwm)
    pull.bind(NAME)
    push.connect(NAME)

    for _ in range(5000):
        push.send_nowait(b"x")

    assert len([pull.recv_nowait() for _ in range(5000)]) == 5000


async def test_hwm_before_the_bind_is_the_sender_s_own_and_then_the_sum(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH, sndhwm=3)
    push.connect(NAME)
    assert await fill(push) == 3
    waiting = await started(push.send(b"3"))

    pull = context.socket(aiomq.PULL, rcvhwm=4)
    pull.bind(NAME)
    await waiting

    assert await fill(push) == 3
    assert [await pull.recv() for _ in range(7)] == [b"0", b"1", b"2", b"3", b"0", b"1", b"2"]


@pytest.mark.parametrize("hwm", [1, 2, 5, 50])
async def test_hwm_full_link_has_room_again_when_half_of_it_is_read(context: aiomq.Context, hwm: int) -> None:
    pull, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH, hwm=hwm)
    total = await fill(push)
    low = (total + 1) // 2

    for number in range(low):
        assert push.events == 0, f"room after {number} of {total}"
        await pull.recv()

    assert push.events == aiomq.POLLOUT
    assert await fill(push) == low


async def test_hwm_read_by_recv_nowait_and_recv_many_gives_the_same_credit(context: aiomq.Context) -> None:
    pull, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH, hwm=50)
    assert await fill(push) == 100

    for _ in range(25):
        pull.recv_nowait()
    await pull.recv_many(24)
    assert push.events == 0
    pull.recv_nowait()

    assert await fill(push) == 50


async def test_hwm_changed_on_a_live_link_counts_at_once(context: aiomq.Context) -> None:
    pull, push = linked(context, NAME, aiomq.PULL, aiomq.PUSH, hwm=1)
    assert await fill(push) == 2
    waiting = await started(push.send(b"x"))

    pull.rcvhwm = 10
    await waiting

    assert await fill(push) == 8
    push.sndhwm = 5
    assert await fill(push) == 4


# -- threads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [5000])
@pytest.mark.parametrize("bind_here", [True, False])
@pytest.mark.parametrize("hwm", [2, 1000])
async def test_threads_pass_messages_in_order_whoever_binds(
    context: aiomq.Context, bind_here: bool, hwm: int, count: int
) -> None:
    pull = context.socket(aiomq.PULL, hwm=hwm)
    pull.bind(NAME) if bind_here else pull.connect(NAME)

    async def send() -> None:
        push = context.socket(aiomq.PUSH, hwm=hwm)
        push.connect(NAME) if bind_here else push.bind(NAME)
        for number in range(count):
            await push.send(b"%d" % number)
        await push.aclose()

    sending = asyncio.create_task(in_thread(send))
    received = [await pull.recv() for _ in range(count)]
    await sending

    assert received == [b"%d" % number for number in range(count)]


async def test_threads_ask_and_answer(context: aiomq.Context) -> None:
    rep = context.socket(aiomq.REP)
    rep.bind(NAME)

    async def ask() -> list[bytes]:
        async with context.socket(aiomq.REQ) as req:
            req.connect(NAME)
            answers = []
            for number in range(200):
                await req.send(b"%d" % number)
                answers.append(await req.recv())
            return answers

    asking = asyncio.create_task(in_thread(ask))
    for _ in range(200):
        await rep.send(b"re " + await rep.recv())

    assert await asking == [b"re %d" % number for number in range(200)]


async def test_threads_common_hwm_holds_a_sender_back_and_credit_comes_in_halves(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=2)
    pull.bind(NAME)
    full = threading.Event()

    async def send() -> int:
        async with context.socket(aiomq.PUSH, sndhwm=3) as push:
            push.connect(NAME)
            count = await fill(push)
            full.set()
            await push.poll(flags=aiomq.POLLOUT)
            return count + 100 * await fill(push)

    sending = asyncio.create_task(in_thread(send))
    await until(full.is_set)
    for _ in range(3):  # the half of five, rounded up
        await pull.recv()

    assert await sending == 305


async def test_threads_pub_reaches_subscribers_in_other_loops(context: aiomq.Context) -> None:
    pub = context.socket(aiomq.XPUB)
    pub.bind(NAME)

    async def listen() -> list[bytes]:
        async with context.socket(aiomq.SUB) as sub:
            sub.connect(NAME)
            sub.subscribe("n")
            return [await sub.recv() for _ in range(50)]

    listening = [asyncio.create_task(in_thread(listen)) for _ in range(2)]
    pub.xpub_verbose = True
    for _ in listening:
        assert await pub.recv() == b"\x01n"
    for number in range(50):
        await pub.send_many([b"other", b"n%d" % number])

    assert await asyncio.gather(*listening) == [[b"n%d" % number for number in range(50)]] * 2


async def test_threads_end_of_the_other_side_ends_the_link_and_keeps_what_it_sent(context: aiomq.Context) -> None:
    pair = context.socket(aiomq.PAIR)
    pair.bind(NAME)

    async def send_and_leave() -> None:
        async with context.socket(aiomq.PAIR) as other:
            other.connect(NAME)
            for number in range(10):
                await other.send(b"%d" % number)

    await in_thread(send_and_leave)
    assert [await pair.recv() for _ in range(10)] == [b"%d" % number for number in range(10)]

    await until(lambda: "peers=0" in repr(pair))
    with pytest.raises(aiomq.Again):
        pair.send_nowait(b"x")


async def test_threads_binder_closed_while_somebody_connects_ends_that_link(context: aiomq.Context) -> None:
    bound, connecting = threading.Event(), threading.Event()

    async def bind_and_close() -> None:
        pull = context.socket(aiomq.PULL)
        pull.bind(NAME)
        bound.set()
        assert connecting.wait(10)  # the loop stands still: it cannot see who connects before it closes
        pull.close()
        await turns(3)

    binding = asyncio.create_task(in_thread(bind_and_close))
    await until(bound.is_set)
    push = context.socket(aiomq.PUSH)
    push.connect(NAME)
    connecting.set()
    await binding

    await until(lambda: not push.events)
    assert "peers=0" in repr(push)

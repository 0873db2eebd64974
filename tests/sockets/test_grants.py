"""Grants over real links: what goes past the pattern must be what would have gone through it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

import aiomq
from aiomq.core import PEERS_PER_OPERATION
from aiomq.gate import BUDGET
from tests.sockets.links import KeepingContext, linked, still_works, subscribed, turns, until

Endpoint = Callable[[], str]

FLOOD = 10 * BUDGET


@pytest.fixture(params=["tcp", "ipc"])
def transport(request: pytest.FixtureRequest) -> str:
    """Return a transport with a wire: on inproc every message is handed over at once."""
    name: str = request.param
    return name


async def flood(socket: aiomq.Socket, count: int = FLOOD) -> int:
    """Send numbered messages; return how many of them were granted."""
    gate = socket._core.send_gate
    granted = 0
    for number in range(count):
        granted += gate.granted > 0
        await socket.send(b"%d" % number)
    return granted


async def numbers(socket: aiomq.Socket, count: int) -> list[int]:
    """Receive messages of `flood`."""
    return [int(await socket.recv()) for _ in range(count)]


async def more_subscribers(
    pub: aiomq.Socket, context: aiomq.Context, count: int, **options: object
) -> list[aiomq.Socket]:
    """Add SUBs that the PUB knows to be subscribed to everything."""
    subs = [context.socket(aiomq.SUB, **options) for _ in range(count)]
    known = pub._core.pattern.subscribers(b"")
    for sub in subs:
        sub.subscribe(b"")
        sub.connect(pub.last_endpoint)
    await until(lambda: pub._core.pattern.subscribers(b"") == known + count)
    return subs


@pytest.mark.parametrize("others", [0, 2])
async def test_flood_to_subscribers_of_everything_is_granted_and_arrives_in_order(
    endpoint: Endpoint, others: int
) -> None:
    async with KeepingContext() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=0)
        subs = [sub, *await more_subscribers(pub, context, others, hwm=0)]

        granted = await flood(pub)

        assert granted > FLOOD // 2
        for each in subs:
            assert await numbers(each, FLOOD) == list(range(FLOOD))


async def test_flood_over_the_mark_drops_whole_messages_and_counts_each(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=50)
        size = 4000  # enough of them fill the buffers of the system

        for number in range(FLOOD):
            await pub.send(b"%d" % number + bytes(size))
        dropped = pub.counters.dropped
        got: list[int] = []
        while len(got) < FLOOD - dropped:
            got.append(int((await sub.recv()).rstrip(b"\0")))

        assert dropped > 0
        assert all(earlier < later for earlier, later in pairwise(got))
        await still_works(pub, sub)


async def test_subscriber_that_comes_during_a_flood_gets_the_rest_in_order(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=0)
        late = context.socket(aiomq.SUB, hwm=0)
        late.subscribe(b"")
        late.connect(pub.last_endpoint)
        count = 0
        while pub._core.pattern.subscribers(b"") < 2:
            await pub.send(b"%d" % count)
            count += 1

        for number in range(count, count + FLOOD):
            await pub.send(b"%d" % number)

        assert await numbers(sub, count + FLOOD) == list(range(count + FLOOD))
        first = int(await late.recv())
        assert first <= count
        assert await numbers(late, count + FLOOD - first - 1) == list(range(first + 1, count + FLOOD))


async def test_topic_that_comes_during_a_grant_ends_it(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=0)
        gate = pub._core.send_gate
        await flood(pub)
        while not gate.granted:
            await pub.send(b"x")
        other = context.socket(aiomq.SUB, hwm=0)
        other.subscribe(b"1")
        other.connect(pub.last_endpoint)
        await until(lambda: pub.topics_count == 2)

        assert await flood(pub, 2 * BUDGET) == 0

        wanted = [number for number in range(2 * BUDGET) if str(number).startswith("1")]
        assert await numbers(other, len(wanted)) == wanted
        assert sub.topics_count == 1


async def test_option_that_is_set_during_a_grant_ends_it(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=0)
        gate = pub._core.send_gate
        sent = 0
        while not gate.granted:
            await pub.send(b"x")
            sent += 1
        await pub.send(b"granted")

        pub.invert_matching = True
        await pub.send(b"for nobody")
        pub.invert_matching = False
        await pub.send(b"last")

        assert [await sub.recv() for _ in range(sent)] == [b"x"] * sent
        assert [await sub.recv(), await sub.recv()] == [b"granted", b"last"]


async def test_multipart_and_large_messages_in_a_flood_keep_their_place(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=0)
        (other,) = await more_subscribers(pub, context, 1, hwm=0)
        messages = [[b"%d" % number] for number in range(2 * BUDGET)]
        for number in range(10, 2 * BUDGET, 37):
            messages[number] = [b"%d" % number, b"more"]
            messages[number + 1] = [b"%d" % (number + 1) + bytes(9000)]
        for message in messages:
            if len(message) == 1:
                await pub.send(message[0])
            else:
                await pub.send_multipart(message)

        for each in (sub, other):
            assert [await each.recv_multipart() for _ in messages] == messages


async def test_close_in_the_middle_of_a_grant_sends_what_was_granted(endpoint: Endpoint) -> None:
    async with aiomq.Context() as context:
        pub, sub = await subscribed(context, endpoint(), hwm=0)
        gate, sent = pub._core.send_gate, 0
        while not gate.granted:
            await pub.send(b"x")
            sent += 1
        for _ in range(5):
            await pub.send(b"x")
        assert gate.granted

        pub.close(linger=-1)

        assert [await sub.recv() for _ in range(sent + 5)] == [b"x"] * (sent + 5)
        sub.close()


async def test_counters_in_the_middle_of_a_grant_have_everything(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, _ = await subscribed(context, endpoint(), hwm=0)
        gate, sent = pub._core.send_gate, 0
        while not gate.granted:
            await pub.send(b"x")
            sent += 1
        await pub.send(b"x")

        assert pub.counters.sent + sum(peer.queued_out for peer in pub.peers()) == sent + 1


async def test_connecting_publisher_without_a_connection_keeps_what_was_granted() -> None:
    """Such a peer is corked for good: nothing but the end of the turn itself can hand the messages to it."""
    async with KeepingContext() as context:
        pub = context.socket(aiomq.XPUB, hwm=0)
        pub.connect("tcp://127.0.0.1:9")
        await flood(pub)

        await turns(3)

        assert not pub._core.pattern.distributor.broadcast.messages  # type: ignore[attr-defined]  # an XPUB's has one


async def test_message_to_a_crowd_costs_more_of_the_budget(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pub, _ = await subscribed(context, endpoint())
        gate = pub._core.send_gate
        await pub.send(b"x")
        before = gate.budget

        pub._core.pattern.spent(100 * PEERS_PER_OPERATION)

        assert gate.budget == before - 100


async def test_arrival_of_many_messages_lets_them_be_taken_straight_out(endpoint: Endpoint) -> None:
    async with KeepingContext() as context:
        pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, hwm=0)
        await push.send(b"first")
        await pull.recv()
        await push.send_many([b"x"] * 50)
        await until(lambda: sum(peer.queued_in for peer in pull.peers()) == 50)
        await push.send_many([b"y"] * 50)
        (inbox,) = (peer.inbox for peer in pull._core.peers)
        await until(lambda: len(inbox) == 100)

        assert pull._core.recv_gate.granted == 99
        assert [await pull.recv() for _ in range(100)] == [b"x"] * 50 + [b"y"] * 50


async def test_receive_grant_gives_credit_where_a_full_inbox_asks_for_it() -> None:
    async with KeepingContext() as context:
        pull, push = linked(context, "inproc://credit", aiomq.PULL, aiomq.PUSH, hwm=20)
        for _ in range(30):
            push.send_nowait(b"x")
        await pull.recv()
        assert pull._core.recv_gate.granted > 20
        for _ in range(10):  # with the one that was read, as credit comes in steps
            push.send_nowait(b"x")
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"the queue has room for 40")

        for _ in range(25):
            await pull.recv()

        push.send_nowait(b"there is room again")

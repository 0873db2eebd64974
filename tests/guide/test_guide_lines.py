"""What the guide states, line by line, where no other test says so already; see docs/reference/guide.md."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import re
import threading
import weakref
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq

import aiomq
from tests.sockets.links import until
from tests.transports.judge import Judge, off_loop, receive
from tests.transports.scripted import BOUND

ROOT = Path(__file__).resolve().parents[2]
ANY = "tcp://127.0.0.1:*"


def bound(context: aiomq.Context, kind: int, endpoint: str = ANY, **options: Any) -> aiomq.Socket:
    socket = context.socket(kind, **options)
    socket.bind(endpoint)
    return socket


def connected(context: aiomq.Context, kind: int, endpoint: str, **options: Any) -> aiomq.Socket:
    socket = context.socket(kind, **options)
    socket.connect(endpoint)
    return socket


@asynccontextmanager
async def running(*work: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Run coroutines beside the body, and cancel them at its end."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
        for task in tasks:
            assert not task.done() or task.exception() is None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def pass_on_by_parts(source: aiomq.Socket, sink: aiomq.Socket) -> None:
    """Pass messages on frame by frame, as the guide does by hand."""
    while True:
        frame = await source.recv()
        await sink.send(frame, aiomq.SNDMORE if source.get(aiomq.RCVMORE) else 0)


async def pass_on(source: aiomq.Socket, sink: aiomq.Socket) -> None:
    async for message in source:
        await sink.send_multipart(message)


# -- sockets and messages ---------------------------------------------------------------------------------------------


async def test_guide_03_string_is_as_long_as_it_is_on_the_wire(context: aiomq.Context, judge: Judge) -> None:
    theirs, endpoint = judge.bound(zmq.PULL)
    ours = connected(context, aiomq.PUSH, endpoint)
    await ours.send_string("Grüße")
    assert await receive(theirs) == ["Grüße".encode()]


async def test_guide_06_subscriber_reads_many_publishers_in_turn(context: aiomq.Context) -> None:
    publishers = [bound(context, aiomq.PUB) for _ in range(3)]
    subscriber = context.socket(aiomq.SUB)
    subscriber.subscribe("")
    for publisher in publishers:
        subscriber.connect(publisher.last_endpoint)
        await publisher.wait_subscribed()
    for number, publisher in enumerate(publishers):
        for _ in range(4):
            await publisher.send(b"%d" % number)
    await until(lambda: sum(peer.queued_in for peer in subscriber.peers()) == 12)
    got = [await subscriber.recv() for _ in range(12)]
    assert all(sorted(got[turn : turn + 3]) == [b"0", b"1", b"2"] for turn in range(0, 12, 3))


async def test_guide_23_one_socket_binds_and_connects_as_often_as_it_likes(context: aiomq.Context) -> None:
    sink = context.socket(aiomq.PULL)
    sources = [bound(context, aiomq.PUSH) for _ in range(2)]
    for source in sources:
        sink.connect(source.last_endpoint)
    for endpoint in (ANY, "ipc://*", "inproc://sink"):
        sink.bind(endpoint)
        sources.append(connected(context, aiomq.PUSH, sink.last_endpoint))
    for number, source in enumerate(sources):
        await source.send(b"%d" % number)
    assert sorted([await sink.recv() for _ in range(5)]) == [b"0", b"1", b"2", b"3", b"4"]


async def test_guide_35_message_that_was_sent_is_still_there(context: aiomq.Context) -> None:
    sink = bound(context, aiomq.PULL, "inproc://sink")
    source = connected(context, aiomq.PUSH, "inproc://sink")
    frame = aiomq.Frame(b"content")
    for _ in range(2):
        await source.send(frame)
        assert await sink.recv() == b"content"
    assert frame.bytes == b"content"


async def test_guide_47_old_names_are_those_of_router_and_dealer(context: aiomq.Context) -> None:
    assert (aiomq.XREP, aiomq.XREQ) == (aiomq.ROUTER, aiomq.DEALER)
    front, back = bound(context, aiomq.XREP), bound(context, aiomq.XREQ)
    client, service = context.socket(aiomq.REQ), context.socket(aiomq.REP)
    client.connect(front.last_endpoint)
    service.connect(back.last_endpoint)
    async with running(pass_on_by_parts(front, back), pass_on_by_parts(back, front)):
        await client.send_multipart([b"a", b"question"])
        assert await service.recv_multipart() == [b"a", b"question"]
        await service.send(b"answer")
        assert await client.recv() == b"answer"


# -- proxies and threads ----------------------------------------------------------------------------------------------


async def test_guide_46_proxy_by_hand_keeps_the_parts_of_a_message_together(
    context: aiomq.Context, judge: Judge
) -> None:
    source, upstream = judge.bound(zmq.XPUB)
    inlet, outlet = context.socket(aiomq.SUB), bound(context, aiomq.PUB)
    inlet.subscribe("")
    inlet.connect(upstream)
    assert await receive(source) == [b"\x01"]
    sink = judge.socket(zmq.SUB)
    sink.setsockopt(zmq.SUBSCRIBE, b"topic")
    sink.connect(outlet.last_endpoint)
    await outlet.wait_subscribed("topic")
    async with running(pass_on_by_parts(inlet, outlet)):
        for number in range(20):
            await off_loop(source.send_multipart, [b"other", b"x"])
            await off_loop(source.send_multipart, [b"topic", b"", b"%d" % number])
        for number in range(20):
            assert await receive(sink) == [b"topic", b"", b"%d" % number]


async def work(context: aiomq.Context, where: list[int]) -> None:
    async with context.socket(aiomq.REP) as socket:
        socket.connect("inproc://workers")
        async for (question,) in socket:
            where.append(threading.get_ident())
            await socket.send(question.upper())


@pytest.mark.parametrize("threads", [True, False], ids=["threads", "tasks"])
async def test_guide_50_service_of_five_workers_answers_libzmq_clients(judge: Judge, threads: bool) -> None:
    where: list[int] = []
    async with contextlib.AsyncExitStack() as workers, aiomq.Context() as context:
        front, back = bound(context, aiomq.ROUTER), bound(context, aiomq.DEALER, "inproc://workers")
        for _ in range(5):
            if threads:
                await workers.enter_async_context(aiomq.run_in_thread(work, context, where))
            else:
                await workers.enter_async_context(running(work(context, where)))
        clients = [judge.socket(zmq.REQ) for _ in range(10)]
        for client in clients:
            client.connect(front.last_endpoint)

        def ask(client: zmq.Socket[bytes], name: bytes) -> None:
            for _ in range(20):
                client.send(name)
                assert client.recv() == name.upper()

        async with running(aiomq.proxy(front, back)):
            await asyncio.gather(*(off_loop(ask, each, b"client %d" % n) for n, each in enumerate(clients)))
    assert len(where) == 200
    assert len(set(where)) == (5 if threads else 1)


async def test_guide_51_relay_of_three_steps_in_threads_reaches_the_last(context: aiomq.Context) -> None:
    steps: list[int] = []

    async def first() -> None:
        async with context.socket(aiomq.PAIR) as following:
            following.connect("inproc://step2")
            steps.append(1)
            await following.send_string("")

    async def second() -> None:
        async with context.socket(aiomq.PAIR) as before, context.socket(aiomq.PAIR) as following:
            before.bind("inproc://step2")
            worker = aiomq.run_in_thread(first)
            assert await before.recv_string() == ""
            following.connect("inproc://step3")
            steps.append(2)
            await following.send_string("")
            await worker.join()

    last = bound(context, aiomq.PAIR, "inproc://step3")
    worker = aiomq.run_in_thread(second)
    assert await last.recv_string() == ""
    await worker.join()
    assert steps == [1, 2]


async def test_guide_52_relay_may_connect_before_it_is_bound(context: aiomq.Context) -> None:
    async def signal() -> None:
        async with context.socket(aiomq.PAIR) as socket:
            socket.connect("inproc://later")
            await socket.send(b"ready")

    worker = aiomq.run_in_thread(signal)
    await worker.join()
    assert await bound(context, aiomq.PAIR, "inproc://later").recv() == b"ready"


async def test_guide_54_router_puts_an_address_around_a_signal_and_pair_does_not(context: aiomq.Context) -> None:
    pair, router = bound(context, aiomq.PAIR, "inproc://pair"), bound(context, aiomq.ROUTER, "inproc://router")
    await connected(context, aiomq.PAIR, "inproc://pair").send(b"")
    await connected(context, aiomq.DEALER, "inproc://router", routing_id=b"me").send(b"")
    assert await pair.recv_multipart() == [b""]
    assert await router.recv_multipart() == [b"me", b""]


@pytest.mark.parametrize("shorter", [True, False], ids=["wait_subscribed", "hello"])
async def test_guide_56_subscribers_that_were_waited_for_miss_nothing(
    context: aiomq.Context, judge: Judge, shorter: bool
) -> None:
    publisher, service = bound(context, aiomq.PUB, sndhwm=0), bound(context, aiomq.REP)
    updates, ready = publisher.last_endpoint, service.last_endpoint

    def subscribe() -> int:
        subscriber, client = judge.socket(zmq.SUB, rcvhwm=0), judge.socket(zmq.REQ)
        subscriber.connect(updates)
        subscriber.setsockopt(zmq.SUBSCRIBE, b"")
        if not shorter:
            assert subscriber.recv() == b"hello"
            client.connect(ready)
            client.send(b"")
            client.recv()
        count = 0
        while (text := subscriber.recv()) != b"end":
            count += text != b"hello"
        return count

    async def greet() -> None:
        while True:
            await publisher.send(b"hello")
            await asyncio.sleep(0)

    subscribers = [asyncio.create_task(off_loop(subscribe)) for _ in range(3)]
    if shorter:
        await publisher.wait_subscribed(n=3)
    else:
        async with running(greet()):
            for _ in range(3):
                await service.recv()
                await service.send(b"")
    for number in range(1000):
        await publisher.send(b"%d" % number)
    await publisher.send(b"end")
    assert await asyncio.gather(*subscribers) == [1000] * 3


# -- envelopes and routing --------------------------------------------------------------------------------------------


async def test_guide_58_identity_set_after_connect_is_for_the_next_one(context: aiomq.Context) -> None:
    router = bound(context, aiomq.ROUTER)
    dealer = context.socket(aiomq.DEALER)
    dealer.connect(router.last_endpoint)
    dealer.routing_id = b"too late"
    await dealer.send(b"x")
    assert (await router.recv_multipart())[0] != b"too late"
    dealer.disconnect(router.last_endpoint)
    dealer.connect(router.last_endpoint)
    await dealer.send(b"x")
    assert (await router.recv_multipart())[0] == b"too late"


@pytest.mark.parametrize("transport", ["tcp://127.0.0.1:*", "ipc://*"])
async def test_guide_65_envelope_goes_through_two_brokers_and_back(
    context: aiomq.Context, judge: Judge, transport: str
) -> None:
    service = judge.socket(zmq.REP)
    service.bind(transport)
    outer, outer_back = bound(context, aiomq.ROUTER, transport), context.socket(aiomq.DEALER)
    inner, inner_back = bound(context, aiomq.ROUTER, transport), context.socket(aiomq.DEALER)
    outer_back.connect(inner.last_endpoint)
    inner_back.connect(service.getsockopt_string(zmq.LAST_ENDPOINT))
    client = judge.socket(zmq.REQ)
    client.connect(outer.last_endpoint)
    seen: list[list[bytes]] = []

    async def look_and_pass_on(source: aiomq.Socket, sink: aiomq.Socket) -> None:
        async for message in source:
            seen.append(message)
            await sink.send_multipart(message)

    async with running(
        pass_on(outer, outer_back),
        pass_on(outer_back, outer),
        look_and_pass_on(inner, inner_back),
        look_and_pass_on(inner_back, inner),
    ):
        await off_loop(client.send_multipart, [b"two", b"parts"])
        assert await receive(service) == [b"two", b"parts"]
        await off_loop(service.send_multipart, [b"one answer"])
        assert await receive(client) == [b"one answer"]
    request, reply = seen
    assert request[:2] == reply[:2]  # two addresses, each with five bytes
    assert [len(address) for address in request[:2]] == [5, 5]
    assert request[2:] == [b"", b"two", b"parts"]
    assert reply[2:] == [b"", b"one answer"]


async def test_guide_69_router_chooses_among_dealers(context: aiomq.Context, judge: Judge) -> None:
    router = bound(context, aiomq.ROUTER, router_mandatory=1)
    dealers = {name: judge.socket(zmq.DEALER, routing_id=name) for name in (b"A", b"B")}
    for dealer in dealers.values():
        dealer.connect(router.last_endpoint)
    await router.wait_connected(2)
    for name, count in ((b"A", 20), (b"B", 10)):
        for number in range(count):
            await router.send_multipart([name, b"%d" % number])
    for name, count in ((b"A", 20), (b"B", 10)):
        assert [await receive(dealers[name]) for _ in range(count)] == [[b"%d" % number] for number in range(count)]


async def test_guide_69_router_gives_work_to_the_req_that_asks(context: aiomq.Context, judge: Judge) -> None:
    router = bound(context, aiomq.ROUTER)

    def ask() -> int:
        req = judge.socket(zmq.REQ)
        req.connect(router_endpoint)
        count = -1
        work = b""
        while work != b"end":
            req.send(b"ready")
            work = req.recv()
            count += 1
        return count

    router_endpoint = router.last_endpoint
    workers = [asyncio.create_task(off_loop(ask)) for _ in range(4)]
    for number in range(40 + 4):
        address, empty, ready = await router.recv_multipart()
        assert (empty, ready) == (b"", b"ready")
        await router.send_multipart([address, b"", b"work" if number < 40 else b"end"])
    assert sum(await asyncio.gather(*workers)) == 40


async def test_guide_69_router_sends_a_rep_the_whole_envelope_over_inproc(context: aiomq.Context) -> None:
    router = bound(context, aiomq.ROUTER, "inproc://papa")
    rep = connected(context, aiomq.REP, "inproc://papa", routing_id=b"A")
    await router.wait_connected()
    await router.send_multipart([b"A", b"address 2", b"address 1", b"", b"question"])
    assert await rep.recv_multipart() == [b"question"]
    await rep.send(b"answer")
    assert await router.recv_multipart() == [b"A", b"address 2", b"address 1", b"", b"answer"]


async def test_guide_69_router_and_rep_are_no_pair_over_a_wire(context: aiomq.Context, judge: Judge) -> None:
    router = bound(context, aiomq.ROUTER)
    events = router.monitor()
    rep = judge.socket(zmq.REP, routing_id=b"A")
    rep.connect(router.last_endpoint)
    async for event in events:
        if event.event in {aiomq.EVENT_DISCONNECTED, aiomq.EVENT_HANDSHAKE_FAILED_NO_DETAIL}:  # whoever looks first
            break
    assert router.counters.connects == 0
    events.close()


# -- the table of lines -----------------------------------------------------------------------------------------------


def table() -> list[list[str]]:
    page = (ROOT / "docs" / "reference" / "guide.md").read_text(encoding="utf-8")
    return [line.strip("|").split("|") for line in page.splitlines() if re.match(r"\| \d+ \|", line)]


def test_guide_table_has_every_line_once_and_each_says_something() -> None:
    rows = table()
    assert [int(row[0]) for row in rows] == list(range(1, 73))
    assert all(len(row) == 3 and all(cell.strip() for cell in row) for row in rows)


def test_guide_table_names_tests_that_exist() -> None:
    defined = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        defined.update(re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for row in table() for name in re.findall(r"`(test_\w+)`", row[2])}
    assert named - defined == set()
    assert len(named) > 60


async def test_guide_13_loop_that_stands_still_moves_nothing(context: aiomq.Context) -> None:
    push = bound(context, aiomq.PUSH)
    pull = connected(context, aiomq.PULL, push.last_endpoint)
    async with asyncio.timeout(BOUND):
        await push.wait_connected()
        await push.send(b"first")
        threading.Event().wait(0.05)  # the loop stands still here
        assert push.counters.sent == 1
        assert pull.counters.received == 0
        assert await pull.recv() == b"first"


async def test_guide_32_io_threads_are_accepted_and_none_is_made() -> None:
    threads = threading.enumerate()
    async with aiomq.Context(io_threads=4) as context, asyncio.timeout(BOUND):
        push = bound(context, aiomq.PUSH)
        pull = connected(context, aiomq.PULL, push.last_endpoint)
        await push.send(b"work")
        assert await pull.recv() == b"work"
        assert context.get(aiomq.IO_THREADS) == 4
        assert threading.enumerate() == threads


async def test_guide_40_message_that_nobody_refers_to_is_freed(context: aiomq.Context) -> None:
    push = bound(context, aiomq.PUSH)
    pull = connected(context, aiomq.PULL, push.last_endpoint)
    async with asyncio.timeout(BOUND):
        await push.send(bytes(100_000))
        frame = await pull.recv(copy=False)
    remembered = weakref.ref(frame)
    assert len(frame) == 100_000
    del frame
    gc.collect()
    assert remembered() is None


async def test_guide_61_router_forgets_identities_that_are_gone(context: aiomq.Context) -> None:
    router = bound(context, aiomq.ROUTER, router_mandatory=1)
    for number in range(50):
        name = b"random %d" % number
        async with asyncio.timeout(BOUND):
            async with context.socket(aiomq.DEALER, routing_id=name) as dealer:
                dealer.connect(router.last_endpoint)
                await dealer.send(b"hello")
                assert await router.recv_multipart() == [name, b"hello"]
            await until(lambda: not router.peers())
            with pytest.raises(aiomq.ZMQError) as refused:
                await router.send_multipart([name, b"are you there?"])
        assert refused.value.errno == errno.EHOSTUNREACH

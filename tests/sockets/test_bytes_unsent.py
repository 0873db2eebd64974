"""What peers that do not read can make a socket hold: marks in bytes that every socket has, without being slower."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import aiomq
from aiomq.budgets import BUDGETS
from aiomq.memory import memory_for_process
from aiomq.peer import StreamPeer
from aiomq.unsent import ProcessUnsent
from aiomq.weights import size_of
from tests.sockets.links import turns, until
from tests.sockets.strangers import Stranger
from tests.transports.scripted import frame

MIB = 1 << 20
MARK = 64 * MIB
LARGE = bytes(MIB)
"""One object in all queues: what is queued takes no memory in these tests."""
ADDRESSES = ["tcp://127.0.0.1:*", "ipc://*"]


@pytest.fixture
def strangers() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def queued(socket: aiomq.Socket) -> list[int]:
    """Return how many messages wait for each peer."""
    return sorted(peer.queued_out for peer in socket.peers())


def offered(socket: aiomq.Socket, *frames: bytes, at_most: int = 300) -> int:
    """Send until there is no room; return how often there was."""
    for count in range(at_most):
        try:
            socket.send_multipart_nowait(frames)
        except aiomq.Again:
            return count
    return at_most


def test_every_socket_has_marks_of_64_mib_for_each_peer() -> None:
    assert BUDGETS["sndhwm_bytes"].default == BUDGETS["rcvhwm_bytes"].default == MARK


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("ours", "theirs"), [(aiomq.PUSH, "PULL"), (aiomq.DEALER, "ROUTER"), (aiomq.PAIR, "PAIR"), (aiomq.CLIENT, "SERVER")]
)
async def test_who_waits_for_room_waits_at_64_mib(
    context: aiomq.Context, strangers: ExitStack, address: str, ours: int, theirs: str
) -> None:
    socket = context.socket(ours, sndtimeo=0)
    socket.bind(address)
    strangers.enter_context(Stranger(socket.last_endpoint, theirs))
    await socket.wait_connected()

    count = offered(socket, LARGE)

    assert 64 <= count < 80  # some of them are in the buffers of the system
    assert 63 <= queued(socket)[0] <= 66
    with pytest.raises(aiomq.Again):
        await socket.send(b"small")


@pytest.mark.parametrize("address", ADDRESSES)
async def test_full_peer_has_room_again_once_it_has_read_half(
    context: aiomq.Context, strangers: ExitStack, address: str
) -> None:
    socket = context.socket(aiomq.PUSH)
    socket.bind(address)
    stranger = strangers.enter_context(Stranger(socket.last_endpoint, "PULL"))
    await socket.wait_connected()
    offered(socket, LARGE)
    sending = asyncio.create_task(socket.send(b"waits"))
    await turns(5)
    assert not sending.done()

    left = 64 * MIB
    while not sending.done() and left > 0:
        left -= len(await stranger.read(MIB))
        await asyncio.sleep(0)

    await sending
    assert 20 * MIB < left < 48 * MIB
    assert queued(socket)[0] <= 33


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("how", ["send", "send_many", "nowait"])
@pytest.mark.parametrize("ours", [aiomq.PUB, aiomq.XPUB])
async def test_publisher_drops_what_a_subscriber_does_not_take(
    context: aiomq.Context, strangers: ExitStack, address: str, how: str, ours: int
) -> None:
    pub = context.socket(ours, sndhwm=0)
    pub.bind(address)
    for _ in range(3):
        stranger = strangers.enter_context(Stranger(pub.last_endpoint, "SUB"))
        await stranger.send(b"\0\1\1")
    await until(lambda: len(pub.peers()) == 3 and pub.topics_count == 1)
    await pub.wait_subscribed(b"", 3)

    if how == "send_many":
        await pub.send_many([LARGE] * 120)
    for _ in range(0 if how == "send_many" else 120):
        if how == "send":
            await pub.send(LARGE)
        else:
            pub.send_nowait(LARGE)

    assert all(63 <= count <= 67 for count in queued(pub))
    assert pub.counters.dropped == sum(peer.dropped for peer in pub.peers()) >= 3 * 40


async def test_publisher_weighs_what_it_hands_out_by_the_turn(context: aiomq.Context, strangers: ExitStack) -> None:
    pub = context.socket(aiomq.PUB, sndhwm=0, sndhwm_bytes=8 * MIB)
    pub.bind("tcp://127.0.0.1:*")
    slow = [strangers.enter_context(Stranger(pub.last_endpoint, "SUB")) for _ in range(3)]
    for stranger in slow:
        await stranger.send(b"\0\1\1")
    await until(lambda: len(pub.peers()) == 3 and pub.topics_count == 1)
    await pub.wait_subscribed(b"", 3)

    await pub.send_many([bytes(4000)] * 12_000)  # 48 MB

    held = [4000 * count for count in queued(pub)]
    assert all(7 * MIB < each < 10 * MIB for each in held)  # a turn's worth over the mark at most
    assert pub.counters.dropped > 3 * 6000


@pytest.mark.parametrize("address", ADDRESSES)
async def test_router_drops_or_refuses_replies_that_are_not_read(
    context: aiomq.Context, strangers: ExitStack, address: str
) -> None:
    router = context.socket(aiomq.ROUTER)
    router.bind(address)
    stranger = strangers.enter_context(Stranger(router.last_endpoint, "DEALER", ("Identity", b"greedy")))
    await stranger.send(b"\0\1?" * 1500)
    for _ in range(1500):
        name, _question = await router.recv_multipart()
        await router.send_multipart([name, LARGE])
    assert 63 <= queued(router)[0] <= 66
    assert router.counters.dropped > 1400

    router.router_mandatory = 1
    with pytest.raises(aiomq.Again):
        router.send_multipart_nowait([b"greedy", b""])
    router.on_mute = "drop_oldest"
    await router.send_multipart([b"greedy", LARGE])
    assert 63 <= queued(router)[0] <= 66


async def test_next_peer_gets_what_a_full_one_has_no_room_for(context: aiomq.Context, strangers: ExitStack) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind("tcp://127.0.0.1:*")
    strangers.enter_context(Stranger(push.last_endpoint, "PULL"))
    await push.wait_connected()
    pull = context.socket(aiomq.PULL)
    pull.connect(push.last_endpoint)
    await push.wait_connected(2)

    async def read() -> None:
        for _ in range(150):
            await pull.recv()

    reading = asyncio.create_task(read())
    while not reading.done():
        await push.send(LARGE)

    await reading
    assert queued(push)[-1] <= 66


async def test_proxy_keeps_to_the_mark_whatever_is_last_in_its_turn(
    context: aiomq.Context, strangers: ExitStack
) -> None:
    front, back = context.socket(aiomq.PULL), context.socket(aiomq.PUSH, sndhwm=0)
    for socket in (front, back):
        socket.bind("tcp://127.0.0.1:*")
    strangers.enter_context(Stranger(back.last_endpoint, "PULL"))
    await back.wait_connected()
    source = context.socket(aiomq.PUSH)
    source.connect(front.last_endpoint)
    proxying = asyncio.create_task(aiomq.proxy(front, back))
    messages = [bytes(500_000), *[b"small"] * 12] * 400  # 200 MB
    sending = asyncio.create_task(source.send_many(messages))
    while back._core.pattern.can_send():
        await turns(1)
    await turns(20)

    (peer,) = back._core.peers
    assert isinstance(peer, StreamPeer)
    assert 60 * MIB < sum(map(size_of, peer.outbox)) < 80 * MIB
    for task in (sending, proxying):
        task.cancel()
    await asyncio.wait([sending, proxying])


@pytest.mark.parametrize("ours", [aiomq.PUSH, aiomq.DEALER, aiomq.REQ])
async def test_queue_without_a_connection_is_weighed_too(context: aiomq.Context, ours: int) -> None:
    with context.socket(aiomq.PULL) as gone:
        gone.bind("tcp://127.0.0.1:*")
        address = gone.last_endpoint
    socket = context.socket(ours, req_relaxed=1, req_correlate=1) if ours == aiomq.REQ else context.socket(ours)
    socket.connect(address)
    await turns(2)
    assert offered(socket, LARGE) == 64


async def test_message_over_the_mark_goes_if_nothing_waits(context: aiomq.Context, strangers: ExitStack) -> None:
    push = context.socket(aiomq.PUSH, sndhwm_bytes=8 * MIB)
    push.bind("tcp://127.0.0.1:*")
    stranger = strangers.enter_context(Stranger(push.last_endpoint, "PULL"))
    await push.wait_connected()
    reading = asyncio.create_task(stranger.read_all())
    for _ in range(3):
        await push.send(bytes(20 * MIB))
        await until(lambda: not push.peers()[0].queued_out)
    reading.cancel()


@pytest.mark.parametrize("address", ADDRESSES)
async def test_peers_of_a_socket_share_its_mark(context: aiomq.Context, strangers: ExitStack, address: str) -> None:
    push = context.socket(aiomq.PUSH, unsent_bytes_max=32 * MIB)
    push.bind(address)
    slow = [strangers.enter_context(Stranger(push.last_endpoint, "PULL")) for _ in range(4)]
    await push.wait_connected(4)

    offered(push, LARGE)
    assert 31 <= sum(queued(push)) <= 37
    for stranger in slow[1:]:  # with them goes what waited for them
        stranger.close()
    await until(lambda: len(push.peers()) == 1)
    assert 12 <= offered(push, LARGE) <= 34
    assert 31 <= sum(queued(push)) <= 34


async def test_closed_peers_leave_nothing_in_the_mark_of_their_socket(
    context: aiomq.Context, strangers: ExitStack
) -> None:
    pub = context.socket(aiomq.PUB, unsent_bytes_max=8 * MIB)
    pub.bind("tcp://127.0.0.1:*")
    for _ in range(3):
        with Stranger(pub.last_endpoint, "SUB") as stranger:
            await stranger.send(b"\0\1\1")
            await pub.wait_subscribed(b"")
            await pub.send_many([LARGE] * 20)
            assert 7 <= queued(pub)[0] <= 10
        await until(lambda: not pub.peers())
    assert pub._core.unsent.total == 0


@pytest.mark.parametrize("mark", ["sndhwm_bytes", "rcvhwm_bytes"])
async def test_inproc_takes_the_default_and_no_other_mark(context: aiomq.Context, mark: str) -> None:
    bound = context.socket(aiomq.PAIR)
    bound.bind("inproc://counted")
    with pytest.raises(aiomq.ZMQError, match="over tcp and ipc, not over inproc"):
        context.socket(aiomq.PAIR, **{mark: 10}).connect("inproc://counted")
    other = context.socket(aiomq.PAIR)
    other.connect("inproc://counted")
    assert offered(other, LARGE) == 300


# -- the mark of the process ------------------------------------------------------------------------------------------


@pytest.fixture
def process_mark(monkeypatch: pytest.MonkeyPatch) -> ProcessUnsent:
    """Return a mark of 4 MiB in the place of the process's."""
    made = ProcessUnsent(4 * MIB)
    monkeypatch.setattr("aiomq.peer.process_unsent", made)
    return made


@pytest.mark.parametrize("size", [10, MIB // 2])
async def test_peers_that_read_nothing_share_the_mark_of_the_process_and_others_are_served(
    context: aiomq.Context, process_mark: ProcessUnsent, size: int
) -> None:
    router = context.socket(aiomq.ROUTER, router_mandatory=1, sndhwm=0)
    router.bind("tcp://127.0.0.1:*")
    with ExitStack() as stack:
        strangers = [stack.enter_context(Stranger(router.last_endpoint, "DEALER")) for _ in range(3)]
        identities = []
        for stranger in strangers:
            await stranger.send(frame(b"hello"))
            identities.append((await router.recv_multipart())[0])
        for identity in identities:
            while offered(router, identity, bytes(size)) == 300:
                await turns(1)
            await turns(1)
        assert process_mark.is_over
        assert process_mark.total < 12 * MIB  # what the transports and one turn took beside it
        good = context.socket(aiomq.DEALER)
        good.connect(router.last_endpoint)
        await good.send(b"a question")
        identity, question = await router.recv_multipart()
        await router.send_multipart([identity, question])
        assert await good.recv() == b"a question"
        for stranger in strangers:
            stranger.leave()
        await until(lambda: len(router.peers()) == 1)
    assert process_mark.total == 0


async def test_what_has_left_gives_the_room_of_the_process_back(
    context: aiomq.Context, process_mark: ProcessUnsent
) -> None:
    push, pull = context.socket(aiomq.PUSH, sndhwm=0), context.socket(aiomq.PULL, rcvhwm=1)
    pull.bind("tcp://127.0.0.1:*")
    push.connect(pull.last_endpoint)
    await push.wait_connected()
    count = offered(push, bytes(MIB))
    assert 0 < count < 300
    assert process_mark.is_over
    for _ in range(count):
        assert len(await pull.recv()) == MIB
    assert await push.poll(10_000, aiomq.POLLOUT)
    await push.send(b"there is room")
    assert await pull.recv() == b"there is room"
    assert process_mark.total == 0


@pytest.mark.parametrize(("text", "limit"), [("12345", 12345), ("0", 0), ("", None), ("much", None)])
def test_mark_of_what_waits_to_leave_comes_from_the_environment_or_the_memory(
    monkeypatch: pytest.MonkeyPatch, text: str, limit: int | None
) -> None:
    monkeypatch.setenv("AIOMQ_UNSENT_BYTES", text)
    by_memory = max(memory_for_process() // 8, 64 * MIB)
    made = ProcessUnsent()
    made.change(1)
    assert made.find_limit() == (by_memory if limit is None else limit)
    assert not made.is_over

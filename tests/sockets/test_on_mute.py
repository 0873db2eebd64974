"""`on_mute`: what becomes of a message that nobody has room for, by type of socket."""

from __future__ import annotations

import asyncio
import errno

import pytest

import aiomq
from aiomq import OnMute
from aiomq.transports.inproc import InprocPeer
from tests.sockets.links import linked, started, subscribed, until

SENDERS = [(aiomq.PUSH, aiomq.PULL), (aiomq.DEALER, aiomq.DEALER), (aiomq.PAIR, aiomq.PAIR)]
DEFAULTS = {
    aiomq.PUSH: OnMute.BLOCK,
    aiomq.DEALER: OnMute.BLOCK,
    aiomq.PAIR: OnMute.BLOCK,
    aiomq.PUB: OnMute.DROP_NEWEST,
    aiomq.XPUB: OnMute.DROP_NEWEST,
    aiomq.ROUTER: OnMute.DROP_NEWEST,
}


async def received(socket: aiomq.Socket) -> list[bytes]:
    """Return what can be received now and soon."""
    messages = []
    try:
        while True:
            async with asyncio.timeout(0.05):
                messages.append(await socket.recv())
    except TimeoutError:
        return messages


async def waiting_for_a_peer(context: aiomq.Context, sender: int, policy: str) -> aiomq.Socket:
    """Return a connected socket whose peer is not there yet: it has room for three messages."""
    socket = context.socket(sender, sndhwm=3, on_mute=policy)
    socket.connect("tcp://127.0.0.1:9" if sender == aiomq.PUB else "inproc://later")
    return socket


@pytest.mark.parametrize(("sender", "receiver"), SENDERS)
async def test_drop_newest_keeps_what_is_queued(context: aiomq.Context, sender: int, receiver: int) -> None:
    socket = await waiting_for_a_peer(context, sender, "drop_newest")
    for number in range(10):
        await socket.send(b"%d" % number)
    other = context.socket(receiver)
    other.bind("inproc://later")

    assert await received(other) == [b"0", b"1", b"2"]
    assert socket.counters.dropped == 7
    await socket.send(b"and on")
    assert await received(other) == [b"and on"]


@pytest.mark.parametrize(("sender", "receiver"), SENDERS)
async def test_drop_oldest_keeps_what_is_new(context: aiomq.Context, sender: int, receiver: int) -> None:
    socket = await waiting_for_a_peer(context, sender, "drop_oldest")
    for number in range(10):
        await socket.send(b"%d" % number)
    assert [each.dropped for each in socket.peers()] == [7]
    other = context.socket(receiver)
    other.bind("inproc://later")

    assert await received(other) == [b"7", b"8", b"9"]
    assert socket.counters.dropped == 7
    await socket.send(b"and on")
    assert await received(other) == [b"and on"]


@pytest.mark.parametrize(("sender", "receiver"), SENDERS)
async def test_drop_oldest_takes_unread_messages_back_from_an_inproc_peer(
    context: aiomq.Context, sender: int, receiver: int
) -> None:
    other, socket = linked(context, "inproc://near", receiver, sender, sndhwm=2, rcvhwm=2)
    socket.on_mute = OnMute.DROP_OLDEST
    for number in range(10):
        await socket.send(b"%d" % number)

    assert await received(other) == [b"6", b"7", b"8", b"9"]
    assert socket.counters.sent == 4
    await socket.send(b"and on")
    assert await received(other) == [b"and on"]


async def test_drop_oldest_of_a_full_connection_delivers_the_newest(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH, sndhwm=5, on_mute="drop_oldest")
    pull = context.socket(aiomq.PULL, rcvhwm=1)
    pull.bind("tcp://127.0.0.1:*")
    push.connect(pull.last_endpoint)
    await push.wait_connected()
    number = 0
    while push.counters.dropped < 100:
        number += 1
        await push.send(b"%d" % number + bytes(100_000))

    last = 0
    while last != number:
        message = int((await pull.recv()).rstrip(b"\0"))
        assert message > last
        last = message
    await until(lambda: push.counters.sent + push.counters.dropped == number)


@pytest.mark.parametrize("policy", ["drop_newest", "drop_oldest"])
@pytest.mark.parametrize(("sender", "receiver"), SENDERS)
async def test_dropping_with_no_peer_at_all_does_not_wait(
    context: aiomq.Context, sender: int, receiver: int, policy: str
) -> None:
    socket = context.socket(sender, on_mute=policy)
    socket.bind("inproc://nobody-yet")
    await socket.send(b"lost")
    assert await socket.poll(0, aiomq.POLLOUT) == aiomq.POLLOUT
    other = context.socket(receiver)
    other.connect("inproc://nobody-yet")
    await socket.wait_connected()
    await socket.send(b"kept")

    assert await received(other) == [b"kept"]
    assert socket.counters.dropped == 1


async def test_a_waiting_send_is_dropped_once_dropping_is_the_policy(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)
    waiting = await started(push.send(b"x"))
    push.on_mute = "drop_newest"

    await asyncio.wait_for(waiting, 5)
    assert push.counters.dropped == 1
    push.on_mute = "block"
    await started_and_cancelled(push)


async def started_and_cancelled(push: aiomq.Socket) -> None:
    """Check that a send waits."""
    waiting = await started(push.send(b"x"))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_publisher_with_drop_oldest_gives_a_slow_subscriber_the_newest(context: aiomq.Context) -> None:
    pub, sub = await subscribed(context, "inproc://slow", hwm=2)
    pub.on_mute = "drop_oldest"
    pub.xpub_nodrop = 1  # goes behind
    for number in range(10):
        await pub.send(b"%d" % number)

    assert pub.counters.dropped == 6
    assert await received(sub) == [b"6", b"7", b"8", b"9"]


@pytest.mark.parametrize("mandatory", [0, 1])
async def test_router_with_drop_oldest_gives_a_full_peer_the_newest(context: aiomq.Context, mandatory: int) -> None:
    router = context.socket(aiomq.ROUTER, sndhwm=2, router_mandatory=mandatory, on_mute="drop_oldest")
    router.bind("inproc://router")
    dealer = context.socket(aiomq.DEALER, rcvhwm=2, routing_id=b"d")
    dealer.connect("inproc://router")
    await router.wait_connected()
    for number in range(10):
        await router.send_multipart([b"d", b"%d" % number])

    assert router.counters.dropped == 6
    assert await received(dealer) == [b"6", b"7", b"8", b"9"]


async def test_drop_oldest_between_threads_drops_the_newest(context: aiomq.Context) -> None:
    """What is on its way to another loop belongs to that one."""
    pull, push = linked(context, "inproc://far", aiomq.PULL, aiomq.PUSH, hwm=2)
    await push.wait_connected()
    (peer,) = push._core.peers
    assert isinstance(peer, InprocPeer)
    near, peer._near = peer._near, None
    peer._far = near
    try:
        assert peer.replace_oldest(b"x") is False
    finally:
        peer._near, peer._far = near, None
    assert await received(pull) == []


@pytest.mark.parametrize("socket_type", DEFAULTS)
def test_on_mute_reads_as_what_the_type_does_by_default(socket_type: int) -> None:
    with aiomq.Context() as context, context.socket(socket_type) as socket:
        assert socket.on_mute is DEFAULTS[aiomq.SocketType(socket_type)]
        assert socket.on_mute == DEFAULTS[aiomq.SocketType(socket_type)].value


@pytest.mark.parametrize(
    ("socket_type", "policy"),
    [(kind, "block") for kind in (aiomq.PUB, aiomq.XPUB, aiomq.ROUTER)]
    + [(kind, "drop_oldest") for kind in (aiomq.REQ, aiomq.REP, aiomq.SUB, aiomq.XSUB, aiomq.PULL)]
    + [(aiomq.PUSH, "drop"), (aiomq.PUSH, "")],
)
def test_on_mute_that_means_nothing_is_refused(socket_type: int, policy: str) -> None:
    with aiomq.Context() as context, context.socket(socket_type) as socket:
        before = socket.on_mute
        with pytest.raises(aiomq.ZMQError) as refused:
            socket.on_mute = policy
        assert refused.value.errno == errno.EINVAL
        assert socket.on_mute is before

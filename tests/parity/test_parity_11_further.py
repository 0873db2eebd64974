"""PARITY section 11, "Further ones worth a test"."""

from __future__ import annotations

import asyncio
import errno
import itertools
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import Event
from tests.parity.subjects import Make, failing, filled
from tests.transports.scripted import COMMAND, GREETING, MORE, Script, closed_port, frame, until

_names = (f"inproc://further-{number}" for number in itertools.count())

TYPES: Final = ["PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"]

# -- inproc -----------------------------------------------------------------------------------------------------------


async def test_parity_11_further_term_does_not_wait_for_an_inproc_name_to_be_bound() -> None:
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH)  # lingers without limit
    push.connect(next(_names))
    await push.send(b"to nobody")
    async with asyncio.timeout(1):
        await context.term()
    assert push.closed


async def test_parity_11_further_inproc_unbind_keeps_connections(make: Make) -> None:
    pull, push = make(aiomq.PULL), make(aiomq.PUSH)
    name = pull.bind(next(_names))
    push.connect(name)
    await push.send(b"before")
    assert await pull.recv() == [b"before"]
    pull.unbind(name)
    await push.send(b"after")
    assert await pull.recv() == [b"after"]
    other = make(aiomq.PULL)
    assert other.bind(name) == name
    await push.send(b"still")
    assert await pull.recv() == [b"still"]
    assert other.take() is None


# -- PUB and SUB ------------------------------------------------------------------------------------------------------


async def test_parity_11_further_nodrop_waits_for_any_matching_peer_that_is_full(make: Make) -> None:
    xpub = make(aiomq.XPUB, sndhwm=1, xpub_nodrop=1)
    name = xpub.bind(next(_names))
    quick, slow = (make(aiomq.SUB, rcvhwm=1) for _ in range(2))
    for sub, topic in ((quick, b"a"), (slow, b"a"), (quick, b"b")):
        sub.subscribe(topic)
        if topic == b"a":
            sub.connect(name)
    assert [await xpub.recv() for _ in range(2)] == [[b"\x01a"], [b"\x01b"]]
    assert filled(xpub, (b"a",)) == 2
    assert [quick.take() for _ in range(3)] == [[b"a"], [b"a"], None]
    assert not xpub.offer(b"a")
    assert xpub.offer(b"b")  # the slow one has no part in it
    assert quick.take() == [b"b"]
    assert [slow.take() for _ in range(2)] == [[b"a"], [b"a"]]
    assert xpub.offer(b"a")
    assert (quick.take(), slow.take()) == ([b"a"], [b"a"])


async def test_parity_11_further_subscriptions_over_sndhwm_are_kept(context: aiomq.Context, script: Script) -> None:
    # libzmq drops them without a word, and the topic stays silent until the next reconnection.
    acceptor = await script.listen()
    topics = [b"%02d" % number for number in range(20)]
    with context.socket(aiomq.SUB, sndhwm=2) as sub:
        sub.connect(acceptor.endpoint)
        for topic in topics:
            sub.subscribe(topic)
        wire = await script.accepted(acceptor)
        await wire.greet("PUB")
        assert [await wire.frame() for _ in topics] == [(COMMAND, b"\x09SUBSCRIBE" + each) for each in topics]


@pytest.mark.parametrize(("name", "expected"), [("SUB", [b"wanted"]), ("XSUB", [b"unasked", b"wanted"])])
async def test_parity_11_further_only_sub_filters_what_it_receives(
    make: Make, script: Script, name: str, expected: list[bytes]
) -> None:
    acceptor = await script.listen()
    subscriber = make(getattr(aiomq, name))
    subscriber.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("PUB")
    if name == "SUB":
        subscriber.subscribe(b"wanted")
    else:
        await subscriber.send(b"\x01wanted")
    await wire.frame()
    wire.send(frame(b"unasked") + frame(b"wanted"))
    assert [await subscriber.recv() for _ in expected] == [[each] for each in expected]


async def test_parity_11_further_xsub_takes_every_part_for_a_subscription(make: Make) -> None:
    xpub, xsub = make(aiomq.XPUB), make(aiomq.XSUB)
    xsub.connect(xpub.bind(next(_names)))
    await xsub.send(b"\x01first", b"\x01second")
    assert [await xpub.recv() for _ in range(2)] == [[b"\x01first"], [b"\x01second"]]
    await xpub.send(b"second")
    assert await xsub.recv() == [b"second"]


async def test_parity_11_further_xsub_with_only_first_subscribe_leaves_later_parts_alone(
    context: aiomq.Context,
) -> None:
    options = {"only_first_subscribe": 1}
    with context.socket(aiomq.XPUB, **options) as xpub, context.socket(aiomq.XSUB, **options) as xsub:
        name = next(_names)
        xpub.bind(name)
        xsub.connect(name)
        await xsub.send_multipart([b"user", b"\x01later"])
        assert await xpub.recv_multipart() == [b"user", b"\x01later"]
        await xsub.send(b"\x01first")
        assert await xpub.recv() == b"\x01first"


# -- endpoints --------------------------------------------------------------------------------------------------------


async def test_parity_11_further_linger_holds_for_disconnect(make: Make, script: Script) -> None:
    sock = script.bound()
    push = make(aiomq.PUSH, linger=-1, reconnect_ivl=5)
    push.watch()
    push.connect(closed_port(sock))
    await push.send(b"last words")
    await push.told_until(Event.CLOSED)
    push.disconnect(closed_port(sock))
    wire = await script.accepted(await script.listen(sock))
    await wire.greet("PULL")
    assert await wire.frame() == (0, b"last words")


@pytest.mark.parametrize("port", ["http", "*", "", "-1"])
async def test_parity_11_further_the_port_of_a_connect_is_a_number(make: Make, port: str) -> None:
    push = make(aiomq.PUSH)
    with failing(errno.EINVAL):
        push.connect(f"tcp://127.0.0.1:{port}")


@pytest.mark.parametrize("port", ["0", "65536", "70000", "80x"])
async def test_parity_11_further_a_port_that_libzmq_guesses_at_is_refused(context: aiomq.Context, port: str) -> None:
    with context.socket(aiomq.PUSH) as push, pytest.raises(aiomq.ZMQError, match=port) as refused:
        push.connect(f"tcp://127.0.0.1:{port}")
    assert refused.value.errno == errno.EINVAL


# -- identities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
@pytest.mark.parametrize("identity", [b"", b"me"])
async def test_parity_11_further_identity_is_announced_by_three_types(
    request: pytest.FixtureRequest, make: Make, script: Script, name: str, identity: bytes
) -> None:
    # The other types of aiomq announce it if it is set, for publishers and the like that are durable.
    is_announced = name in {"REQ", "DEALER", "ROUTER"} or (identity != b"" and "-aiomq-" in request.node.name)
    subject = make(getattr(aiomq, name), **({"routing_id": identity} if identity else {}))
    wire = await script.dial(subject.bind("tcp://127.0.0.1:*"))
    wire.send(GREETING)
    await wire.read(len(GREETING))
    flags, body = await wire.frame()
    assert flags == COMMAND
    announced = b"\x08Identity" + len(identity).to_bytes(4) + identity
    assert body.startswith(b"\x05READY\x0bSocket-Type" + len(name).to_bytes(4) + name.encode())
    assert body.endswith(announced) is is_announced
    assert (b"Identity" in body) is is_announced


async def test_parity_11_further_connect_routing_id_names_the_next_connect_alone(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    router = make(aiomq.ROUTER, router_mandatory=1)
    router.set("connect_routing_id", b"named")
    router.connect(acceptor.endpoint)
    await router.send(b"named", b"at once")
    first = await script.accepted(acceptor)
    await first.greet("DEALER", ("Identity", b"announced"))
    assert await first.frame() == (0, b"at once")
    first.send(frame(b"hello"))
    assert await router.recv() == [b"named", b"hello"]
    other = await script.listen()
    router.connect(other.endpoint)
    second = await script.accepted(other)
    await second.greet("DEALER", ("Identity", b"announced"))
    second.send(frame(b"hello"))
    assert await router.recv() == [b"announced", b"hello"]


@pytest.mark.parametrize("handover", [0, 1])
async def test_parity_11_further_a_duplicate_connect_routing_id_is_refused(
    context: aiomq.Context, script: Script, handover: int
) -> None:
    # libzmq ends the process here.
    acceptor = await script.listen()
    with context.socket(aiomq.ROUTER, router_handover=handover) as router, router.monitor() as events:
        router.connect_routing_id = b"named"
        router.connect(acceptor.endpoint)
        await (await script.accepted(acceptor)).greet("DEALER")
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        router.connect_routing_id = b"named"
        with pytest.raises(aiomq.ZMQError, match="'named' is the routing id of another peer") as refused:
            router.connect(acceptor.endpoint)
        assert refused.value.errno == errno.EINVAL
        router.connect_routing_id = b"other"
        router.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("DEALER")
        await router.send_multipart([b"other", b"one", b"two"])
        assert [await wire.frame() for _ in range(2)] == [(MORE, b"one"), (0, b"two")]


# -- security roles ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("server", "client", "value", "role"),
    [
        ("plain_server", "plain_username", b"user", "plain_server"),
        ("plain_server", "plain_password", b"secret", "plain_server"),
        ("curve_server", "curve_serverkey", b"k" * 32, "curve_server"),
    ],
)
def test_parity_11_further_a_client_option_ends_the_server_role(
    server: str, client: str, value: bytes, role: str
) -> None:
    roles = []
    with aiomq.Context() as context, zmq.Context() as judge:
        for socket in (context.socket(aiomq.PAIR), judge.socket(zmq.PAIR)):
            with socket:
                setattr(socket, server, 1)
                before = getattr(socket, role)
                setattr(socket, client, value)
                roles.append((before, getattr(socket, role)))
    assert roles == [(1, 0), (1, 0)]

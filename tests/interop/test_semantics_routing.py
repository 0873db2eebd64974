"""ROUTER_MANDATORY, ROUTER_HANDOVER, CONNECT_ROUTING_ID and PROBE_ROUTER, whichever side is aiomq."""

from __future__ import annotations

import asyncio
import errno
import itertools
from pathlib import Path

import pytest

import aiomq
from tests.interop.conftest import Sides
from tests.parity.subjects import Make, failing, filled
from tests.transports.scripted import BOUND, Script, frame

_names = (f"inproc://routing-{number}" for number in itertools.count())


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/end"


# -- ROUTER_MANDATORY -------------------------------------------------------------------------------------------------


async def test_mandatory_router_refuses_who_is_not_there_and_reaches_who_is(sides: Sides, address: str) -> None:
    router = sides.one(aiomq.ROUTER, router_mandatory=1)
    dealer = sides.other(aiomq.DEALER, routing_id=b"x")
    endpoint = router.bind(address)
    with failing(errno.EHOSTUNREACH):
        await router.send(b"x", b"too early")
    dealer.connect(endpoint)
    await dealer.send(b"hello")
    assert await router.recv() == [b"x", b"hello"]
    await router.send(b"x", b"answer")
    assert await dealer.recv() == [b"answer"]
    with failing(errno.EHOSTUNREACH):
        await router.send(b"y", b"to nobody")
    router.set("router_mandatory", 0)
    await router.send(b"y", b"to nobody")
    await router.send(b"x", b"after")
    assert await dealer.recv() == [b"after"]


async def test_mandatory_router_waits_for_a_full_peer(sides: Sides) -> None:
    router = sides.one(aiomq.ROUTER, router_mandatory=1, sndhwm=2)
    dealer = sides.other(aiomq.DEALER, routing_id=b"x", rcvhwm=2)
    dealer.connect(router.bind("tcp://127.0.0.1:*"))
    await dealer.send(b"hello")
    assert await router.recv() == [b"x", b"hello"]
    big = bytes(1 << 20)
    sent = filled(router, (b"x", big), 200)
    assert sent < 200
    waiting = asyncio.ensure_future(router.send(b"x", b"last"))
    for _ in range(sent):
        assert await dealer.recv() == [big]
    await waiting
    assert await dealer.recv() == [b"last"]


async def test_router_that_is_not_mandatory_drops_for_a_full_peer(make: Make) -> None:
    name = next(_names)
    router, dealer = make(aiomq.ROUTER, sndhwm=1), make(aiomq.DEALER, routing_id=b"x", rcvhwm=1)
    router.bind(name)
    dealer.connect(name)
    await dealer.send(b"hello")
    assert await router.recv() == [b"x", b"hello"]
    for number in range(5):
        assert router.offer(b"x", b"%d" % number)
    assert [dealer.take() for _ in range(3)] == [[b"0"], [b"1"], None]
    assert router.writable


async def test_mandatory_router_learns_that_its_peer_is_lost(make: Make, script: Script) -> None:
    router = make(aiomq.ROUTER, router_mandatory=1)
    router.watch()
    wire = await script.greeted(router.bind("tcp://127.0.0.1:*"), "DEALER", ("Identity", b"x"))
    wire.send(frame(b"hello"))
    assert await router.recv() == [b"x", b"hello"]
    wire.close()
    await router.told_until(aiomq.Event.DISCONNECTED)
    async with asyncio.timeout(BOUND):
        while router.writable:  # noqa: ASYNC110  # libzmq's learns of the loss a little after it told of it
            await asyncio.sleep(0)
    with failing(errno.EHOSTUNREACH):
        await router.send(b"x", b"too late")


# -- ROUTER_HANDOVER --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("handover", [0, 1])
async def test_handover_decides_who_has_a_routing_id(sides: Sides, handover: int) -> None:
    router = sides.one(aiomq.ROUTER)
    router.set("router_handover", handover)
    endpoint = router.bind("tcp://127.0.0.1:*")
    first, second = (sides.other(aiomq.DEALER, routing_id=b"x", reconnect_ivl=-1) for _ in range(2))
    first.connect(endpoint)
    await first.send(b"first")
    assert await router.recv() == [b"x", b"first"]
    second.watch()
    second.connect(endpoint)
    await second.told_until(aiomq.Event.HANDSHAKE_SUCCEEDED)
    if handover:
        await second.send(b"second")
        assert await router.recv() == [b"x", b"second"]
        await router.send(b"x", b"answer")
        assert await second.recv() == [b"answer"]
    else:
        second.offer(b"second")  # there is room with libzmq, which ignores this peer; aiomq has closed its connection
        await first.send(b"again")
        assert await router.recv() == [b"x", b"again"]
        await router.send(b"x", b"answer")
        assert await first.recv() == [b"answer"]
        assert second.take() is None


# -- CONNECT_ROUTING_ID -----------------------------------------------------------------------------------------------


async def test_connect_routing_id_holds_for_one_connect(sides: Sides) -> None:
    router = sides.one(aiomq.ROUTER, router_mandatory=1)
    named, unnamed = (sides.other(aiomq.DEALER, routing_id=b"own") for _ in range(2))
    router.set("connect_routing_id", b"chosen")
    router.connect(named.bind("tcp://127.0.0.1:*"))
    await router.send(b"chosen", b"1")
    assert await named.recv() == [b"1"]
    router.connect(unnamed.bind("tcp://127.0.0.1:*"))
    await unnamed.send(b"hello")
    assert await router.recv() == [b"own", b"hello"]
    await named.send(b"answer")
    assert await router.recv() == [b"chosen", b"answer"]


@pytest.mark.parametrize("scheme", ["tcp", "inproc"])
async def test_connect_routing_id_in_use_is_refused_and_the_socket_goes_on(context: aiomq.Context, scheme: str) -> None:
    # libzmq ends the process.
    with context.socket(aiomq.ROUTER, linger=0) as router, context.socket(aiomq.DEALER, linger=0) as dealer:
        dealer.bind("tcp://127.0.0.1:*" if scheme == "tcp" else next(_names))
        router.connect_routing_id = b"x"
        router.connect(dealer.last_endpoint)
        router.connect_routing_id = b"x"
        with pytest.raises(aiomq.ZMQError) as refused:
            router.connect(dealer.last_endpoint)
        assert refused.value.errno == errno.EINVAL
        router.connect_routing_id = b"y"
        router.connect(dealer.last_endpoint)
        for name in (b"x", b"y"):
            await router.send_multipart([name, name])
        assert sorted([await dealer.recv() for _ in range(2)]) == [b"x", b"y"]


# -- PROBE_ROUTER -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prober", ["DEALER", "ROUTER", "REQ"])
@pytest.mark.parametrize("binds", [True, False], ids=["binds", "connects"])
async def test_probe_makes_a_peer_known_before_it_says_anything(sides: Sides, prober: str, binds: bool) -> None:
    one = sides.one(getattr(aiomq, prober), probe_router=1, routing_id=b"x")
    router = sides.other(aiomq.ROUTER, router_mandatory=1)
    if not binds:
        one.connect(router.bind("tcp://127.0.0.1:*"))
        assert await router.recv() == [b"x", b""]
        return
    router.connect(one.bind("tcp://127.0.0.1:*"))
    probed = asyncio.ensure_future(router.recv())
    while not probed.done():  # libzmq sees to a new peer of a bound socket within calls alone
        _ = one.writable
        await asyncio.sleep(0)
    assert await probed == [b"x", b""]


@pytest.mark.parametrize("bind_first", [True, False])
async def test_probe_over_inproc_wakes_a_router_that_waits(context: aiomq.Context, bind_first: bool) -> None:
    name = next(_names)
    with (
        context.socket(aiomq.ROUTER, linger=0, rcvtimeo=5000) as waiting,
        context.socket(aiomq.ROUTER, linger=0) as bound,
    ):
        bound.set(aiomq.PROBE_ROUTER, 1)
        bound.set(aiomq.ROUTING_ID, b"bound")
        received = asyncio.ensure_future(waiting.recv_multipart())
        await asyncio.sleep(0)
        if bind_first:
            bound.bind(name)
        waiting.connect(name)
        if not bind_first:
            bound.bind(name)
        assert await received == [b"bound", b""]


async def test_probe_set_later_holds_for_the_next_peer(make: Make, script: Script) -> None:
    dealer = make(aiomq.DEALER)
    acceptors = [await script.listen() for _ in range(2)]
    dealer.connect(acceptors[0].endpoint)
    dealer.set("probe_router", 1)
    dealer.connect(acceptors[1].endpoint)
    first, second = [await script.accepted(each) for each in acceptors]
    await first.greet("ROUTER")
    await second.greet("ROUTER")
    assert await second.frame() == (0, b"")
    for _ in range(2):
        await dealer.send(b"message")
    assert await first.frame() == (0, b"message")
    assert await second.frame() == (0, b"message")

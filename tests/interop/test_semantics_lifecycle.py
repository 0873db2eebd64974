"""HELLO_MSG, DISCONNECT_MSG, HICCUP_MSG and ROUTER_NOTIFY: messages for what happens to connections.

They are draft options of libzmq: a script is played to it too where its build has them.
"""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import NOTIFY_CONNECT, NOTIFY_DISCONNECT, Event
from tests.interop.conftest import Sides
from tests.parity.subjects import Make
from tests.transports.scripted import MORE, Script, Wire, frame

_names = (f"inproc://lifecycle-{number}" for number in itertools.count())

BOTH: Final = NOTIFY_CONNECT | NOTIFY_DISCONNECT


@pytest.fixture
def pair(sides: Sides, request: pytest.FixtureRequest) -> Sides:
    """Return makers of two sides, of which `one` may be given draft options."""
    if request.node.callspec.params["sides"].startswith("libzmq") and not zmq.has("draft"):
        pytest.skip("this build of libzmq has no draft options")
    return sides


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/end"


async def named(script: Script, endpoint: str, identity: bytes) -> Wire:
    return await script.greeted(endpoint, "DEALER", ("Identity", identity))


# -- HELLO_MSG --------------------------------------------------------------------------------------------------------


async def test_hello_of_a_bound_router_is_what_a_dealer_receives_first(pair: Sides, address: str) -> None:
    router = pair.one(aiomq.ROUTER, hello_msg=b"hello", router_mandatory=1)
    dealer = pair.other(aiomq.DEALER, routing_id=b"x")
    dealer.connect(router.bind(address))
    await dealer.send(b"question")
    assert await router.recv() == [b"x", b"question"]
    await router.send(b"x", b"answer")
    assert [await dealer.recv() for _ in range(2)] == [[b"hello"], [b"answer"]]


async def test_hello_of_a_dealer_goes_before_what_it_sent_already(pair: Sides, address: str) -> None:
    router = pair.other(aiomq.ROUTER)
    dealer = pair.one(aiomq.DEALER, hello_msg=b"hello", routing_id=b"x", probe_router=1)
    dealer.connect(router.bind(address))
    await dealer.send(b"queued")
    assert [await router.recv() for _ in range(3)] == [[b"x", b"hello"], [b"x", b""], [b"x", b"queued"]]


async def test_hello_is_said_on_every_connection(draft_make: Make, script: Script) -> None:
    acceptor = await script.listen()
    dealer = draft_make(aiomq.DEALER, hello_msg=b"hello", reconnect_ivl=1)
    dealer.connect(acceptor.endpoint)
    await dealer.send(b"queued")
    for rest in ([b"queued"], []):
        wire = await script.accepted(acceptor)
        await wire.greet("ROUTER")
        for said in (b"hello", *rest):
            assert await wire.frame() == (0, said)
        wire.close()


@pytest.mark.parametrize("late", [True, False], ids=["bind last", "bind first"])
async def test_hello_over_inproc_goes_both_ways_once(draft_make: Make, late: bool) -> None:
    name = next(_names)
    router = draft_make(aiomq.ROUTER, hello_msg=b"from the router")
    dealer = draft_make(aiomq.DEALER, hello_msg=b"from the dealer", routing_id=b"x")
    if late:
        dealer.connect(name)
        await dealer.send(b"queued")
        router.bind(name)
    else:
        router.bind(name)
        dealer.connect(name)
        await dealer.send(b"queued")
    assert [await router.recv() for _ in range(2)] == [[b"x", b"from the dealer"], [b"x", b"queued"]]
    assert await dealer.recv() == [b"from the router"]
    assert router.take() is None
    assert dealer.take() is None


async def test_hello_over_inproc_reaches_a_router_that_waits_for_it(context: aiomq.Context) -> None:
    name = next(_names)
    with context.socket(aiomq.ROUTER, linger=0) as connecting, context.socket(aiomq.ROUTER, linger=0) as bound:
        bound.set(aiomq.HELLO_MSG, b"hello")
        bound.set(aiomq.ROUTING_ID, b"bound")
        connecting.rcvtimeo = 5000
        waiting = asyncio.ensure_future(connecting.recv_multipart())
        await asyncio.sleep(0)
        bound.bind(name)
        connecting.connect(name)
        assert await waiting == [b"bound", b"hello"]


# -- DISCONNECT_MSG ---------------------------------------------------------------------------------------------------


async def test_farewell_is_received_of_an_accepted_peer_that_goes(pair: Sides, address: str) -> None:
    router = pair.one(aiomq.ROUTER, disconnect_msg=b"farewell")
    endpoint = router.bind(address)
    for identity in (b"x", b"y"):
        dealer = pair.other(aiomq.DEALER, routing_id=identity)
        dealer.connect(endpoint)
        await dealer.send(b"last words")
        assert await router.recv() == [identity, b"last words"]
        dealer.close()
        assert await router.recv() == [identity, b"farewell"]


async def test_farewell_comes_after_all_that_was_sent_whole(draft_make: Make, script: Script) -> None:
    router = draft_make(aiomq.ROUTER, disconnect_msg=b"farewell", rcvhwm=2)
    wire = await named(script, router.bind("tcp://127.0.0.1:*"), b"x")
    wire.send(frame(b"1") + frame(b"2") + frame(b"cut", MORE))
    wire.close()
    assert [await router.recv() for _ in range(3)] == [[b"x", b"1"], [b"x", b"2"], [b"x", b"farewell"]]


async def test_farewell_is_not_for_a_dialed_peer(draft_make: Make, script: Script) -> None:
    acceptor = await script.listen()
    router = draft_make(aiomq.ROUTER, disconnect_msg=b"farewell", hiccup_msg=b"hiccup", reconnect_ivl=1)
    router.connect(acceptor.endpoint)
    for number in (b"1", b"2"):
        wire = await script.accepted(acceptor)
        await wire.greet("DEALER", ("Identity", b"x"))
        wire.send(frame(number))
        assert await router.recv() == [b"x", number]
        wire.close()


@pytest.mark.parametrize("how", ["close", "disconnect"])
async def test_farewell_over_inproc_is_for_the_end_that_bound(draft_make: Make, how: str) -> None:
    name = next(_names)
    router = draft_make(aiomq.ROUTER, disconnect_msg=b"farewell")
    dealer = draft_make(aiomq.DEALER, disconnect_msg=b"never seen", routing_id=b"x")
    router.bind(name)
    dealer.connect(name)
    await dealer.send(b"1")
    if how == "close":
        dealer.close()
    else:
        dealer.disconnect(name)
    assert [await router.recv() for _ in range(2)] == [[b"x", b"1"], [b"x", b"farewell"]]


# -- HICCUP_MSG -------------------------------------------------------------------------------------------------------


async def test_hiccup_is_received_when_a_dialed_connection_is_lost(pair: Sides, address: str) -> None:
    router = pair.other(aiomq.ROUTER)
    dealer = pair.one(aiomq.DEALER, hiccup_msg=b"hiccup", routing_id=b"x")
    dealer.connect(router.bind(address))
    await dealer.send(b"question")
    assert await router.recv() == [b"x", b"question"]
    await router.send(b"x", b"answer")
    assert await dealer.recv() == [b"answer"]
    router.close()
    assert await dealer.recv() == [b"hiccup"]


async def test_hiccup_is_told_of_each_loss_and_not_of_a_failed_handshake(draft_make: Make, script: Script) -> None:
    acceptor = await script.listen()
    dealer = draft_make(aiomq.DEALER, hiccup_msg=b"hiccup", reconnect_ivl=1)
    dealer.connect(acceptor.endpoint)
    (await script.accepted(acceptor)).close()
    for number in (b"1", b"2"):
        wire = await script.accepted(acceptor)
        await wire.greet("ROUTER")
        wire.send(frame(number))
        wire.close()
        assert [await dealer.recv() for _ in range(2)] == [[number], [b"hiccup"]]


async def test_hiccup_is_not_for_an_accepted_peer(draft_make: Make, script: Script) -> None:
    dealer = draft_make(aiomq.DEALER, hiccup_msg=b"hiccup", disconnect_msg=b"farewell")
    endpoint = dealer.bind("tcp://127.0.0.1:*")
    for number in (b"1", b"2"):
        wire = await script.greeted(endpoint, "ROUTER")
        wire.send(frame(number))
        assert await dealer.recv() == [number]
        wire.close()


# -- ROUTER_NOTIFY ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("notify", [0, NOTIFY_CONNECT, NOTIFY_DISCONNECT, BOTH])
async def test_router_notify_tells_who_comes_and_goes(pair: Sides, address: str, notify: int) -> None:
    router = pair.one(aiomq.ROUTER, router_notify=notify)
    endpoint = router.bind(address)
    expected = []
    for identity in (b"x", b"y"):
        dealer = pair.other(aiomq.DEALER, routing_id=identity)
        dealer.connect(endpoint)
        await dealer.send(b"hello")
        told: list[list[bytes]] = [[identity, b"hello"]]
        if notify & NOTIFY_CONNECT:
            told.insert(0, [identity, b""])
        assert [await router.recv() for _ in told] == told
        dealer.close()
        if notify & NOTIFY_DISCONNECT:
            expected.append([identity, b""])
            assert await router.recv() == expected[-1]


async def test_router_notify_never_stands_inside_a_message(draft_make: Make, script: Script) -> None:
    router = draft_make(aiomq.ROUTER, router_notify=NOTIFY_DISCONNECT, maxmsgsize=64)
    wire = await named(script, router.bind("tcp://127.0.0.1:*"), b"x")
    wire.send(frame(b"begun", MORE) + frame(bytes(65)))
    assert await router.recv() == [b"x", b""]


async def test_router_notify_tells_nothing_of_a_failed_handshake(draft_make: Make, script: Script) -> None:
    router = draft_make(aiomq.ROUTER, router_notify=BOTH)
    router.watch()
    endpoint = router.bind("tcp://127.0.0.1:*")
    wire = await script.dial(endpoint)
    wire.send(b"not-a-handshake")
    wire.close()
    await router.told_until(Event.DISCONNECTED)
    await named(script, endpoint, b"x")
    assert await router.recv() == [b"x", b""]


async def test_router_notify_comes_before_the_farewell(draft_make: Make, script: Script) -> None:
    router = draft_make(aiomq.ROUTER, router_notify=BOTH, disconnect_msg=b"farewell")
    wire = await named(script, router.bind("tcp://127.0.0.1:*"), b"x")
    wire.close()
    assert [await router.recv() for _ in range(3)] == [[b"x", b""], [b"x", b""], [b"x", b"farewell"]]


async def test_router_notify_tells_of_every_connection_of_a_dialed_peer(draft_make: Make, script: Script) -> None:
    acceptor = await script.listen()
    router = draft_make(aiomq.ROUTER, router_notify=BOTH, reconnect_ivl=1)
    router.connect(acceptor.endpoint)
    for _ in range(2):
        wire = await script.accepted(acceptor)
        await wire.greet("DEALER", ("Identity", b"x"))
        assert await router.recv() == [b"x", b""]
        wire.close()
        assert await router.recv() == [b"x", b""]


async def test_router_notify_is_silent_over_inproc(draft_make: Make) -> None:
    name = next(_names)
    router = draft_make(aiomq.ROUTER, router_notify=BOTH)
    dealer = draft_make(aiomq.DEALER, routing_id=b"x")
    router.bind(name)
    dealer.connect(name)
    await dealer.send(b"1")
    assert await router.recv() == [b"x", b"1"]
    dealer.close()
    other = draft_make(aiomq.DEALER, routing_id=b"y")
    other.connect(name)
    await other.send(b"2")
    assert await router.recv() == [b"y", b"2"]


# -- peers older than ZMTP 3.0 ----------------------------------------------------------------------------------------

OLD: Final = {"1.0": b"\x02\x00x", "2.0": b"\xff" + bytes(7) + b"\x01\x7f\x01\x05\x00\x01x"}
SAID: Final = {"1.0": b"\x06\x00hello", "2.0": b"\x00\x05hello"}


@pytest.mark.parametrize("version", OLD)
async def test_old_peer_is_greeted_and_its_end_is_told(draft_make: Make, script: Script, version: str) -> None:
    router = draft_make(aiomq.ROUTER, hello_msg=b"hello", disconnect_msg=b"farewell", router_notify=NOTIFY_DISCONNECT)
    wire = await script.dial(router.bind("tcp://127.0.0.1:*"))
    wire.send(OLD[version])
    greeted = await wire.read(10 if version == "1.0" else 14)
    assert greeted.startswith(b"\xff")
    assert await wire.read(len(SAID[version])) == SAID[version]
    wire.close()
    assert [await router.recv() for _ in range(2)] == [[b"x", b""], [b"x", b"farewell"]]


@pytest.mark.parametrize("version", OLD)
async def test_router_notify_tells_that_an_old_peer_comes(context: aiomq.Context, script: Script, version: str) -> None:
    # libzmq tells it of peers with a READY command alone.
    with context.socket(aiomq.ROUTER, linger=0, router_notify=NOTIFY_CONNECT) as router:
        router.bind("tcp://127.0.0.1:*")
        wire = await script.dial(router.last_endpoint)
        wire.send(OLD[version])
        assert await router.recv_multipart() == [b"x", b""]


# -- when, and for whom -----------------------------------------------------------------------------------------------


async def test_lifecycle_messages_are_those_at_the_bind(draft_make: Make, script: Script) -> None:
    router = draft_make(aiomq.ROUTER, hello_msg=b"hello", router_notify=BOTH, disconnect_msg=b"farewell")
    endpoint = router.bind("tcp://127.0.0.1:*")
    for name, value in (("hello_msg", b"later"), ("router_notify", 0), ("disconnect_msg", b"later")):
        router.set(name, value)
    wire = await named(script, endpoint, b"x")
    assert await wire.frame() == (0, b"hello")
    wire.close()
    assert [await router.recv() for _ in range(3)] == [[b"x", b""], [b"x", b""], [b"x", b"farewell"]]


@pytest.mark.parametrize(
    ("name", "peer"),
    [("PULL", "PUSH"), ("PAIR", "PAIR"), ("SUB", "PUB"), ("XSUB", "PUB"), ("REP", "REQ"), ("REQ", "REP")],
)
async def test_lifecycle_messages_are_not_for_other_types(
    context: aiomq.Context, script: Script, name: str, peer: str
) -> None:
    # libzmq says the hello of a REP, which has no envelope and so ends the connection of the REQ that gets it.
    with context.socket(getattr(aiomq, name), linger=0) as socket:
        for option in (aiomq.HELLO_MSG, aiomq.DISCONNECT_MSG, aiomq.HICCUP_MSG):
            socket.set(option, b"never")
        monitor = socket.monitor()
        socket.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(socket.last_endpoint, peer)
        wire.send(frame(b"\x04PING\x00\x00", 4))
        assert await wire.frame() == (4, b"\x04PONG")
        wire.close()
        async for each in monitor:
            if each.event is Event.DISCONNECTED:
                break
        assert not socket.ready_events() & aiomq.POLLIN

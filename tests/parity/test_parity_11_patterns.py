"""PARITY section 11, what the types do with their peers: points 12 to 15."""

from __future__ import annotations

import errno
import itertools

import pytest

import aiomq
from tests.parity.subjects import Make, failing, filled, theirs
from tests.transports.judge import Judge
from tests.transports.scripted import COMMAND, MORE, Script, Wire, frame, until

_names = (f"inproc://patterns-{number}" for number in itertools.count())


async def heard(wire: Wire) -> None:
    """Wait until the other side has taken in all that was sent to it: it answers a PING behind that."""
    wire.send(frame(b"\x04PING\x00\x00heard?", COMMAND))
    assert await wire.frame() == (COMMAND, b"\x04PONGheard?")


async def named(script: Script, endpoint: str, identity: bytes) -> Wire:
    return await script.greeted(endpoint, "DEALER", ("Identity", identity))


# -- 12: two peers of one identity ------------------------------------------------------------------------------------


async def test_parity_11_12_libzmq_ignores_a_duplicate_identity_that_stays_connected(
    judge: Judge, script: Script
) -> None:
    """Not so here: `test_newcomer_with_a_taken_id_is_closed_with_an_event_that_names_it`."""
    router = theirs(judge)(aiomq.ROUTER)
    endpoint = router.bind("tcp://127.0.0.1:*")
    first = await named(script, endpoint, b"x")
    first.send(frame(b"first"))
    assert await router.recv() == [b"x", b"first"]
    second = await named(script, endpoint, b"x")
    second.send(frame(b"second"))
    await heard(second)
    other = await named(script, endpoint, b"other")
    other.send(frame(b"other"))
    assert await router.recv() == [b"other", b"other"]
    await router.send(b"x", b"to the first")
    assert await first.frame() == (0, b"to the first")
    await heard(second)
    router.close()


async def test_parity_11_12_libzmq_ignores_a_duplicate_identity_when_the_first_has_left(
    judge: Judge, script: Script
) -> None:
    """Not so here: `test_newcomer_gets_in_once_the_holder_has_left`."""
    router = theirs(judge)(aiomq.ROUTER)
    router.watch()
    endpoint = router.bind("tcp://127.0.0.1:*")
    first = await named(script, endpoint, b"x")
    first.send(frame(b"first"))
    assert await router.recv() == [b"x", b"first"]
    second = await named(script, endpoint, b"x")
    second.send(frame(b"second"))
    await heard(second)
    first.close()
    await router.told_until(aiomq.Event.DISCONNECTED)
    other = await named(script, endpoint, b"other")
    second.send(frame(b"again"))
    await heard(second)
    other.send(frame(b"other"))
    assert await router.recv() == [b"other", b"other"]
    router.close()


async def test_parity_11_12_handover_gives_the_identity_to_the_newcomer(make: Make, script: Script) -> None:
    router = make(aiomq.ROUTER, router_handover=1)
    endpoint = router.bind("tcp://127.0.0.1:*")
    first = await named(script, endpoint, b"x")
    first.send(frame(b"first"))
    assert await router.recv() == [b"x", b"first"]
    second = await named(script, endpoint, b"x")
    second.send(frame(b"second"))
    assert await router.recv() == [b"x", b"second"]
    await router.send(b"x", b"to the second")
    assert await second.frame() == (0, b"to the second")
    await router.send(b"x", b"and again")
    assert await second.frame() == (0, b"and again")


async def test_parity_11_12_handover_ends_the_connection_of_the_first(context: aiomq.Context, script: Script) -> None:
    # libzmq leaves it open, with nobody behind it.
    with context.socket(aiomq.ROUTER, router_handover=1) as router, router.monitor() as events:
        router.bind("tcp://127.0.0.1:*")
        first = await named(script, router.last_endpoint, b"x")
        first.send(frame(b"first"))
        assert await router.recv_multipart() == [b"x", b"first"]
        await named(script, router.last_endpoint, b"x")
        assert await first.ended() == b""
        assert "ROUTER_HANDOVER" in (await until(events, aiomq.Event.DISCONNECTED)).reason


# -- 13: POLLOUT of a ROUTER ------------------------------------------------------------------------------------------


async def test_parity_11_13_a_router_is_always_writable(make: Make) -> None:
    router = make(aiomq.ROUTER)
    assert router.writable
    assert router.offer(b"nobody", b"dropped")
    router.bind(next(_names))
    assert router.writable


async def test_parity_11_13_a_mandatory_router_is_writable_while_some_peer_has_room(make: Make) -> None:
    router = make(aiomq.ROUTER, router_mandatory=1, sndhwm=1)
    name = router.bind(next(_names))
    assert not router.writable
    dealers = {each: make(aiomq.DEALER, routing_id=each, rcvhwm=1) for each in (b"a", b"b")}
    for identity, dealer in dealers.items():
        dealer.connect(name)
        await dealer.send(b"here")
        assert await router.recv() == [identity, b"here"]
    assert router.writable
    assert filled(router, (b"a", b"x")) == 2
    assert router.writable
    assert not router.offer(b"a", b"x")
    assert filled(router, (b"b", b"x")) == 2
    assert not router.writable
    assert dealers[b"b"].take() == [b"x"]
    assert router.writable


async def test_parity_11_13_a_mandatory_router_refuses_an_unknown_peer(make: Make) -> None:
    router = make(aiomq.ROUTER, router_mandatory=1)
    router.bind(next(_names))
    with failing(errno.EHOSTUNREACH):
        router.offer(b"nobody", b"x")


# -- 14: REQ and REP --------------------------------------------------------------------------------------------------


async def test_parity_11_14_rep_drops_a_request_without_delimiter(make: Make, script: Script) -> None:
    rep = make(aiomq.REP)
    wire = await script.greeted(rep.bind("tcp://127.0.0.1:*"), "DEALER")
    wire.send(frame(b"no delimiter") + frame(b"nor", MORE) + frame(b"here"))
    wire.send(frame(b"way back", MORE) + frame(b"", MORE) + frame(b"question", MORE) + frame(b"mark"))
    assert await rep.recv() == [b"question", b"mark"]
    await rep.send(b"answer")
    assert [await wire.frame() for _ in range(3)] == [(MORE, b"way back"), (MORE, b""), (0, b"answer")]


def reply(text: bytes) -> bytes:
    return frame(b"", MORE) + frame(text)


async def test_parity_11_14_req_ignores_replies_of_others(make: Make, script: Script) -> None:
    req = make(aiomq.REQ)
    endpoint = req.bind("tcp://127.0.0.1:*")
    asked = await script.greeted(endpoint, "REP")
    await req.send(b"question")
    assert [await asked.frame() for _ in range(2)] == [(MORE, b""), (0, b"question")]
    other = await script.greeted(endpoint, "REP")
    other.send(reply(b"unasked"))
    await heard(other)
    asked.send(reply(b"answer"))
    assert await req.recv() == [b"answer"]


async def test_parity_11_14_req_drains_its_inbox_before_it_sends(make: Make, script: Script) -> None:
    req = make(aiomq.REQ)
    endpoint = req.bind("tcp://127.0.0.1:*")
    wire = await script.greeted(endpoint, "REP")
    await req.send(b"first")
    assert [await wire.frame() for _ in range(2)] == [(MORE, b""), (0, b"first")]
    wire.send(reply(b"answer") + reply(b"again") + reply(b"and again"))
    await heard(wire)
    assert await req.recv() == [b"answer"]
    await req.send(b"second")
    assert [await wire.frame() for _ in range(2)] == [(MORE, b""), (0, b"second")]
    wire.send(reply(b"second answer"))
    assert await req.recv() == [b"second answer"]


async def test_parity_11_14_relaxed_req_forgets_the_request_before(make: Make, script: Script) -> None:
    req = make(aiomq.REQ, req_relaxed=1, req_correlate=1)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    await req.send(b"first")
    flags, first = await wire.frame()
    assert (flags, len(first)) == (MORE, 4)
    assert [await wire.frame() for _ in range(2)] == [(MORE, b""), (0, b"first")]
    await req.send(b"second")
    _, second = await wire.frame()
    assert [await wire.frame() for _ in range(2)] == [(MORE, b""), (0, b"second")]
    assert second != first
    wire.send(frame(first, MORE) + reply(b"late"))
    wire.send(frame(second, MORE) + reply(b"answer"))
    assert await req.recv() == [b"answer"]


# -- 15: what an XPUB tells -------------------------------------------------------------------------------------------


def subscribe(topic: bytes) -> bytes:
    return frame(b"\x09SUBSCRIBE" + topic, COMMAND)


def cancel(topic: bytes) -> bytes:
    return frame(b"\x06CANCEL" + topic, COMMAND)


async def test_parity_11_15_xpub_tells_the_first_subscribe_and_the_last_cancel(make: Make, script: Script) -> None:
    xpub = make(aiomq.XPUB)
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    one, two = await script.greeted(endpoint, "SUB"), await script.greeted(endpoint, "SUB")
    one.send(subscribe(b"t"))
    assert await xpub.recv() == [b"\x01t"]
    one.send(subscribe(b"t") + subscribe(b"one"))
    assert await xpub.recv() == [b"\x01one"]
    two.send(subscribe(b"t") + subscribe(b"two"))
    assert await xpub.recv() == [b"\x01two"]
    one.send(cancel(b"t") + cancel(b"one"))
    assert await xpub.recv() == [b"\x00one"]
    two.send(cancel(b"t"))
    assert await xpub.recv() == [b"\x00t"]


async def test_parity_11_15_xpub_makes_up_the_cancels_of_a_peer_that_is_lost(make: Make, script: Script) -> None:
    xpub = make(aiomq.XPUB)
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    one, two = await script.greeted(endpoint, "SUB"), await script.greeted(endpoint, "SUB")
    two.send(subscribe(b"both"))
    assert await xpub.recv() == [b"\x01both"]
    one.send(subscribe(b"both") + subscribe(b"alone"))
    assert await xpub.recv() == [b"\x01alone"]
    one.close()
    assert await xpub.recv() == [b"\x00alone"]
    two.close()
    assert await xpub.recv() == [b"\x00both"]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("xpub_verbose", [b"\x01t", b"\x01t", b"\x01end"]),
        ("xpub_verboser", [b"\x01t", b"\x01t", b"\x00t", b"\x01end"]),
    ],
)
async def test_parity_11_15_verbose_xpub_tells_more(make: Make, script: Script, option: str, told: list[bytes]) -> None:
    xpub = make(aiomq.XPUB, **{option: 1})
    endpoint = xpub.bind("tcp://127.0.0.1:*")
    one, two = await script.greeted(endpoint, "SUB"), await script.greeted(endpoint, "SUB")
    one.send(subscribe(b"t"))
    await heard(one)
    assert await xpub.recv() == [told[0]]
    two.send(subscribe(b"t") + cancel(b"t") + subscribe(b"end"))
    assert [await xpub.recv() for _ in told[1:]] == [[each] for each in told[1:]]


async def test_parity_11_15_sub_counts_and_tells_every_subscribe_but_the_last_cancel_alone(
    make: Make, script: Script
) -> None:
    acceptor = await script.listen()
    sub = make(aiomq.SUB)
    sub.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("XPUB")
    for topic in (b"t", b"t"):
        sub.subscribe(topic)
    for topic in (b"t", b"never", b"t", b"t"):
        sub.unsubscribe(topic)
    sub.subscribe(b"end")
    told = [await wire.frame() for _ in range(4)]
    assert told == [
        (COMMAND, b"\x09SUBSCRIBEt"),
        (COMMAND, b"\x09SUBSCRIBEt"),
        (COMMAND, b"\x06CANCELt"),
        (COMMAND, b"\x09SUBSCRIBEend"),
    ]


async def test_parity_11_15_xsub_counts_as_sub_does(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    xsub = make(aiomq.XSUB)
    xsub.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("XPUB")
    for each in (b"\x01t", b"\x01t", b"\x00t", b"\x00never", b"\x00t", b"\x01end"):
        await xsub.send(each)
    # libzmq passes on what its user wrote, as it stands; here it becomes a command. A publisher takes both forms.
    commands = {b"\x09SUBSCRIBE": b"\x01", b"\x06CANCEL": b"\x00"}
    told = []
    for _ in range(4):
        body = (await wire.frame())[1]
        told.append(next((byte + body[len(name) :] for name, byte in commands.items() if body.startswith(name)), body))
    assert told == [b"\x01t", b"\x01t", b"\x00t", b"\x01end"]

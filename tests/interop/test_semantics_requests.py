"""REQ_RELAXED, REQ_CORRELATE, PROBE_ROUTER of a REQ, and replies that are none."""

from __future__ import annotations

import errno
import itertools
from typing import Final

import pytest

import aiomq
from aiomq import Event
from tests.interop.conftest import Sides
from tests.parity.subjects import Make, failing
from tests.transports.scripted import MORE, Script, Wire, frame

_names = (f"inproc://requests-{number}" for number in itertools.count())

NUMBER: Final = b"\x01\x02\x03\x04"

BREACHES: Final = {
    "no delimiter": frame(b"body"),
    "an empty frame alone": frame(b""),
    "a first frame of another size": frame(b"\x01\x02\x03", MORE) + frame(b"", MORE) + frame(b"body"),
    "a number without a delimiter": frame(NUMBER, MORE) + frame(b"body"),
    "a number and a last delimiter": frame(NUMBER, MORE) + frame(b""),
    "two numbers": frame(NUMBER, MORE) + frame(NUMBER, MORE) + frame(b"", MORE) + frame(b"body"),
}


async def request(wire: Wire) -> list[bytes]:
    """Read one message."""
    frames = []
    flags = MORE
    while flags & MORE:
        flags, body = await wire.frame()
        frames.append(body)
    return frames


# -- in turn, or not --------------------------------------------------------------------------------------------------


async def test_req_takes_turns_until_it_is_relaxed(sides: Sides) -> None:
    req, rep = sides.one(aiomq.REQ), sides.other(aiomq.REP)
    req.connect(rep.bind("tcp://127.0.0.1:*"))
    with failing(aiomq.EFSM):
        await req.recv()
    await req.send(b"1")
    with failing(aiomq.EFSM):
        await req.send(b"too early")
    assert await rep.recv() == [b"1"]
    await rep.send(b"to 1")
    assert await req.recv() == [b"to 1"]
    await req.send(b"2")
    req.set("req_relaxed", 1)
    req.set("req_correlate", 1)
    await req.send(b"3")
    assert await rep.recv() == [b"2"]
    await rep.send(b"to 2")
    assert await rep.recv() == [b"3"]
    await rep.send(b"to 3")
    assert await req.recv() == [b"to 3"]


async def test_relaxed_and_correlating_req_takes_the_reply_to_its_last_question(sides: Sides) -> None:
    req = sides.one(aiomq.REQ, req_relaxed=1, req_correlate=1)
    router = sides.other(aiomq.ROUTER)
    req.connect(router.bind("tcp://127.0.0.1:*"))
    questions = []
    for number in (b"1", b"2", b"3"):
        await req.send(number)
        questions.append(await router.recv())
    numbers = [int.from_bytes(each[1], "little") for each in questions]
    assert numbers == [numbers[0], (numbers[0] + 1) % 2**32, (numbers[0] + 2) % 2**32]
    assert [each[2:] for each in questions] == [[b"", b"1"], [b"", b"2"], [b"", b"3"]]
    for peer, number, delimiter, body in questions:
        await router.send(peer, number, delimiter, b"to " + body)
    assert await req.recv() == [b"to 3"]
    await req.send(b"4")
    assert (await router.recv())[-1] == b"4"


async def test_relaxed_req_without_numbers_takes_what_comes_first(make: Make, script: Script) -> None:
    # Why the two options belong together: the late reply to the first question is taken for that to the second.
    req = make(aiomq.REQ, req_relaxed=1)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    await req.send(b"1")
    await req.send(b"2")
    assert [await request(wire) for _ in range(2)] == [[b"", b"1"], [b"", b"2"]]
    wire.send(frame(b"", MORE) + frame(b"to 1"))
    assert await req.recv() == [b"to 1"]


async def test_correlating_req_skips_replies_with_other_numbers(make: Make, script: Script) -> None:
    req = make(aiomq.REQ, req_correlate=1)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    await req.send(b"question")
    number, delimiter, body = await request(wire)
    assert (len(number), delimiter, body) == (4, b"", b"question")
    other = bytes(each ^ 0xFF for each in number)
    wire.send(frame(other, MORE) + frame(b"", MORE) + frame(b"wrong"))
    wire.send(frame(b"", MORE) + frame(b"no number"))
    wire.send(frame(number, MORE) + frame(b"", MORE) + frame(b"right", MORE) + frame(b"parts"))
    assert await req.recv() == [b"right", b"parts"]


async def test_correlate_set_later_numbers_the_next_question(make: Make, script: Script) -> None:
    req = make(aiomq.REQ)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    await req.send(b"1")
    assert await request(wire) == [b"", b"1"]
    wire.send(frame(b"", MORE) + frame(b"to 1"))
    assert await req.recv() == [b"to 1"]
    req.set("req_correlate", 1)
    await req.send(b"2")
    number, *rest = await request(wire)
    assert len(number) == 4
    assert rest == [b"", b"2"]


async def test_rep_sends_the_numbers_back(sides: Sides) -> None:
    req, rep = sides.one(aiomq.REQ, req_correlate=1), sides.other(aiomq.REP)
    rep.connect(req.bind("tcp://127.0.0.1:*"))
    for question in (b"1", b"2"):
        await req.send(question)
        assert await rep.recv() == [question]
        await rep.send(b"to " + question)
        assert await req.recv() == [b"to " + question]


async def test_req_probes_each_router_once(sides: Sides) -> None:
    req, router = sides.one(aiomq.REQ, probe_router=1, routing_id=b"x"), sides.other(aiomq.ROUTER)
    req.connect(router.bind("tcp://127.0.0.1:*"))
    assert await router.recv() == [b"x", b""]
    await req.send(b"question")
    assert await router.recv() == [b"x", b"", b"question"]


# -- replies that are none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("breach", BREACHES.values(), ids=BREACHES)
async def test_reply_that_is_none_ends_the_connection(make: Make, script: Script, breach: bytes) -> None:
    req = make(aiomq.REQ)
    req.watch()
    endpoint = req.bind("tcp://127.0.0.1:*")
    wire = await script.greeted(endpoint, "REP")
    await req.send(b"question")
    assert await request(wire) == [b"", b"question"]
    wire.send(breach)
    assert await wire.ended() == b""
    assert [name for name, _ in await req.told_until(Event.DISCONNECTED)][-2:] == [
        "HANDSHAKE_SUCCEEDED",
        "DISCONNECTED",
    ]


async def test_reply_that_is_none_ends_the_connection_unasked(make: Make, script: Script) -> None:
    req = make(aiomq.REQ)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    wire.send(frame(b"nobody asked"))
    assert await wire.ended() == b""


async def test_reply_that_is_none_ends_reconnecting(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    req = make(aiomq.REQ, reconnect_ivl=1)
    req.watch()
    req.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("REP")
    wire.send(frame(b"nobody asked"))
    await wire.ended()
    await req.told_until(Event.DISCONNECTED)
    req.close()
    assert "CONNECT_RETRIED" not in [name for name, _ in await req.told_until(Event.MONITOR_STOPPED)]
    assert acceptor.waiting == 0


async def test_reply_before_one_that_is_none_is_received(make: Make, script: Script) -> None:
    req = make(aiomq.REQ)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    await req.send(b"question")
    await request(wire)
    wire.send(frame(b"", MORE) + frame(b"reply") + frame(b"no reply"))
    assert await wire.ended() == b""
    assert await req.recv() == [b"reply"]


@pytest.mark.parametrize("size", [2000, 70_000])
async def test_large_reply_that_is_none_ends_the_connection(make: Make, script: Script, size: int) -> None:
    req = make(aiomq.REQ)
    wire = await script.greeted(req.bind("tcp://127.0.0.1:*"), "REP")
    wire.send(frame(bytes(size)))
    assert await wire.ended() == b""


@pytest.mark.parametrize("version", ["1.0", "2.0"])
async def test_reply_that_is_none_ends_the_connection_of_an_old_peer(make: Make, script: Script, version: str) -> None:
    req = make(aiomq.REQ)
    wire = await script.dial(req.bind("tcp://127.0.0.1:*"))
    assert (await wire.read(10))[0] == 0xFF
    if version == "2.0":
        wire.send(b"\xff" + bytes(7) + b"\x01\x7f\x01\x04" + b"\x00\x00" + frame(b"no reply"))
    else:
        wire.send(b"\x01\x00" + b"\x09\x00no reply")
    await wire.ended()


async def test_reply_that_is_none_over_inproc_is_skipped(make: Make) -> None:
    name = next(_names)
    req, dealer = make(aiomq.REQ), make(aiomq.DEALER)
    req.bind(name)
    dealer.connect(name)
    await req.send(b"question")
    assert await dealer.recv() == [b"", b"question"]
    await dealer.send(b"no reply")
    await dealer.send(b"", b"reply")
    assert await req.recv() == [b"reply"]


async def test_breach_is_named_in_the_event(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.REQ, linger=0) as req, req.monitor() as monitor:
        req.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(req.last_endpoint, "REP")
        wire.send(frame(b"no reply"))
        await wire.ended()
        async for each in monitor:
            if each.event is Event.DISCONNECTED:
                assert "no reply" in each.reason
                break


async def test_rep_and_req_refuse_what_is_out_of_turn(sides: Sides) -> None:
    req, rep = sides.one(aiomq.REQ), sides.other(aiomq.REP)
    req.connect(rep.bind("tcp://127.0.0.1:*"))
    with failing(aiomq.EFSM):
        await rep.send(b"nobody asked")
    await req.send(b"question")
    assert await rep.recv() == [b"question"]
    with failing(aiomq.EFSM):
        await rep.recv()
    await rep.send(b"reply")
    assert await req.recv() == [b"reply"]
    with failing(aiomq.EFSM):
        await req.recv()


async def test_req_waits_on_when_its_peer_is_lost(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    req = make(aiomq.REQ, reconnect_ivl=1, rcvtimeo=0)
    req.connect(acceptor.endpoint)
    await req.send(b"question")
    wire = await script.accepted(acceptor)
    await wire.greet("REP")
    assert await request(wire) == [b"", b"question"]
    wire.close()
    again = await script.accepted(acceptor)
    await again.greet("REP")
    with failing(errno.EAGAIN):
        await req.recv()
    with failing(aiomq.EFSM):
        await req.send(b"another")

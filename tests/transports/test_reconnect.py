"""Connections lost and made again: when, how often, and what becomes of the messages that wait."""

from __future__ import annotations

import asyncio
import errno

import pytest

import aiomq
from aiomq import Event
from aiomq.constants import SocketType
from aiomq.options import default_options
from aiomq.transports.dialer import Backoff
from tests.transports.scripted import (
    COMMAND,
    MORE,
    Script,
    closed_port,
    events_until,
    frame,
    handshake,
    names,
    settled,
    until,
)

# -- the wait before an attempt ---------------------------------------------------------------------------------------


def backoff(ivl: int, ivl_max: int) -> Backoff:
    options = default_options(SocketType.PUSH)
    options.reconnect_ivl, options.reconnect_ivl_max = ivl, ivl_max
    return Backoff(options)


def waits(made: Backoff, count: int) -> list[int]:
    return [made.next_ms() for _ in range(count)]


@pytest.mark.parametrize(("draw", "expected"), [(0, 100), (57, 157), (99, 199)])
def test_without_a_maximum_the_wait_is_the_interval_and_a_random_part(
    monkeypatch: pytest.MonkeyPatch, draw: int, expected: int
) -> None:
    monkeypatch.setattr("random.randrange", {100: draw}.__getitem__)
    assert waits(backoff(100, 0), 3) == [expected] * 3


@pytest.mark.parametrize(
    ("ivl", "ivl_max", "expected"),
    [
        (10, 55, [10, 20, 40, 55, 55]),
        (10, 10, [10, 10, 10, 10, 10]),
        (50, 20, [20, 20, 20, 20, 20]),
        (1, 1000, [1, 2, 4, 8, 16]),
    ],
)
def test_with_a_maximum_the_wait_doubles_up_to_it(ivl: int, ivl_max: int, expected: list[int]) -> None:
    assert waits(backoff(ivl, ivl_max), 5) == expected


def test_a_connection_begins_the_rule_anew() -> None:
    made = backoff(10, 1000)
    assert waits(made, 3) == [10, 20, 40]
    made.reset()
    assert waits(made, 2) == [10, 20]


async def test_refused_attempts_wait_longer_each_time(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_ivl_max=5) as push, push.monitor() as events:
        push.connect(closed_port(script.bound()))
        seen = await events_until(events, Event.CONNECT_RETRIED, 5)
    assert names(seen) == ["CONNECT_DELAYED", "CLOSED", "CONNECT_RETRIED"] * 5
    assert [each.value for each in seen if each.event is Event.CONNECT_RETRIED] == [1, 2, 4, 5, 5]


async def test_a_connection_without_a_handshake_does_not_begin_the_rule_anew(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_ivl_max=100) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        intervals = []
        for _ in range(4):
            (await script.accepted(acceptor)).close()
            intervals.append((await until(events, Event.CONNECT_RETRIED)).value)
    assert intervals == [1, 2, 4, 8]


@pytest.mark.parametrize("said", [b"", handshake("PULL")[:64], handshake("PULL")[:-1]])
async def test_maximum_is_kept_against_a_server_that_accepts_and_closes(
    context: aiomq.Context, script: Script, said: bytes
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_ivl_max=4) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        intervals = []
        for _ in range(5):
            wire = await script.accepted(acceptor)
            wire.send(said)
            wire.close()
            intervals.append((await until(events, Event.CONNECT_RETRIED)).value)
    assert intervals == [1, 2, 4, 4, 4]


@pytest.mark.parametrize("version", [(3, 1), (3, 0)])
async def test_a_handshake_that_is_over_begins_the_rule_anew(
    context: aiomq.Context, script: Script, version: tuple[int, int]
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_ivl_max=100) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        intervals = []
        for greets in (False, False, True, False):
            wire = await script.accepted(acceptor)
            if greets:
                wire.send(handshake("PULL", version=version))
                await until(events, Event.HANDSHAKE_SUCCEEDED)
            wire.close()
            intervals.append((await until(events, Event.CONNECT_RETRIED)).value)
    assert intervals == [1, 2, 1, 2]


async def test_bytes_begin_the_rule_of_a_stream_anew_and_its_connection_does_not(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.STREAM, reconnect_ivl=1, reconnect_ivl_max=100) as stream, stream.monitor() as events:
        stream.connect(acceptor.endpoint)
        intervals = []
        for said in (b"", b"", b"hello", b""):
            wire = await script.accepted(acceptor)
            wire.send(said)
            wire.close()
            intervals.append((await until(events, Event.CONNECT_RETRIED)).value)
    assert intervals == [1, 2, 1, 2]


@pytest.mark.parametrize("ivl", [0, -1])
async def test_without_an_interval_a_refused_attempt_is_the_last(
    context: aiomq.Context, script: Script, ivl: int
) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=ivl) as push, push.monitor() as events:
        endpoint = closed_port(script.bound())
        push.connect(endpoint)
        assert names(await events_until(events, Event.CLOSED)) == ["CONNECT_DELAYED", "CLOSED"]
        await settled(lambda: "connected=[]" in repr(push))
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"to nobody")
        with pytest.raises(aiomq.ZMQError, match=f"{endpoint} is not connected on this socket: nothing is"):
            push.disconnect(endpoint)


@pytest.mark.parametrize("ivl", [0, -1])
async def test_without_an_interval_a_lost_connection_is_the_last(
    context: aiomq.Context, script: Script, ivl: int
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=ivl) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("PULL")
        await push.send(b"first")
        assert await wire.frame() == (0, b"first")
        wire.close()
        await until(events, Event.DISCONNECTED)
        await settled(lambda: "connected=[]" in repr(push))
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"second")
        events.close()
        assert not [event async for event in events]


async def test_a_silent_peer_is_tried_again_after_the_handshake_interval(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, handshake_ivl=5) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        await script.accepted(acceptor)
        seen = await events_until(events, Event.CONNECT_RETRIED)
        assert names(seen) == [
            "CONNECT_DELAYED",
            "CONNECTED",
            "HANDSHAKE_FAILED_NO_DETAIL",
            "DISCONNECTED",
            "CONNECT_RETRIED",
        ]
        assert seen[2].value == errno.EAGAIN
        assert "no handshake within 5 ms (HANDSHAKE_IVL)" in seen[2].reason
        assert seen[3].reason == seen[2].reason
        await script.accepted(acceptor)


@pytest.mark.parametrize(
    "said",
    [
        handshake("PUB"),
        b"\xff" + bytes(8) + b"\x7f\x03\x01PLAIN" + bytes(47),
        handshake("PULL") + frame(b"\x04PING\x00", COMMAND),
    ],
    ids=["incompatible type", "other mechanism", "broken command"],
)
async def test_a_peer_that_breaks_the_protocol_is_not_tried_again(
    context: aiomq.Context, script: Script, said: bytes
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        wire.send(said)
        await wire.ended()
        lost = await until(events, Event.DISCONNECTED)
        assert lost.reason
        await settled(lambda: "connected=[]" in repr(push))
        events.close()
        assert not [event async for event in events]
        push.connect(acceptor.endpoint)
        await (await script.accepted(acceptor)).greet("PULL")


# -- what waits -------------------------------------------------------------------------------------------------------


async def test_what_is_sent_before_the_first_connection_waits_for_it(context: aiomq.Context, script: Script) -> None:
    sock = script.bound()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, sndhwm=3) as push:
        push.connect(closed_port(sock))
        for number in b"123":
            push.send_nowait(bytes((number,)))
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"4")
        wire = await script.accepted(await script.listen(sock))
        await wire.greet("PULL")
        assert [await wire.frame() for _ in range(3)] == [(0, b"1"), (0, b"2"), (0, b"3")]
        await push.send(b"4")
        assert await wire.frame() == (0, b"4")


async def test_what_is_sent_between_two_connections_waits_in_order(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        for count in range(3):
            wire = await script.accepted(acceptor)
            await wire.greet("PULL")
            await push.send_multipart([b"up", b"%d" % count])
            if count:
                assert await wire.frame() == (MORE, b"down")
                assert await wire.frame() == (0, b"%d" % (count - 1))
            assert await wire.frame() == (MORE, b"up")
            assert await wire.frame() == (0, b"%d" % count)
            wire.close()
            await until(events, Event.DISCONNECTED)
            await push.send_multipart([b"down", b"%d" % count])


async def test_half_a_message_is_forgotten_with_its_connection(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PULL, reconnect_ivl=1) as pull:
        pull.connect(acceptor.endpoint)
        first = await script.accepted(acceptor)
        await first.greet("PUSH")
        first.send(frame(b"whole") + frame(b"half", MORE) + b"\x00\x7fand half a frame")
        assert await pull.recv_multipart() == [b"whole"]
        first.close()
        second = await script.accepted(acceptor)
        await second.greet("PUSH")
        second.send(frame(b"one", MORE) + frame(b"two"))
        assert await pull.recv_multipart() == [b"one", b"two"]


async def test_what_had_arrived_is_read_after_the_loss(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, rcvhwm=2) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(b"".join(frame(b"%d" % number) for number in range(8)))
        wire.close()
        # With a full inbox nothing is read, so nothing is known of the loss: it is told as the inbox is emptied.
        assert [await pull.recv() for _ in range(8)] == [b"%d" % number for number in range(8)]
        await until(events, Event.DISCONNECTED)


async def test_a_bound_socket_forgets_what_waited_for_a_peer_that_left(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.DEALER, sndhwm=1) as dealer, dealer.monitor() as events:
        dealer.bind("tcp://127.0.0.1:*")
        with pytest.raises(aiomq.Again):
            dealer.send_nowait(b"to nobody")
        first = await script.greeted(dealer.last_endpoint, "DEALER")
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        while await dealer.poll(0, aiomq.POLLOUT):
            await dealer.send(bytes(1 << 20))
        first.abort()
        await until(events, Event.DISCONNECTED)
        with pytest.raises(aiomq.Again):
            dealer.send_nowait(b"to nobody")
        second = await script.greeted(dealer.last_endpoint, "DEALER")
        await dealer.send(b"fresh")
        assert await second.frame() == (0, b"fresh")


async def test_the_next_connection_may_speak_an_older_version(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.SUB, reconnect_ivl=1) as sub:
        sub.subscribe(b"topic")
        sub.connect(acceptor.endpoint)
        newer = await script.accepted(acceptor)
        await newer.greet("PUB")
        assert await newer.frame() == (COMMAND, b"\x09SUBSCRIBEtopic")
        newer.close()
        older = await script.accepted(acceptor)
        await older.greet("PUB", version=(3, 0))
        assert await older.frame() == (0, b"\x01topic")


async def test_subscriptions_are_told_again_once_each_and_nothing_stale(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.SUB, reconnect_ivl=1) as sub, sub.monitor() as events:
        sub.connect(acceptor.endpoint)
        for topic in (b"a", b"a", b"b"):
            sub.subscribe(topic)
        first = await script.accepted(acceptor)
        await first.greet("PUB")
        assert [(await first.frame())[1][10:] for _ in range(3)] == [b"a", b"a", b"b"]
        first.close()
        await until(events, Event.CONNECT_RETRIED)
        sub.unsubscribe(b"b")
        sub.subscribe(b"c")
        second = await script.accepted(acceptor)
        await second.greet("PUB")
        # What changed between the two connections is told after the topics there were.
        told = [(await second.frame())[1] for _ in range(4)]
        assert told == [b"\x09SUBSCRIBEa", b"\x09SUBSCRIBEb", b"\x06CANCELb", b"\x09SUBSCRIBEc"]


# -- IMMEDIATE --------------------------------------------------------------------------------------------------------


async def test_immediate_queues_only_for_a_finished_connection(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, immediate=1, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"too early")
        wire = await script.accepted(acceptor)
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"still too early")
        await wire.greet("PULL")
        await push.send(b"now")
        assert await wire.frame() == (0, b"now")
        wire.close()
        await until(events, Event.DISCONNECTED)
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"too late")
        again = await script.accepted(acceptor)
        sending = asyncio.ensure_future(push.send(b"again"))
        await again.greet("PULL")
        await sending
        assert await again.frame() == (0, b"again")


async def test_immediate_loses_what_waited_with_the_connection(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, immediate=1, reconnect_ivl=1, sndhwm=1) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("PULL")
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        while await push.poll(0, aiomq.POLLOUT):
            await push.send(bytes(1 << 20))
        wire.abort()
        await until(events, Event.DISCONNECTED)
        again = await script.accepted(acceptor)
        await again.greet("PULL")
        await push.send(b"fresh")
        assert await again.frame() == (0, b"fresh")

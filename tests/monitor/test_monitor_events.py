"""What an event says beside what happened: where, who and why."""

from __future__ import annotations

import logging

import pytest

import aiomq
from aiomq import Event
from tests.transports.scripted import COMMAND, GREETING, Script, closed_port, events_until, frame, greeting, until


async def test_event_of_every_step_says_where_and_who(context: aiomq.Context) -> None:
    with (
        context.socket(aiomq.ROUTER, routing_id=b"server") as router,
        context.socket(aiomq.DEALER, routing_id=b"client", reconnect_ivl=30_000) as dealer,
        router.monitor() as bound,
        dealer.monitor() as connected,
    ):
        router.bind("tcp://127.0.0.1:*")
        endpoint = router.last_endpoint
        dealer.connect(endpoint)
        here = await events_until(bound, Event.HANDSHAKE_SUCCEEDED)
        there = await events_until(connected, Event.HANDSHAKE_SUCCEEDED)
        dealer.close()
        here += await events_until(bound, Event.DISCONNECTED)
        router.close()
        here += await events_until(bound, Event.MONITOR_STOPPED)

    assert {each.endpoint for each in (*here, *there)} == {endpoint}
    listening, accepted, succeeded, lost, closed, _ = here
    assert [each.local_endpoint for each in (listening, accepted, succeeded, lost, closed)] == [endpoint] * 5
    assert {each.remote_endpoint for each in (accepted, succeeded, lost)} == {f"tcp://{accepted.peer_address}"}
    assert (listening.peer_address, listening.remote_endpoint) == ("", "")
    assert [each.routing_id for each in here] == [b"", b"", b"client", b"client", b"", b""]
    delayed, made, ready = there
    assert [each.remote_endpoint for each in there] == [endpoint] * 3
    assert delayed.local_endpoint == ""
    assert made.local_endpoint == ready.local_endpoint == f"tcp://{accepted.peer_address}"
    assert [each.routing_id for each in there] == [b"", b"", b"server"]
    assert lost.reason == "the peer closed the connection"
    assert isinstance(lost.error, EOFError)


async def test_event_of_a_retry_says_why_there_is_one(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=30_000) as push, push.monitor() as events:
        push.connect(closed_port(script.bound()))
        refused, retried = (await events_until(events, Event.CONNECT_RETRIED))[-2:]

    assert isinstance(refused.error, ConnectionRefusedError)
    assert retried.error is refused.error


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (greeting(b"PLAIN"), "the peer's security mechanism is 'PLAIN', ours is 'NULL': both must be the same"),
        (GREETING + frame(b"\x05ERROR\x03bad", COMMAND), "'bad'"),
        (GREETING + frame(b"\x05HELLO", COMMAND), "HELLO"),
    ],
)
async def test_event_of_a_failed_handshake_says_why(
    context: aiomq.Context, script: Script, said: bytes, reason: str
) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        wire.send(said)
        lost = await until(events, Event.DISCONNECTED)

    assert reason in lost.reason
    assert lost.error is not None
    assert lost.peer_address


async def test_peer_of_the_wrong_type_is_logged_once_for_an_endpoint(
    context: aiomq.Context, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "aiomq")
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        for _ in range(3):
            with context.socket(aiomq.SUB) as sub:
                sub.connect(pull.last_endpoint)
                await until(events, Event.DISCONNECTED)
        endpoint = pull.last_endpoint

    by_listener = [each for each in caplog.messages if "a PULL socket cannot talk to a peer of type 'SUB'" in each]
    assert by_listener == [f"{endpoint}: a PULL socket cannot talk to a peer of type 'SUB'"]


async def test_peer_that_breaks_the_protocol_is_not_logged(
    context: aiomq.Context, script: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "aiomq")
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        (await script.dial(pull.last_endpoint)).send(GREETING + frame(b"\x05HELLO", COMMAND))
        await until(events, Event.DISCONNECTED)

    assert not caplog.messages


async def test_pair_that_turns_a_second_peer_away_tells_it(context: aiomq.Context) -> None:
    """libzmq ends such a connection without a word."""
    with context.socket(aiomq.PAIR) as pair, pair.monitor() as events, context.socket(aiomq.PAIR) as first:
        pair.bind("tcp://127.0.0.1:*")
        first.connect(pair.last_endpoint)
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        with context.socket(aiomq.PAIR, reconnect_ivl=-1) as second:
            second.connect(pair.last_endpoint)
            lost = await until(events, Event.DISCONNECTED)

    assert lost.reason == "this PAIR has a peer, and takes one only"

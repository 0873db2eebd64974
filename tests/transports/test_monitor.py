"""What a monitor tells, in libzmq's order: each sequence is played to the real libzmq as well and compared.

Not compared are the descriptors in the events, and what aiomq tells beyond libzmq: reasons, addresses, routing ids.
"""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeAlias

import pytest
import zmq

import aiomq
from aiomq import Event, MonitorEvent
from tests.transports.judge import Judge, receive
from tests.transports.scripted import (
    COMMAND,
    GREETING,
    Script,
    Wire,
    closed_port,
    events_until,
    frame,
    greeting,
    names,
    ready,
    until,
)

Told: TypeAlias = list[tuple[str, int]]
Deed: TypeAlias = Callable[[Wire], Awaitable[None]]

_FROM_ELSEWHERE: Final = Event.CONNECTED | Event.LISTENING | Event.ACCEPTED | Event.CLOSED | Event.DISCONNECTED
"""Their value is a descriptor."""


def comparable(events: Told) -> Told:
    """Return events without the values that differ from run to run."""
    varying = _FROM_ELSEWHERE | Event.CONNECT_RETRIED
    return [(name, 0 if Event[name] & varying else value) for name, value in events]


def told(events: list[MonitorEvent]) -> Told:
    """Return the part of aiomq's events that libzmq has too."""
    return comparable([(each.event.name or "", each.value) for each in events])


# -- two sockets ------------------------------------------------------------------------------------------------------


async def test_a_connection_from_first_to_last(context: aiomq.Context, judge: Judge) -> None:
    pull, push = judge.socket(zmq.PULL), judge.socket(zmq.PUSH)
    pull_events, push_events = judge.monitor(pull), judge.monitor(push)
    pull.bind("tcp://127.0.0.1:*")
    push.connect(pull.getsockopt_string(zmq.LAST_ENDPOINT))
    dialing = await judge.events_until(push_events, Event.HANDSHAKE_SUCCEEDED)
    push.close()
    listening = await judge.events_until(pull_events, Event.DISCONNECTED)
    pull.close()
    listening += await judge.events_until(pull_events, Event.MONITOR_STOPPED)

    with context.socket(aiomq.PULL) as ours, context.socket(aiomq.PUSH) as other:
        our_events, other_events = ours.monitor(), other.monitor()
        ours.bind("tcp://127.0.0.1:*")
        other.connect(ours.last_endpoint)
        our_dialing = await events_until(other_events, Event.HANDSHAKE_SUCCEEDED)
        other.close()
        our_listening = await events_until(our_events, Event.DISCONNECTED)
        ours.close()
        our_listening += await events_until(our_events, Event.MONITOR_STOPPED)
    assert told(our_dialing) == comparable(dialing)
    assert told(our_listening) == comparable(listening)
    assert names(our_listening) == [
        "LISTENING",
        "ACCEPTED",
        "HANDSHAKE_SUCCEEDED",
        "DISCONNECTED",
        "CLOSED",
        "MONITOR_STOPPED",
    ]


async def test_a_lost_connection_and_the_next_attempts(context: aiomq.Context, judge: Judge) -> None:
    pull, endpoint = judge.bound(zmq.PULL)
    push = judge.socket(zmq.PUSH, reconnect_ivl=1)
    events = judge.monitor(push)
    push.connect(endpoint)
    expected = await judge.events_until(events, Event.HANDSHAKE_SUCCEEDED)
    pull.close()
    expected += await judge.events_until(events, Event.CONNECT_RETRIED, 3)

    with context.socket(aiomq.PULL) as ours, context.socket(aiomq.PUSH, reconnect_ivl=1) as other:
        other_events = other.monitor()
        ours.bind("tcp://127.0.0.1:*")
        other.connect(ours.last_endpoint)
        seen = await events_until(other_events, Event.HANDSHAKE_SUCCEEDED)
        ours.close()
        seen += await events_until(other_events, Event.CONNECT_RETRIED, 3)
    assert told(seen) == comparable(expected)
    assert names(seen)[2:6] == ["HANDSHAKE_SUCCEEDED", "DISCONNECTED", "CONNECT_RETRIED", "CONNECT_DELAYED"]


async def test_attempts_until_somebody_listens(context: aiomq.Context, judge: Judge, script: Script) -> None:
    sock = script.bound()
    push = judge.socket(zmq.PUSH, reconnect_ivl=1)
    events = judge.monitor(push)
    push.connect(closed_port(sock))
    expected = await judge.events_until(events, Event.CONNECT_RETRIED, 2)

    with context.socket(aiomq.PUSH, reconnect_ivl=1) as ours, ours.monitor() as our_events:
        ours.connect(closed_port(sock))
        seen = await events_until(our_events, Event.CONNECT_RETRIED, 2)
        assert told(seen) == comparable(expected)
        assert names(seen) == ["CONNECT_DELAYED", "CLOSED", "CONNECT_RETRIED"] * 2
        acceptor = await script.listen(sock)
        for _ in range(2):  # ours and libzmq's, in whichever order
            await (await script.accepted(acceptor)).greet("PULL")
        expected = await judge.events_until(events, Event.HANDSHAKE_SUCCEEDED)
        seen = await events_until(our_events, Event.HANDSHAKE_SUCCEEDED)
    assert told(seen)[-3:] == comparable(expected)[-3:]


async def test_connections_over_ipc(context: aiomq.Context, judge: Judge) -> None:
    pull, push = judge.socket(zmq.PULL), judge.socket(zmq.PUSH)
    pull_events, push_events = judge.monitor(pull), judge.monitor(push)
    with context.socket(aiomq.PULL) as name_giver:
        name_giver.bind("ipc://*")
        path = name_giver.last_endpoint
        pull.bind(path)  # takes it over
        push.connect(path)
        dialing = await judge.events_until(push_events, Event.HANDSHAKE_SUCCEEDED)
        listening = await judge.events_until(pull_events, Event.HANDSHAKE_SUCCEEDED)

    with context.socket(aiomq.PULL) as ours, context.socket(aiomq.PUSH) as other:
        our_events, other_events = ours.monitor(), other.monitor()
        ours.bind("ipc://*")
        other.connect(ours.last_endpoint)
        our_dialing = await events_until(other_events, Event.HANDSHAKE_SUCCEEDED)
        our_listening = await events_until(our_events, Event.HANDSHAKE_SUCCEEDED)
    assert told(our_listening) == comparable(listening)
    assert told(our_dialing) == comparable(dialing)
    assert names(our_dialing)[0] == "CONNECTED"  # a path is connected at once, without a delay to tell of


async def test_inproc_tells_nothing(context: aiomq.Context, judge: Judge) -> None:
    pull, push = judge.socket(zmq.PULL), judge.socket(zmq.PUSH)
    events = judge.monitor(pull)
    pull.bind("inproc://quiet")
    push.connect("inproc://quiet")
    push.send(b"message")
    await receive(pull)
    push.close()
    pull.close()
    expected = await judge.events_until(events, Event.MONITOR_STOPPED)

    with context.socket(aiomq.PULL) as ours, context.socket(aiomq.PUSH) as other:
        our_events = ours.monitor()
        ours.bind("inproc://quiet")
        other.connect("inproc://quiet")
        await other.send(b"message")
        await ours.recv()
        ours.close()
        seen = await events_until(our_events, Event.MONITOR_STOPPED)
    assert names(seen) == [name for name, _ in expected] == ["MONITOR_STOPPED"]


async def test_a_port_in_use(context: aiomq.Context, judge: Judge, script: Script) -> None:
    taken = script.bound()
    taken.listen()
    pull = judge.socket(zmq.PULL)
    events = judge.monitor(pull)
    with pytest.raises(zmq.ZMQError):
        pull.bind(closed_port(taken))
    expected = await judge.events_until(events, Event.BIND_FAILED)

    with context.socket(aiomq.PULL) as ours, ours.monitor() as our_events:
        with pytest.raises(aiomq.ZMQBindError):
            ours.bind(closed_port(taken))
        seen = await events_until(our_events, Event.BIND_FAILED)
    failed = seen[-1]
    assert told(seen) == comparable(expected)
    assert failed.value == errno.EADDRINUSE
    assert failed.endpoint == closed_port(taken)
    assert "Address already in use" in failed.reason


# -- handshakes that fail, on the side that listens ------------------------------------------------------------------


async def stay(wire: Wire) -> None:
    """Say no more, and wait to be cut off."""
    await wire.ended()


async def refuse(wire: Wire) -> None:
    """Take in all that the other side has to say, and answer with an ERROR command."""
    await wire.read(len(GREETING))
    await wire.frame()
    wire.send(frame(b"\x05ERROR\x03bad", COMMAND))
    await wire.ended()


async def leave(wire: Wire) -> None:
    """Go away in the middle of the handshake."""
    await wire.read(10)
    wire.close()


class Failure(NamedTuple):
    """A way to fail a handshake."""

    said: bytes
    deed: Deed = stay
    handshake_ivl: int = 30_000


FAILURES: Final = [
    pytest.param(Failure(GREETING[:20], handshake_ivl=20), id="half a greeting"),
    pytest.param(Failure(GREETING, handshake_ivl=20), id="a greeting and no more"),
    pytest.param(Failure(greeting(b"PLAIN")), id="other mechanism"),
    pytest.param(Failure(GREETING + frame(b"\x05HELLO", COMMAND)), id="unexpected command"),
    pytest.param(Failure(GREETING + frame(b"\x05READY\x05", COMMAND)), id="half a property"),
    pytest.param(Failure(GREETING + ready("SUB")), id="incompatible type"),
    pytest.param(Failure(GREETING + ready("NONE")), id="unknown type"),
    pytest.param(Failure(GREETING, refuse), id="refused"),
]


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_handshake_that_fails_at_a_listener(
    context: aiomq.Context, judge: Judge, script: Script, failure: Failure
) -> None:
    pull = judge.socket(zmq.PULL, handshake_ivl=failure.handshake_ivl)
    events = judge.monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    wire = await script.dial(pull.getsockopt_string(zmq.LAST_ENDPOINT))
    wire.send(failure.said)
    await failure.deed(wire)
    expected = await judge.events_until(events, Event.DISCONNECTED)

    with context.socket(aiomq.PULL, handshake_ivl=failure.handshake_ivl) as ours, ours.monitor() as our_events:
        ours.bind("tcp://127.0.0.1:*")
        wire = await script.dial(ours.last_endpoint)
        wire.send(failure.said)
        await failure.deed(wire)
        seen = await events_until(our_events, Event.DISCONNECTED)
    assert told(seen) == comparable(expected)
    assert seen[-1].reason


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_handshake_that_fails_at_a_dialer(
    context: aiomq.Context, judge: Judge, script: Script, failure: Failure
) -> None:
    acceptor = await script.listen()
    push = judge.socket(zmq.PULL, reconnect_ivl=-1, handshake_ivl=failure.handshake_ivl)
    events = judge.monitor(push)
    push.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    wire.send(failure.said)
    await failure.deed(wire)
    expected = await judge.events_until(events, Event.DISCONNECTED)

    with (
        context.socket(aiomq.PULL, reconnect_ivl=-1, handshake_ivl=failure.handshake_ivl) as ours,
        ours.monitor() as our_events,
    ):
        ours.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        wire.send(failure.said)
        await failure.deed(wire)
        seen = await events_until(our_events, Event.DISCONNECTED)
    assert told(seen) == comparable(expected)


async def test_a_peer_that_leaves_in_its_handshake(context: aiomq.Context, judge: Judge, script: Script) -> None:
    pull = judge.socket(zmq.PULL)
    events = judge.monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    await leave(await script.dial(pull.getsockopt_string(zmq.LAST_ENDPOINT)))
    expected = await judge.events_until(events, Event.DISCONNECTED)

    with context.socket(aiomq.PULL) as ours, ours.monitor() as our_events:
        ours.bind("tcp://127.0.0.1:*")
        await leave(await script.dial(ours.last_endpoint))
        seen = await events_until(our_events, Event.DISCONNECTED)
    # The number in HANDSHAKE_FAILED_NO_DETAIL depends on how the system tells of the loss.
    assert names(seen) == [name for name, _ in expected]


async def test_a_frame_over_the_limit_ends_a_connection_that_was_ready(
    context: aiomq.Context, judge: Judge, script: Script
) -> None:
    pull = judge.socket(zmq.PULL, maxmsgsize=100)
    events = judge.monitor(pull)
    pull.bind("tcp://127.0.0.1:*")
    wire = await script.greeted(pull.getsockopt_string(zmq.LAST_ENDPOINT), "PUSH")
    wire.send(frame(bytes(101)))
    expected = await judge.events_until(events, Event.DISCONNECTED)

    with context.socket(aiomq.PULL, maxmsgsize=100) as ours, ours.monitor() as our_events:
        ours.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(ours.last_endpoint, "PUSH")
        wire.send(frame(bytes(101)))
        seen = await events_until(our_events, Event.DISCONNECTED)
    assert told(seen) == comparable(expected)
    assert seen[-1].reason == "a frame of 101 bytes is over MAXMSGSIZE (100)"


# -- what aiomq adds --------------------------------------------------------------------------------------------------


async def test_events_say_who_the_peer_is(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.ROUTER) as router, router.monitor() as events:
        router.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(router.last_endpoint, "DEALER", ("Identity", b"who"))
        accepted = await until(events, Event.ACCEPTED)
        assert accepted.endpoint == router.last_endpoint
        assert accepted.routing_id == b""
        wire.send(frame(b"hello"))
        assert await router.recv_multipart() == [b"who", b"hello"]
        wire.close()
        gone = await until(events, Event.DISCONNECTED)
    assert gone.peer_address == accepted.peer_address
    assert gone.routing_id == b"who"
    assert gone.value == accepted.value


async def test_an_event_reads_as_a_sentence(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=7, reconnect_ivl_max=7) as push, push.monitor() as events:
        endpoint = closed_port(script.bound())
        push.connect(endpoint)
        refused = await until(events, Event.CLOSED)
        assert str(refused).startswith(f"CLOSED {endpoint}: ")
        assert "fd" not in str(refused)
        assert str(await until(events, Event.CONNECT_RETRIED)).startswith(f"CONNECT_RETRIED {endpoint} in 7 ms: ")


async def test_several_monitors_are_told_the_same(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        first, second = pull.monitor(), pull.monitor()
        pull.bind("tcp://127.0.0.1:*")
        await script.greeted(pull.last_endpoint, "PUSH")
        seen = await events_until(first, Event.HANDSHAKE_SUCCEEDED)
        assert await events_until(second, Event.HANDSHAKE_SUCCEEDED) == seen
        first.close()
        pull.close()
        assert not [event async for event in first]
        assert names([event async for event in second])[-1] == "MONITOR_STOPPED"

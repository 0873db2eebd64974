"""When a dialer gives up: RECONNECT_STOP, CONNECT_TIMEOUT, HANDSHAKE_IVL, IMMEDIATE, MAXMSGSIZE; also beside libzmq."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest
import zmq

import aiomq
from aiomq import Event, MonitorEvent
from aiomq.constants import ReconnectStop
from aiomq.monitor import Monitor
from tests.transports.judge import Judge, off_loop, receive
from tests.transports.scripted import (
    Acceptor,
    Script,
    closed_port,
    events_until,
    frame,
    handshake,
    names,
    settled,
    until,
)

REFUSED = ReconnectStop.CONN_REFUSED
HANDSHAKE = ReconnectStop.HANDSHAKE_FAILED
DISCONNECT = ReconnectStop.AFTER_DISCONNECT


def ended(push: aiomq.Socket) -> bool:
    """Whether nothing is connected, or tries to be."""
    return "connected=[]" in repr(push)


def bound(context: aiomq.Context, judge: Judge, *, ours: bool, **options: int) -> tuple[Any, str]:
    """Return a bound PULL of ours or of libzmq's, and its endpoint."""
    if not ours:
        return judge.bound(zmq.PULL, **options)
    pull = context.socket(aiomq.PULL, **options)
    pull.bind("tcp://127.0.0.1:*")
    return pull, pull.last_endpoint


async def silent(monitor: Monitor) -> list[MonitorEvent]:
    """Return what is told in the next turns of the loop."""
    told: list[MonitorEvent] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.05):
            async for each in monitor:
                told.append(each)  # noqa: PERF401  # what came before the time is over is kept
    return told


# -- refused -----------------------------------------------------------------------------------------------------------


async def test_refused_dialer_ends_with_the_first_bit(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_stop=REFUSED) as push, push.monitor() as events:
        push.connect(closed_port(script.bound()))
        await until(events, Event.CLOSED)
        await settled(lambda: ended(push))
        assert await silent(events) == []
        push.sndtimeo = 0
        with pytest.raises(aiomq.Again):  # the peer is gone with its dialer
            await push.send(b"x")


async def test_refused_dialer_goes_on_with_the_other_bits(context: aiomq.Context, script: Script) -> None:
    stop = HANDSHAKE | DISCONNECT
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_stop=stop) as push, push.monitor() as events:
        push.connect(closed_port(script.bound()))
        await events_until(events, Event.CONNECT_RETRIED, 3)
        assert not ended(push)


async def test_refused_dialer_of_libzmq_ends_alike(judge: Judge, script: Script) -> None:
    push = judge.socket(zmq.PUSH, reconnect_ivl=1)
    push.set(zmq.RECONNECT_STOP, REFUSED)
    events = judge.monitor(push)
    push.connect(closed_port(script.bound()))
    seen = [name for name, _ in await judge.events_until(events, Event.CLOSED)]
    events.rcvtimeo = 50

    assert seen == ["CONNECT_DELAYED", "CLOSED"]
    with pytest.raises(zmq.Again):
        await receive(events)


# -- a handshake that fails --------------------------------------------------------------------------------------------


async def hang_up_early(script: Script, acceptor: Acceptor) -> None:
    (await script.accepted(acceptor)).close()


async def test_connection_lost_in_its_handshake_ends_the_dialer_with_the_second_bit(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_stop=HANDSHAKE) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        await hang_up_early(script, acceptor)
        seen = await events_until(events, Event.DISCONNECTED)
        await settled(lambda: ended(push))
        assert await silent(events) == []
    assert "HANDSHAKE_FAILED_NO_DETAIL" in names(seen)


async def test_handshake_that_takes_too_long_ends_the_dialer_with_the_second_bit(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    options = {"reconnect_ivl": 1, "reconnect_stop": HANDSHAKE, "handshake_ivl": 20}
    with context.socket(aiomq.PUSH, **options) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        await script.accepted(acceptor)
        failed = await until(events, Event.HANDSHAKE_FAILED_NO_DETAIL)
        await settled(lambda: ended(push))
    assert "HANDSHAKE_IVL" in failed.reason


@pytest.mark.parametrize("stop", [0, REFUSED | DISCONNECT])
async def test_connection_lost_in_its_handshake_is_made_again_without_that_bit(
    context: aiomq.Context, script: Script, stop: int
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_stop=stop) as push:
        push.connect(acceptor.endpoint)
        await hang_up_early(script, acceptor)
        await (await script.accepted(acceptor)).greet("PULL")


async def test_connection_lost_after_its_handshake_is_made_again_whatever_the_bits(
    context: aiomq.Context, script: Script
) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1, reconnect_stop=7) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("PULL")
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        wire.close()
        await (await script.accepted(acceptor)).greet("PULL")


@pytest.mark.parametrize("ours", [True, False])
async def test_silent_peer_is_cut_off_at_both_ends_as_by_libzmq(
    context: aiomq.Context, judge: Judge, script: Script, ours: bool
) -> None:
    """HANDSHAKE_IVL of a listener: who says nothing loses its connection."""
    pull, endpoint = bound(context, judge, ours=ours, handshake_ivl=20)
    wire = await script.dial(endpoint)
    said = await wire.ended()
    pull.close()

    assert said.startswith(b"\xff")


# -- after disconnect --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stop", "ends"), [(DISCONNECT, True), (0, False)])
async def test_disconnected_dialer_with_messages_left_ends_when_refused_with_the_third_bit(
    context: aiomq.Context, script: Script, stop: int, ends: bool
) -> None:
    endpoint = closed_port(script.bound())
    options = {"reconnect_ivl": 1, "reconnect_stop": stop, "linger": -1}
    with context.socket(aiomq.PUSH, **options) as push, push.monitor() as events:
        push.connect(endpoint)
        await push.send(b"left")
        await events_until(events, Event.CONNECT_RETRIED, 2)
        push.disconnect(endpoint)
        if ends:
            await settled(lambda: ended(push))
        else:
            await events_until(events, Event.CONNECT_RETRIED, 3)
            assert not ended(push)
        push.linger = 0
    push.close(0)


async def test_closed_socket_goes_on_trying_with_the_third_bit(context: aiomq.Context, script: Script) -> None:
    sock = script.bound()
    options = {"reconnect_ivl": 1, "reconnect_stop": DISCONNECT, "linger": -1}
    with context.socket(aiomq.PUSH, **options) as push, push.monitor() as events:
        push.connect(closed_port(sock))
        await push.send(b"patient")
        await events_until(events, Event.CONNECT_RETRIED, 2)
    wire = await script.accepted(await script.listen(sock))
    await wire.greet("PULL")
    assert await wire.frame() == (0, b"patient")


# -- time and size -----------------------------------------------------------------------------------------------------


async def test_connect_timeout_ends_an_attempt_and_the_next_one_follows(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", never)  # for Windows, which refuses at once
    with context.socket(aiomq.PUSH, connect_timeout=10, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(closed_port(script.crowded()))
        seen = await events_until(events, Event.CONNECT_RETRIED, 2)

    assert names(seen) == ["CONNECT_DELAYED", "CLOSED", "CONNECT_RETRIED"] * 2
    assert isinstance(seen[1].error, TimeoutError)


async def test_names_are_looked_up_at_every_attempt(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, acceptor = script.bound().getsockname(), await script.listen()
    port = int(acceptor.endpoint.rpartition(":")[2])
    answers = [refused, refused, ("127.0.0.1", port)]

    real = socket.getaddrinfo

    def lookup(host: str, *args: Any, **options: Any) -> Any:
        if host != "moving.example":
            return real(host, *args, **options)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", answers.pop(0))]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        push.connect("tcp://moving.example:5555")
        await (await script.accepted(acceptor)).greet("PULL")

    assert answers == []


async def test_source_address_is_the_one_that_libzmq_sees(context: aiomq.Context, judge: Judge) -> None:
    pull, endpoint = judge.bound(zmq.PULL)
    with context.socket(aiomq.PUSH) as push:
        push.connect(endpoint.replace("tcp://", "tcp://127.0.0.2:0;"))
        await push.send(b"from elsewhere")
        got = await asyncio.to_thread(lambda: pull.recv(copy=False))

    assert got.get("Peer-Address") == "127.0.0.2"


async def test_immediate_queues_for_nobody_until_a_peer_is_there(context: aiomq.Context, script: Script) -> None:
    sock = script.bound()
    with context.socket(aiomq.PUSH, immediate=1, reconnect_ivl=1) as push:
        push.connect(closed_port(sock))
        with pytest.raises(aiomq.Again):
            await push.send(b"nobody", aiomq.DONTWAIT)
        wire = await script.accepted(await script.listen(sock))
        await wire.greet("PULL")
        await push.send(b"somebody")
        assert await wire.frame() == (0, b"somebody")


@pytest.mark.parametrize("ours", ["listener", "dialer"])
@pytest.mark.parametrize("size", [100, 101, 70_000])
async def test_frame_over_maxmsgsize_cuts_the_peer_off_at_either_end(
    context: aiomq.Context, judge: Judge, ours: str, size: int
) -> None:
    with context.socket(aiomq.PULL, maxmsgsize=100, reconnect_ivl=1) as pull, pull.monitor() as events:
        if ours == "listener":
            pull.bind("tcp://127.0.0.1:*")
            push = judge.socket(zmq.PUSH)
            push.connect(pull.last_endpoint)
        else:
            push, endpoint = judge.bound(zmq.PUSH)
            pull.connect(endpoint)
        await off_loop(push.send, bytes(size))
        if size == 100:
            assert len(await pull.recv()) == size
        else:
            lost = await until(events, Event.DISCONNECTED)
            assert "MAXMSGSIZE" in lost.reason or "larger" in lost.reason
            if ours == "dialer":  # it does not come back (as libzmq)
                await settled(lambda: ended(pull))


@pytest.mark.parametrize("ours", [True, False])
async def test_maxmsgsize_holds_in_the_handshake_too_as_in_libzmq(
    context: aiomq.Context, judge: Judge, script: Script, ours: bool
) -> None:
    pull, endpoint = bound(context, judge, ours=ours, maxmsgsize=10)
    wire = await script.dial(endpoint)
    wire.send(handshake("PUSH"))
    said = await wire.ended()
    pull.close()

    assert said[:1] in {b"", b"\xff"}  # cut off, be it in the middle of its own greeting


@pytest.mark.parametrize("size", [2**20, 2**62])
async def test_frame_that_announces_too_much_is_refused_before_it_is_read(
    context: aiomq.Context, script: Script, size: int
) -> None:
    with context.socket(aiomq.PULL, maxmsgsize=100) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(b"small") + b"\x02" + size.to_bytes(8))
        assert await pull.recv() == b"small"
        await wire.ended()
        assert str(size) in (await until(events, Event.DISCONNECTED)).reason

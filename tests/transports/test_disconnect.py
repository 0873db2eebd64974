"""Connections ended on purpose: by disconnect, unbind, close, and by a socket that takes no further peer."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Any

import pytest

import aiomq
from aiomq import Event
from tests.transports.scripted import Script, closed_port, events_until, frame, names, settled, until

# -- peers that are turned away ---------------------------------------------------------------------------------------


async def test_a_pair_with_a_peer_does_not_connect_to_another(context: aiomq.Context, script: Script) -> None:
    first, second = await script.listen(), await script.listen()
    with context.socket(aiomq.PAIR) as pair, pair.monitor() as events:
        pair.connect(first.endpoint)
        pair.connect(second.endpoint)
        wire = await script.accepted(first)
        await wire.greet("PAIR")
        await pair.send(b"to the first")
        assert await wire.frame() == (0, b"to the first")
        assert second.endpoint not in repr(pair)
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        pair.disconnect(first.endpoint)
        pair.connect(second.endpoint)
        await (await script.accepted(second)).greet("PAIR")


async def test_a_pair_with_a_peer_turns_away_who_connects_and_says_why(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PAIR) as pair, pair.monitor() as events:
        pair.bind("tcp://127.0.0.1:*")
        first = await script.greeted(pair.last_endpoint, "PAIR")
        first.send(frame(b"first"))
        assert await pair.recv() == b"first"
        second = await script.greeted(pair.last_endpoint, "PAIR")
        assert await second.ended() == b""
        assert "takes one only" in (await until(events, Event.DISCONNECTED)).reason
        first.close()
        await until(events, Event.DISCONNECTED)
        third = await script.greeted(pair.last_endpoint, "PAIR")
        await pair.send(b"to the third")
        assert await third.frame() == (0, b"to the third")


async def test_immediate_pair_with_a_peer_gives_up_the_other(context: aiomq.Context, script: Script) -> None:
    first, second = await script.listen(), await script.listen()
    with context.socket(aiomq.PAIR, immediate=1) as pair, pair.monitor() as events:
        pair.connect(first.endpoint)
        await (await script.accepted(first)).greet("PAIR")
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        pair.connect(second.endpoint)
        wire = await script.accepted(second)
        await wire.greet("PAIR")
        assert await wire.ended() == b""
        assert "takes no further peer" in (await until(events, Event.DISCONNECTED)).reason
        await settled(lambda: second.endpoint not in repr(pair))


# -- disconnect and unbind --------------------------------------------------------------------------------------------


async def test_last_endpoint_of_a_connect_is_its_text(context: aiomq.Context) -> None:
    with context.socket(aiomq.PUSH) as push:
        push.connect("tcp://localhost:9")
        assert push.last_endpoint == "tcp://localhost:9"
        assert push.get("last_endpoint") == b"tcp://localhost:9"


async def test_disconnect_ends_the_connection_and_all_attempts(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("PULL")
        await until(events, Event.HANDSHAKE_SUCCEEDED)
        push.disconnect(acceptor.endpoint)
        assert await wire.ended() == b""
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"to nobody")
        with pytest.raises(aiomq.ZMQError, match="is not connected on this socket: nothing is") as refused:
            push.disconnect(acceptor.endpoint)
        assert refused.value.errno == errno.ENOENT
        push.connect(acceptor.endpoint)
        await (await script.accepted(acceptor)).greet("PULL")


async def test_disconnect_ends_every_connect_to_the_endpoint(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH) as push:
        for _ in range(2):
            push.connect(acceptor.endpoint)
        wires = [await script.accepted(acceptor) for _ in range(2)]
        for each in wires:
            await each.greet("PULL")
        push.disconnect(acceptor.endpoint)
        for each in wires:
            assert await each.ended() == b""
        with pytest.raises(aiomq.ZMQError):
            push.disconnect(acceptor.endpoint)


async def test_disconnect_drops_what_arrived_and_was_not_read(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PULL) as pull:
        pull.connect(acceptor.endpoint)
        wire = await script.accepted(acceptor)
        await wire.greet("PUSH")
        wire.send(frame(b"unread") * 2)
        assert await pull.recv() == b"unread"
        pull.disconnect(acceptor.endpoint)
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()


async def test_disconnect_with_linger_goes_on_until_all_is_sent(context: aiomq.Context, script: Script) -> None:
    sock = script.bound()
    with context.socket(aiomq.PUSH, linger=-1, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(closed_port(sock))
        await push.send(b"last words")
        await until(events, Event.CONNECT_RETRIED)
        push.disconnect(closed_port(sock))
        with pytest.raises(aiomq.Again):
            push.send_nowait(b"too late")
        wire = await script.accepted(await script.listen(sock))
        await wire.greet("PULL")
        assert await wire.frame() == (0, b"last words")
        assert await wire.ended() == b""
        await settled(lambda: "connected=[]" in repr(push))


@pytest.mark.parametrize("linger", [0, 5])
async def test_disconnect_gives_up_when_linger_is_over(context: aiomq.Context, script: Script, linger: int) -> None:
    with context.socket(aiomq.PUSH, linger=linger, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(closed_port(script.bound()))
        await push.send(b"unsent")
        await until(events, Event.CONNECT_RETRIED)
        push.disconnect(push.last_endpoint)
        await settled(lambda: "connected=[]" in repr(push))


@pytest.mark.parametrize(("ivl", "delivered"), [(1, True), (0, False), (-1, False)])
async def test_a_closed_socket_that_lingers_reconnects_only_if_it_may(
    context: aiomq.Context, script: Script, ivl: int, delivered: bool
) -> None:
    acceptor = await script.listen()
    push = context.socket(aiomq.PUSH, reconnect_ivl=ivl)
    with push.monitor() as events:
        push.connect(acceptor.endpoint)
        await push.send(b"last words")
        first = await script.accepted(acceptor)
        push.close(linger=-1)
        first.close()
        if delivered:
            second = await script.accepted(acceptor)
            await second.greet("PULL")
            assert await second.frame() == (0, b"last words")
        await until(events, Event.MONITOR_STOPPED)


async def test_close_in_the_turn_of_the_connection_ends_it(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    push = context.socket(aiomq.PUSH)
    with push.monitor() as events:
        push.connect(acceptor.endpoint)
        await until(events, Event.CONNECTED)
        push.close()
        await until(events, Event.MONITOR_STOPPED)
    await (await script.accepted(acceptor)).ended()


async def test_close_in_the_turn_before_the_connection_ends_it(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    for turns in range(8):
        push = context.socket(aiomq.PUSH)
        with push.monitor() as events:
            push.connect(acceptor.endpoint)
            for _ in range(turns):
                await asyncio.sleep(0)
            push.close()
            await until(events, Event.MONITOR_STOPPED)


async def test_a_timeout_in_the_turn_of_the_connection_is_a_lost_connection(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    acceptor = await script.listen()
    loop = asyncio.get_running_loop()
    create_connection = loop.create_connection

    async def make_too_late(*args: Any, **kwargs: Any) -> None:
        transport, _ = await create_connection(*args, **kwargs)
        transport.abort()
        raise TimeoutError("late")

    monkeypatch.setattr(loop, "create_connection", make_too_late)
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(acceptor.endpoint)
        seen = await events_until(events, Event.CONNECT_RETRIED)
        assert names(seen)[-2:] == ["DISCONNECTED", "CONNECT_RETRIED"]
        monkeypatch.undo()
        await script.accepted(acceptor)
        second = await script.accepted(acceptor)
        await second.greet("PULL")
        await push.send(b"once")
        assert await second.frame() == (0, b"once")
        assert acceptor.waiting == 0


async def test_unbind_ends_the_listener_and_its_connections(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        endpoint = pull.last_endpoint
        wire = await script.greeted(endpoint, "PUSH")
        wire.send(frame(b"read") + frame(b"unread"))
        assert await pull.recv() == b"read"
        pull.unbind(endpoint)
        assert await wire.ended() == b""
        await until(events, Event.CLOSED)
        with pytest.raises(ConnectionRefusedError):
            await script.dial(endpoint)
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()
        with pytest.raises(aiomq.ZMQError, match="is not bound on this socket: nothing is") as refused:
            pull.unbind(endpoint)
        assert refused.value.errno == errno.ENOENT
        pull.bind(endpoint)
        again = await script.greeted(endpoint, "PUSH")
        again.send(frame(b"again"))
        assert await pull.recv() == b"again"


async def test_unbind_leaves_what_came_by_other_endpoints(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        endpoints = []
        for _ in range(2):
            pull.bind("tcp://127.0.0.1:*")
            endpoints.append(pull.last_endpoint)
        wires = [await script.greeted(each, "PUSH") for each in endpoints]
        pull.unbind(endpoints[0])
        assert await wires[0].ended() == b""
        wires[1].send(frame(b"still"))
        assert await pull.recv() == b"still"


async def test_a_with_block_around_bind_and_connect_ends_both(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PULL) as pull:
        with pull.bind("tcp://127.0.0.1:*"), pull.connect(acceptor.endpoint):
            wire = await script.accepted(acceptor)
            endpoint = repr(pull).partition("bound=[")[2].partition("]")[0]
            await script.greeted(endpoint, "PUSH")
        await wire.ended()
        await settled(lambda: "bound=[] connected=[]" in repr(pull))


@pytest.mark.parametrize("turns", range(5))
async def test_close_in_the_turn_in_which_somebody_is_accepted_leaves_nothing_open(
    context: aiomq.Context, turns: int
) -> None:
    for address in ("tcp://127.0.0.1:*", "ipc://*"):
        pull = context.socket(aiomq.PULL)
        pull.bind(address)
        for _ in range(2):
            await asyncio.sleep(0)
        with dialed(pull.last_endpoint):
            for _ in range(turns):
                await asyncio.sleep(0)
            await pull.aclose()


def dialed(endpoint: str) -> socket.socket:
    """Return a plain socket that is connected, without a turn of the loop."""
    scheme, _, rest = endpoint.partition("://")
    if scheme == "tcp":
        host, _, port = rest.rpartition(":")
        return socket.create_connection((host, int(port)))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(rest)
    return sock


async def test_unbind_frees_the_address_at_once(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        endpoint = pull.last_endpoint
        for _ in range(3):
            for _ in range(3):  # until it is served
                await asyncio.sleep(0)
            pull.unbind(endpoint)
            pull.bind(endpoint)
        with context.socket(aiomq.PUSH) as push:
            push.connect(endpoint)
            await push.send(b"still")
            assert await pull.recv() == b"still"

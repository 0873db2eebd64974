"""Asking the ZAP handler: in other threads, late, vanishing, and what comes of the answer (RFC 27)."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator

import pytest

import aiomq
from aiomq import Event
from aiomq.zmtp.zap import ENDPOINT
from tests.interop.loop_thread import LoopThread
from tests.security.sides import CURVE_CLIENT, CURVE_SERVER, PLAIN_CLIENT, PLAIN_SERVER, Ours, outcome, verdict
from tests.transports.scripted import BOUND, Script, handshake, until

ALLOW = verdict(b"200", metadata=b"\x05X-Key\0\0\0\x05value")


@pytest.fixture
async def ours(context: aiomq.Context) -> AsyncIterator[Ours]:
    """Return the library under test."""
    made = Ours(context)
    yield made
    for side in made.made:
        side.close()


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers."""
    async with Script() as made:
        yield made


async def test_handler_in_another_thread_is_asked(context: aiomq.Context, ours: Ours) -> None:
    async with LoopThread() as thread, await thread.socket(context, aiomq.REP, linger=0) as handler:
        await handler.bind(ENDPOINT)

        async def answer() -> None:
            request = await handler.recv_multipart()
            await handler.send_multipart(ALLOW(request) or [])

        answering = asyncio.create_task(answer())
        server = ours.make(aiomq.ROUTER, **PLAIN_SERVER)
        client = ours.make(aiomq.DEALER, **PLAIN_CLIENT)
        client.connect(server.bind("tcp://127.0.0.1:0"))

        assert await outcome(client) == (Event.HANDSHAKE_SUCCEEDED, 0)
        await answering


async def test_server_in_another_thread_asks(context: aiomq.Context, ours: Ours) -> None:
    async with (
        ours.handler(ALLOW) as requests,
        LoopThread() as thread,
        await thread.socket(context, aiomq.ROUTER, linger=0, **CURVE_SERVER) as server,
    ):
        await server.bind("tcp://127.0.0.1:0")
        client = ours.make(aiomq.DEALER, **CURVE_CLIENT)
        client.connect(server.socket._core.last_endpoint)

        assert await outcome(client) == (Event.HANDSHAKE_SUCCEEDED, 0)
    assert len(requests) == 1


async def test_handler_that_is_a_rep_sees_no_envelope(context: aiomq.Context, ours: Ours) -> None:
    with context.socket(aiomq.REP, linger=0) as handler:
        handler.bind(ENDPOINT)
        server = ours.make(aiomq.ROUTER, **PLAIN_SERVER)
        client = ours.make(aiomq.DEALER, **PLAIN_CLIENT)
        client.connect(server.bind("tcp://127.0.0.1:0"))

        request = await handler.recv_multipart()
        await handler.send_multipart(ALLOW(request) or [])

        assert request == [b"1.0", b"1", b"", b"127.0.0.1", b"", b"PLAIN", b"admin", b"secret"]
        assert await outcome(client) == (Event.HANDSHAKE_SUCCEEDED, 0)


async def test_handler_of_many_clients_at_once_answers_each(ours: Ours) -> None:
    async with ours.handler(ALLOW) as requests:
        server = ours.make(aiomq.ROUTER, **PLAIN_SERVER)
        address = server.bind("tcp://127.0.0.1:0")
        clients = [ours.make(aiomq.DEALER, **PLAIN_CLIENT) for _ in range(30)]
        for client in clients:
            client.connect(address)
        outcomes = [await outcome(client) for client in clients]

    assert outcomes == [(Event.HANDSHAKE_SUCCEEDED, 0)] * 30
    assert len(requests) == 30


async def test_handler_closed_before_it_answers_ends_the_handshake_for_another_try(
    context: aiomq.Context, ours: Ours
) -> None:
    handler = context.socket(aiomq.REP, linger=0)
    handler.bind(ENDPOINT)
    server = ours.make(aiomq.ROUTER, **CURVE_SERVER)
    client = ours.make(aiomq.DEALER, reconnect_ivl=10, **CURVE_CLIENT)
    client.connect(server.bind("tcp://127.0.0.1:0"))
    await handler.recv_multipart()

    await handler.aclose()

    assert await outcome(server) == (Event.HANDSHAKE_FAILED_NO_DETAIL, errno.EFAULT)
    assert (await outcome(client))[0] is Event.HANDSHAKE_FAILED_NO_DETAIL
    async with ours.handler(ALLOW):
        assert await outcome(client) == (Event.HANDSHAKE_SUCCEEDED, 0)


async def test_client_that_leaves_while_it_is_decided_about_leaves_nothing_behind(
    context: aiomq.Context, ours: Ours
) -> None:
    with context.socket(aiomq.REP, linger=0) as handler:
        handler.bind(ENDPOINT)
        server = ours.make(aiomq.ROUTER, **PLAIN_SERVER)
        client = ours.make(aiomq.DEALER, **PLAIN_CLIENT)
        address = server.bind("tcp://127.0.0.1:0")
        client.connect(address)
        request = await handler.recv_multipart()

        client.close()
        assert (await outcome(server))[0] is Event.HANDSHAKE_FAILED_NO_DETAIL

        await handler.send_multipart(ALLOW(request) or [])
        other = ours.make(aiomq.DEALER, **PLAIN_CLIENT)
        other.connect(address)
        request = await handler.recv_multipart()
        await handler.send_multipart(ALLOW(request) or [])
        assert await outcome(other) == (Event.HANDSHAKE_SUCCEEDED, 0)


async def test_context_is_terminated_while_a_handler_is_silent(ours: Ours, context: aiomq.Context) -> None:
    handler = context.socket(aiomq.REP, linger=0)
    handler.bind(ENDPOINT)
    server = ours.make(aiomq.ROUTER, **PLAIN_SERVER)
    client = ours.make(aiomq.DEALER, **PLAIN_CLIENT)
    client.connect(server.bind("tcp://127.0.0.1:0"))
    await handler.recv_multipart()

    async with asyncio.timeout(BOUND):
        await context.term()


async def test_user_id_and_metadata_of_the_answer_are_kept_with_the_peer(context: aiomq.Context, ours: Ours) -> None:
    async with ours.handler(ALLOW):
        with context.socket(aiomq.DEALER, **PLAIN_SERVER) as server:
            server.bind("tcp://127.0.0.1:0")
            client = ours.make(aiomq.DEALER, **PLAIN_CLIENT)
            client.connect(server.last_endpoint)
            await outcome(client)
            await client.send(b"hello")
            await server.recv()
            (peer,) = server._core.peers

            assert peer.properties["User-Id"] == b"joe"
            assert peer.properties["X-Key"] == b"value"


@pytest.mark.parametrize("options", [PLAIN_SERVER, CURVE_SERVER, {"zap_domain": b"global"}])
@pytest.mark.parametrize("greeting", [b"\x01\0", b"\xff" + bytes(8) + b"\x7f\x01\x05"], ids=["ZMTP 1.0", "ZMTP 2.0"])
async def test_old_peer_is_refused_where_there_is_security(
    greeting: bytes, options: dict[str, object], context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.ROUTER, linger=0, **options) as server, server.monitor() as monitor:
        server.bind("tcp://127.0.0.1:0")
        wire = await script.dial(server.last_endpoint)
        wire.send(greeting)

        assert "older than ZMTP 3.0" in (await until(monitor, Event.DISCONNECTED)).reason
        await wire.ended()


async def test_peer_without_security_does_not_get_into_a_curve_server(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, linger=0, **CURVE_SERVER) as server, server.monitor() as monitor:
        server.bind("tcp://127.0.0.1:0")
        wire = await script.dial(server.last_endpoint)
        wire.send(handshake("PUSH") + b"\0\x05hello")

        failed = await until(monitor, Event.HANDSHAKE_FAILED_PROTOCOL)
        assert failed.value == aiomq.ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH
        await wire.ended()
        with pytest.raises(aiomq.Again):
            server.recv_nowait()


async def test_socket_that_cannot_answer_is_no_handler(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as sock, pytest.raises(aiomq.ZMQError, match="ZAP handlers") as refused:
        sock.bind(ENDPOINT)

    assert refused.value.errno == errno.EINVAL


async def test_handler_bound_before_there_is_a_loop_is_waited_for(ours: Ours, context: aiomq.Context) -> None:
    made = await asyncio.to_thread(context.socket, aiomq.REP)  # in a thread without a loop
    made.linger = 0
    await asyncio.to_thread(made.bind, ENDPOINT)
    server = ours.make(aiomq.ROUTER, **CURVE_SERVER)
    client = ours.make(aiomq.DEALER, **CURVE_CLIENT)
    client.connect(server.bind("tcp://127.0.0.1:0"))

    request = await made.recv_multipart()  # which gives it the loop
    await made.send_multipart(verdict(b"400")(request) or [])

    assert await outcome(server) == (Event.HANDSHAKE_FAILED_AUTH, 400)
    await made.aclose()


async def test_what_a_peer_says_while_it_is_decided_about_is_taken_in_afterwards(
    context: aiomq.Context, script: Script
) -> None:
    with (
        context.socket(aiomq.REP, linger=0) as handler,
        context.socket(aiomq.PULL, linger=0, zap_domain="global") as pull,
    ):
        handler.bind(ENDPOINT)
        pull.bind("tcp://127.0.0.1:0")
        wire = await script.dial(pull.last_endpoint)
        wire.send(handshake("PUSH") + b"\0\x05early")
        request = await handler.recv_multipart()
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()

        await handler.send_multipart(ALLOW(request) or [])

        assert await pull.recv() == b"early"


async def test_peer_that_says_too_much_while_it_is_decided_about_is_dropped(
    context: aiomq.Context, script: Script
) -> None:
    with (
        context.socket(aiomq.REP, linger=0) as handler,
        context.socket(aiomq.PULL, linger=0, zap_domain="global") as pull,
        pull.monitor() as monitor,
    ):
        handler.bind(ENDPOINT)
        pull.bind("tcp://127.0.0.1:0")
        wire = await script.dial(pull.last_endpoint)
        wire.send(handshake("PUSH"))
        await handler.recv_multipart()
        wire.send(bytes(100_000))

        assert "before it was let in" in (await until(monitor, Event.DISCONNECTED)).reason
        await wire.ended()

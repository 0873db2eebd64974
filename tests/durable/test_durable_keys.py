"""Durable sockets under CURVE without an authenticator: what is kept for a key is for that key."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import aiomq
from tests.durable.stays import away, come, gone, received, there

KINDS = [
    (aiomq.PUB, aiomq.SUB),
    (aiomq.XPUB, aiomq.SUB),
    (aiomq.PUSH, aiomq.PULL),
    (aiomq.DEALER, aiomq.DEALER),
    (aiomq.ROUTER, aiomq.DEALER),
]

SERVER_PUBLIC, SERVER_SECRET = aiomq.curve_keypair()
SERVER: dict[str, Any] = {"curve_server": True, "curve_secretkey": SERVER_SECRET}


def client() -> dict[str, Any]:
    """Return the options of a client with a key of its own."""
    public, secret = aiomq.curve_keypair()
    return {"curve_publickey": public, "curve_secretkey": secret, "curve_serverkey": SERVER_PUBLIC}


async def stranger_comes_and_goes(sender: aiomq.Socket, kind: int) -> None:
    """Let somebody with another key say that it is `one`, and leave; a ROUTER does not even let it stay."""
    with sender.monitor() as events:
        stranger = come(sender, kind, reconnect_ivl=-1, **client())
        async with asyncio.timeout(10):
            async for event in events:
                if event.event is aiomq.Event.HANDSHAKE_SUCCEEDED and sender.socket_type != aiomq.ROUTER:
                    stranger.close(linger=0)
                if event.event is aiomq.Event.DISCONNECTED:
                    break
        stranger.close(linger=0)


async def send(sender: aiomq.Socket, text: bytes) -> None:
    """Send something to `one`, or to all."""
    if sender.socket_type == aiomq.ROUTER:
        await sender.send_multipart([b"one", text])
    else:
        await sender.send(text)


@pytest.mark.parametrize(("kind", "other"), KINDS)
async def test_another_key_does_not_get_what_waits(context: aiomq.Context, address: str, kind: int, other: int) -> None:
    sender = context.socket(kind, durable=60.0, **SERVER)
    sender.bind(address)
    alice = client()
    await gone(sender, await there(sender, other, **alice))
    await send(sender, b"for alice")

    await stranger_comes_and_goes(sender, other)
    assert [peer.queued_out for peer in away(sender)] == [1]

    receiver = come(sender, other, **alice)
    assert await received(receiver.recv, 1) == [b"for alice"]


@pytest.mark.parametrize(("kind", "other"), [(aiomq.PUSH, aiomq.PULL), (aiomq.ROUTER, aiomq.DEALER)])
async def test_another_key_does_not_get_what_a_store_kept(
    context: aiomq.Context, address: str, store_path: Path, kind: int, other: int
) -> None:
    alice = client()
    async with context.socket(kind, durable=60.0, durable_store=store_path, **SERVER) as before:
        before.bind(address)
        await gone(before, await there(before, other, **alice))
        await send(before, b"for alice")

    sender = context.socket(kind, durable=60.0, durable_store=store_path, **SERVER)
    sender.bind(address)
    await stranger_comes_and_goes(sender, other)
    assert [peer.queued_out for peer in away(sender)] == [1]

    receiver = come(sender, other, **alice)
    assert await received(receiver.recv, 1) == [b"for alice"]

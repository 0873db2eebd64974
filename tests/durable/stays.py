"""Peers that come and go: what tests of durable sockets do again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import aiomq
from tests.sockets.links import until

__all__ = ["Clock", "away", "come", "gone", "received", "subscribed", "there"]


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def away(socket: aiomq.Socket) -> list[aiomq.PeerStatus]:
    """Return the peers that are away."""
    return [peer for peer in socket.peers() if peer.state == "away"]


def come(sender: aiomq.Socket, socket_type: int, name: bytes = b"one", **options: object) -> aiomq.Socket:
    """Return a socket with a routing id, connected to the sender."""
    socket = sender.context.socket(socket_type, **({"routing_id": name} if name else {}), **options)
    if socket_type == aiomq.SUB:
        socket.subscribe(b"")
    socket.connect(sender.last_endpoint)
    return socket


async def there(sender: aiomq.Socket, receiver: int, name: bytes = b"one", **options: object) -> aiomq.Socket:
    """Return a receiver that is there, and subscribed if it has to be."""
    socket = come(sender, receiver, name, **options)
    if receiver == aiomq.XSUB:
        await socket.send(b"\1")
    if sender.socket_type in {aiomq.PUB, aiomq.XPUB}:
        await subscribed(sender)
    await sender.wait_connected()
    return socket


async def gone(sender: aiomq.Socket, socket: aiomq.Socket) -> None:
    """Let a peer go, and wait until the sender knows."""
    before = len(away(sender))
    socket.close(linger=0)
    await until(lambda: len(away(sender)) > before)


async def subscribed(publisher: aiomq.Socket, topic: bytes = b"", count: int = 1) -> None:
    """Wait for subscriptions that take longer than a connection."""
    async with asyncio.timeout(10):
        await publisher.wait_subscribed(topic, count)


async def received(recv: Callable[[], object], count: int) -> Sequence[bytes]:
    """Return so many messages of one frame each."""
    messages = []
    async with asyncio.timeout(10):
        for _ in range(count):
            message = await recv()  # type: ignore[misc]  # of any socket
            messages.append(message)
    return messages

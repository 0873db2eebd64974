"""What peers that say nothing cost: their memory, and that none of it is left when they go."""

from __future__ import annotations

import gc
import socket
import tracemalloc

import pytest

import aiomq
from tests.sockets.links import KeepingContext, until
from tests.transports.scripted import GREETING, ready

PEERS = 60
BYTES_PER_PEER = 16 * 1024


def clients(endpoint: str, count: int, hello: bytes) -> list[socket.socket]:
    """Connect so many clients that finish the handshake and say no more."""
    host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
    connected = []
    for _ in range(count):
        client = socket.create_connection((host, int(port)))
        client.sendall(hello)
        connected.append(client)
    return connected


@pytest.mark.parametrize(("server", "client"), [(aiomq.PUB, "SUB"), (aiomq.ROUTER, "DEALER"), (aiomq.PULL, "PUSH")])
async def test_idle_peer_keeps_less_than_sixteen_kibibytes(server: int, client: str) -> None:
    async with KeepingContext() as context:
        bound = context.socket(server)
        bound.bind("tcp://127.0.0.1:*")
        peers, hello = bound._core.peers, GREETING + ready(client)
        first = clients(bound.last_endpoint, 5, hello)  # what the first ones make for all is not theirs
        await until(lambda: len(peers) == 5)
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            rest = clients(bound.last_endpoint, PEERS, hello)
            await until(lambda: len(peers) == 5 + PEERS)
            gc.collect()
            used = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

        assert used / PEERS < BYTES_PER_PEER
        for each in (*first, *rest):
            each.close()
        await until(lambda: not peers)


async def test_connection_after_its_handshake_keeps_nothing_of_it() -> None:
    async with KeepingContext() as context:
        bound = context.socket(aiomq.PULL)
        bound.bind("tcp://127.0.0.1:*")
        (client,) = clients(bound.last_endpoint, 1, GREETING + ready("PUSH"))
        await until(lambda: bound._core.peers)

        (peer,) = bound._core.peers
        connection = peer.link  # type: ignore[attr-defined]  # a peer over tcp has one

        assert not hasattr(connection, "_session")
        client.close()
        await until(lambda: not bound._core.peers)

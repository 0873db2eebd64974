"""METADATA and what is known of a peer: properties from both ends of a connection."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
import zmq

import aiomq
from tests.transports.judge import Judge
from tests.transports.scripted import Script, frame, handshake


def properties(socket: aiomq.Socket) -> dict[str, bytes]:
    """Return what a socket knows of its only peer."""
    (peer,) = socket._core.peers
    return dict(peer.properties)


@pytest.mark.parametrize("binds", [True, False], ids=["aiomq binds", "aiomq connects"])
@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
async def test_metadata_is_sent_to_libzmq_and_received_from_it(
    context: aiomq.Context, judge: Judge, tmp_path: Path, binds: bool, scheme: str
) -> None:
    address = "tcp://127.0.0.1:*" if scheme == "tcp" else f"ipc://{tmp_path}/end"
    theirs = judge.socket(zmq.DEALER, routing_id=b"theirs")
    for each in (b"X-hello:world", b"X-colons:a:b", b"X-hello:second"):
        theirs.setsockopt(zmq.METADATA, each)
    with context.socket(aiomq.DEALER, linger=0, routing_id=b"ours") as ours:
        for text in ("X-hello:there", b"X-colons:c:d", "X-hello:second"):
            ours.set(aiomq.METADATA, text)
        if binds:
            ours.bind(address)
            theirs.connect(ours.last_endpoint)
        else:
            theirs.bind(address)
            ours.connect(theirs.getsockopt_string(zmq.LAST_ENDPOINT))
        await ours.send(b"to libzmq")
        got: Any = await asyncio.to_thread(theirs.recv, copy=False)
        seen = {name: got.get(name) for name in ("X-hello", "X-colons", "Socket-Type", "Peer-Address")}
        theirs.send(b"to aiomq")
        assert await ours.recv() == b"to aiomq"
        known = properties(ours)
        here = f"localhost:{os.getuid()}:{os.getgid()}:{os.getpid()}" if scheme == "ipc" else "127.0.0.1"
        assert seen == {"X-hello": "there", "X-colons": "c:d", "Socket-Type": "DEALER", "Peer-Address": here}
        assert known == {
            "Socket-Type": b"DEALER",
            "Identity": b"theirs",
            "Routing-Id": b"theirs",
            "X-hello": b"world",
            "X-colons": b"a:b",
            "Peer-Address": here.encode(),
        }


async def test_metadata_set_after_the_bind_is_for_the_next_one(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.set(aiomq.METADATA, b"X-a:1")
        pull.bind("tcp://127.0.0.1:*")
        first = pull.last_endpoint
        pull.set(aiomq.METADATA, b"X-b:2")
        pull.bind("tcp://127.0.0.1:*")
        for endpoint, expected in ((first, {"X-a": b"1"}), (pull.last_endpoint, {"X-a": b"1", "X-b": b"2"})):
            wire = await script.dial(endpoint)
            assert await wire.greet("PUSH") == {"Socket-Type": b"PULL"} | expected


async def test_metadata_of_a_peer_is_that_of_its_last_connection(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PULL, reconnect_ivl=1) as pull:
        pull.connect(acceptor.endpoint)
        for value in (b"1", b"2"):
            wire = await script.accepted(acceptor)
            await wire.greet("PUSH", ("X-number", value))
            wire.send(frame(value))
            assert await pull.recv() == value
            assert properties(pull)["X-number"] == value
            wire.close()


async def test_what_a_peer_says_of_its_address_does_not_count(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        wire.send(handshake("PUSH", ("Peer-Address", b"10.0.0.1"), ("x-odd", b"\xff\0")) + frame(b"1"))
        assert await pull.recv() == b"1"
        assert properties(pull) == {"Socket-Type": b"PUSH", "Peer-Address": b"127.0.0.1", "x-odd": b"\xff\0"}


async def test_an_old_peer_and_one_over_inproc_have_nothing_to_say(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        wire.send(b"\x01\x00" + b"\x02\x001")
        assert await pull.recv() == b"1"
        assert properties(pull) == {"Peer-Address": b"127.0.0.1"}
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
        push.set(aiomq.METADATA, b"X-a:1")
        pull.bind("inproc://metadata")
        push.connect("inproc://metadata")
        assert properties(pull) == {}


async def test_metadata_that_does_not_fit_is_refused_at_the_bind(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.set(aiomq.METADATA, b"X-large:" + bytes(60_000))
        for call in (pull.bind, pull.connect):
            with pytest.raises(aiomq.ZMQError, match="metadata must fit"):
                call("tcp://127.0.0.1:5555")


async def test_metadata_is_announced_on_every_connection(context: aiomq.Context, script: Script) -> None:
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, linger=0, reconnect_ivl=1) as push:
        push.set(aiomq.METADATA, b"X-a:1")
        push.connect(acceptor.endpoint)
        push.set(aiomq.METADATA, b"X-b:for the next connect")
        for _ in range(2):
            wire = await script.accepted(acceptor)
            assert await wire.greet("PULL") == {"Socket-Type": b"PUSH", "X-a": b"1"}
            wire.close()

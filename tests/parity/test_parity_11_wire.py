"""PARITY section 11, what is seen on the wire and in the file system: points 17 to 19."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import Final

import pytest

import aiomq
from aiomq import Event
from tests.parity.subjects import Make
from tests.transports.scripted import COMMAND, Script, frame

# -- 17: the form of subscriptions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ((3, 1), [(COMMAND, b"\x09SUBSCRIBEtopic"), (COMMAND, b"\x06CANCELtopic")]),
        ((3, 0), [(0, b"\x01topic"), (0, b"\x00topic")]),
    ],
)
async def test_parity_11_17_subscriptions_are_commands_to_newer_peers_and_messages_to_older(
    make: Make, script: Script, version: tuple[int, int], told: list[tuple[int, bytes]]
) -> None:
    acceptor = await script.listen()
    sub = make(aiomq.SUB)
    sub.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("PUB", version=version)
    sub.subscribe(b"topic")
    sub.unsubscribe(b"topic")
    assert [await wire.frame() for _ in range(2)] == told


@pytest.mark.parametrize("version", [(3, 1), (3, 0)])
async def test_parity_11_17_both_forms_are_taken_from_any_peer(
    make: Make, script: Script, version: tuple[int, int]
) -> None:
    xpub = make(aiomq.XPUB)
    wire = await script.dial(xpub.bind("tcp://127.0.0.1:*"))
    await wire.greet("SUB", version=version)
    wire.send(frame(b"\x09SUBSCRIBEcommand", COMMAND) + frame(b"\x01message"))
    wire.send(frame(b"\x06CANCELcommand", COMMAND) + frame(b"\x00message"))
    told = [await xpub.recv() for _ in range(4)]
    assert told == [[b"\x01command"], [b"\x01message"], [b"\x00command"], [b"\x00message"]]


async def test_parity_11_17_a_publisher_sends_to_both_forms(make: Make, script: Script) -> None:
    xpub = make(aiomq.XPUB)
    wire = await script.greeted(xpub.bind("tcp://127.0.0.1:*"), "SUB")
    wire.send(frame(b"\x09SUBSCRIBEa", COMMAND) + frame(b"\x01b"))
    assert [await xpub.recv() for _ in range(2)] == [[b"\x01a"], [b"\x01b"]]
    for each in (b"a1", b"c1", b"b1"):
        await xpub.send(each)
    assert [await wire.frame() for _ in range(2)] == [(0, b"a1"), (0, b"b1")]


# -- 18: heartbeats ---------------------------------------------------------------------------------------------------

PING: Final = b"\x04PING"


async def test_parity_11_18_timeout_defaults_to_the_interval(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL, heartbeat_ivl=15)
    pull.watch()
    wire = await script.greeted(pull.bind("tcp://127.0.0.1:*"), "PUSH")
    assert await wire.frame() == (COMMAND, PING + b"\0\0")
    rest = await wire.ended()
    assert rest in {b"", frame(PING + b"\0\0", COMMAND)}
    await pull.told_until(Event.DISCONNECTED)


@pytest.mark.parametrize("sign", [frame(b"message"), frame(b"\x04PONG", COMMAND), frame(b"\x07UNKNOWN", COMMAND)])
async def test_parity_11_18_any_traffic_is_a_sign_of_life(make: Make, script: Script, sign: bytes) -> None:
    pull = make(aiomq.PULL, heartbeat_ivl=20, heartbeat_timeout=60)
    pull.watch()
    wire = await script.greeted(pull.bind("tcp://127.0.0.1:*"), "PUSH")
    for count in range(5):
        assert await wire.frame() == (COMMAND, PING + b"\0\0")
        if count < 4:
            wire.send(sign)
    await wire.ended()
    assert (await pull.told_until(Event.DISCONNECTED))[-1][0] == "DISCONNECTED"


async def test_parity_11_18_part_of_a_frame_is_a_sign_of_life(context: aiomq.Context, script: Script) -> None:
    # libzmq waits for a whole frame, and so cuts off who needs longer than the timeout to send a large one.
    with context.socket(aiomq.PULL, heartbeat_ivl=20, heartbeat_timeout=60) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(b"\x00\x05")
        for octet in b"large":
            assert await wire.frame() == (COMMAND, PING + b"\0\0")
            wire.send(bytes((octet,)))
        assert await pull.recv() == b"large"


@pytest.mark.parametrize(("ttl", "told"), [(0, 0), (99, 0), (100, 1), (199, 1), (6_553_599, 65535)])
async def test_parity_11_18_ttl_is_told_in_whole_tenths_of_a_second(
    make: Make, script: Script, ttl: int, told: int
) -> None:
    pull = make(aiomq.PULL, heartbeat_ivl=10, heartbeat_ttl=ttl)
    wire = await script.greeted(pull.bind("tcp://127.0.0.1:*"), "PUSH")
    assert await wire.frame() == (COMMAND, PING + told.to_bytes(2))


async def test_parity_11_18_a_ping_is_answered_with_its_context(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL)
    wire = await script.greeted(pull.bind("tcp://127.0.0.1:*"), "PUSH")
    for context in (b"", b"c", b"sixteen octets !"):
        wire.send(frame(PING + b"\0\0" + context, COMMAND))
        assert await wire.frame() == (COMMAND, b"\x04PONG" + context)


async def test_parity_11_18_silence_for_the_peers_ttl_ends_the_connection(make: Make, script: Script) -> None:
    pull = make(aiomq.PULL)
    pull.watch()
    wire = await script.greeted(pull.bind("tcp://127.0.0.1:*"), "PUSH")
    wire.send(frame(PING + b"\0\1", COMMAND))
    assert await wire.frame() == (COMMAND, b"\x04PONG")
    assert await wire.ended() == b""
    await pull.told_until(Event.DISCONNECTED)


# -- 19: ipc ----------------------------------------------------------------------------------------------------------

needs_paths: Final = pytest.mark.skipif(sys.platform == "win32", reason="Python has no Unix domain sockets on Windows")
linux_only: Final = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")


@needs_paths
async def test_parity_11_19_bind_steals_a_path(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second, old, new = make(aiomq.PULL), make(aiomq.PULL), make(aiomq.PUSH), make(aiomq.PUSH)
    first.bind("ipc://feed")
    old.connect("ipc://feed")
    await old.send(b"before")
    assert await first.recv() == [b"before"]
    second.bind("ipc://feed")
    new.connect("ipc://feed")
    await new.send(b"new")
    assert await second.recv() == [b"new"]
    await old.send(b"still")
    assert await first.recv() == [b"still"]


@needs_paths
async def test_parity_11_19_unbind_leaves_the_file(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pull = make(aiomq.PULL)
    pull.watch()
    pull.bind("ipc://feed")
    pull.unbind("ipc://feed")
    await pull.told_until(Event.CLOSED)
    assert os.listdir(tmp_path) == ["feed"]
    pull.bind("ipc://feed")


@linux_only
async def test_parity_11_19_an_abstract_name_ends_without_nul(make: Make, request: pytest.FixtureRequest) -> None:
    name = f"aiomq-{os.getpid()}-{id(request)}"
    pull = make(aiomq.PULL)
    pull.watch()
    assert pull.bind(f"ipc://@{name}") == f"ipc://@{name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as exact:
        exact.connect(f"\0{name}")
        await pull.told_until(Event.ACCEPTED)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as padded, pytest.raises(ConnectionRefusedError):
        padded.connect(f"\0{name}\0")

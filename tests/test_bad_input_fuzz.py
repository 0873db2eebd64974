"""Random octets and mutated conversations: whatever comes, only that connection ends, and nothing is raised.

The draws are seeded: a failure names the seed that brings it back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Final

import pytest

import aiomq
from aiomq import Event
from tests.transports.scripted import COMMAND, GREETING, MORE, Script, Wire, frame, handshake, settled, until

CONVERSATIONS: Final = 25
"""How many of each kind, for each type of socket and each loop."""

PARTNERS: Final = {
    "PAIR": "PAIR",
    "PUB": "SUB",
    "SUB": "PUB",
    "REQ": "REP",
    "REP": "REQ",
    "DEALER": "ROUTER",
    "ROUTER": "DEALER",
    "PULL": "PUSH",
    "PUSH": "PULL",
    "XPUB": "XSUB",
    "XSUB": "XPUB",
}

TRAFFIC: Final = [
    frame(b"message"),
    frame(b""),
    frame(b"", MORE) + frame(b"body"),
    frame(b"way back", MORE) + frame(b"", MORE) + frame(b"one", MORE) + frame(b"two"),
    frame(bytes(300)),
    frame(bytes(9000)),
    frame(b"\x09SUBSCRIBEtopic", COMMAND),
    frame(b"\x06CANCELtopic", COMMAND),
    frame(b"\x01topic") + frame(b"\x00topic"),
    frame(b"\x04PING\x00\x00context", COMMAND),
    frame(b"\x04PONGcontext", COMMAND),
    frame(b"\x07UNKNOWN", COMMAND),
]


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers; nothing may be given to the event loop to log."""
    async with Script() as made:
        yield made


def noise(draw: random.Random) -> bytes:
    """Return random octets, half of them behind something that is well-formed so far."""
    octets = draw.randbytes(draw.randrange(1, 300))
    return draw.choice([b"", b"\xff" + bytes(7) + b"\x01\x7f", GREETING, GREETING[:12]]) + octets


def conversation(draw: random.Random, partner: str) -> bytes:
    """Return what a good peer might say."""
    identity = [("Identity", draw.randbytes(5))] if draw.random() < 0.5 else []
    version = draw.choice([(3, 0), (3, 1)])
    return handshake(partner, *identity, version=version) + b"".join(draw.choices(TRAFFIC, k=draw.randrange(1, 12)))


def mutated(draw: random.Random, octets: bytes) -> bytes:
    """Return the same with a few things wrong."""
    data = bytearray(octets)
    for _ in range(draw.randrange(1, 5)):
        at = draw.randrange(len(data))
        match draw.randrange(6):
            case 0:
                data[at] = draw.randrange(256)
            case 1:
                data[at] ^= 1 << draw.randrange(8)
            case 2:
                del data[at : at + draw.randrange(1, 20)]
            case 3:
                data[at:at] = draw.randbytes(draw.randrange(1, 20))
            case 4:
                data[at:at] = data[at : at + draw.randrange(1, 100)]
            case _:
                data[at] = draw.choice([0x00, 0x01, 0x02, 0x04, 0x7F, 0x80, 0xFE, 0xFF])
        data = data or bytearray(1)
    return bytes(data)


async def say(draw: random.Random, wire: Wire, octets: bytes) -> None:
    """Write octets in pieces, and leave in one of three ways."""
    with contextlib.suppress(ConnectionError):
        while octets:
            size = draw.choice([1, 7, 64, 4096])
            wire.send(octets[:size])
            octets = octets[size:]
            if draw.random() < 0.3:
                await wire.drain()
    leave: Callable[[], None] | None = draw.choice([wire.close, wire.abort, None])
    if leave is not None:
        leave()


async def use(sock: aiomq.Socket, name: str) -> None:
    """Receive and answer whatever comes, as far as the type can; a REQ asks first."""
    while True:
        if name == "REQ":
            await sock.send(b"question")
        if name in {"PUSH", "PUB"}:
            await sock.send(b"news")
            continue
        message = await sock.recv_multipart()
        if name not in {"PULL", "SUB", "REQ"}:
            with contextlib.suppress(aiomq.Again):
                await sock.send_multipart(message, aiomq.DONTWAIT)


@contextlib.asynccontextmanager
async def in_use(context: aiomq.Context, name: str) -> AsyncIterator[aiomq.Socket]:
    """Give a socket that is bound, limited in all it takes, and used by a task."""
    sock = context.socket(getattr(aiomq, name), linger=0, maxmsgsize=100_000, handshake_ivl=200, reconnect_ivl=1)
    if name == "SUB":
        sock.subscribe(b"")
    sock.bind("tcp://127.0.0.1:*")
    using = asyncio.ensure_future(use(sock, name))
    try:
        yield sock
        if using.done():
            using.result()
    finally:
        using.cancel()
        await asyncio.wait([using])
        await sock.aclose()


async def still_good(script: Script, sock: aiomq.Socket, name: str) -> None:
    """Check that a good peer is welcome, once the bad ones are gone: a PAIR has one peer at a time."""
    await settled(lambda: "peers=0" in repr(sock))
    wire = await script.greeted(repr(sock).partition("bound=[")[2].partition("]")[0], PARTNERS[name])
    wire.send(frame(b"\x04PING\x00\x00alive", COMMAND))
    while await wire.frame() != (COMMAND, b"\x04PONGalive"):
        continue


@pytest.mark.parametrize("name", PARTNERS)
@pytest.mark.parametrize("kind", ["noise", "mutated"])
async def test_whatever_strangers_say_to_a_bound_socket_it_goes_on(
    context: aiomq.Context, script: Script, name: str, kind: str
) -> None:
    async with in_use(context, name) as sock:
        for seed in range(CONVERSATIONS):
            draw = random.Random(f"{name} {kind} {seed}")
            octets = noise(draw) if kind == "noise" else mutated(draw, conversation(draw, PARTNERS[name]))
            await say(draw, await script.dial(sock.last_endpoint), octets)
            assert not script.loop_errors, f"seed {name} {kind} {seed}: {script.loop_errors}"
        await script.hang_up()
        await still_good(script, sock, name)


@pytest.mark.parametrize("name", PARTNERS)
async def test_whatever_the_other_side_says_to_a_connected_socket_it_goes_on(
    context: aiomq.Context, script: Script, name: str
) -> None:
    async with in_use(context, name) as sock:
        events = sock.monitor()
        for seed in range(CONVERSATIONS):
            draw = random.Random(f"connected {name} {seed}")
            acceptor = await script.listen()
            sock.connect(acceptor.endpoint)
            wire = await script.accepted(acceptor)
            await until(events, Event.CONNECTED)
            acceptor.close()
            await say(draw, wire, mutated(draw, conversation(draw, PARTNERS[name])))
            await wire.gone()
            await until(events, Event.DISCONNECTED)
            with contextlib.suppress(aiomq.ZMQError):  # ENOENT: it was given up for what the other side said
                sock.disconnect(acceptor.endpoint)
            assert not script.loop_errors, f"seed connected {name} {seed}: {script.loop_errors}"
        await still_good(script, sock, name)


@pytest.mark.parametrize("name", ["PULL", "ROUTER", "XPUB"])
async def test_many_strangers_at_once_do_not_disturb_a_good_peer(
    context: aiomq.Context, script: Script, name: str
) -> None:
    async with in_use(context, name) as sock:
        good = await script.greeted(sock.last_endpoint, PARTNERS[name])
        draw = random.Random(name)
        strangers = [await script.dial(sock.last_endpoint) for _ in range(40)]
        for each in strangers:
            await say(draw, each, mutated(draw, conversation(draw, PARTNERS[name])))
            good.send(frame(b"\x04PING\x00\x00alive", COMMAND))
            while await good.frame() != (COMMAND, b"\x04PONGalive"):
                continue

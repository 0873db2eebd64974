"""What a peer gets wrong, or does on purpose, ends that peer's connection and nothing else.

Nothing is raised in user code, other peers are served on, the monitor says why, and what a stranger can make us hold
is bounded.
"""

from __future__ import annotations

import asyncio
import errno
import re
import struct
import tracemalloc
from collections.abc import AsyncIterator
from typing import Final, Self

import pytest

import aiomq
from aiomq import Event
from aiomq.monitor import Monitor
from aiomq.zmtp.session import MAX_COMMAND_SIZE
from tests.transports.scripted import (
    COMMAND,
    GREETING,
    LONG,
    MORE,
    Script,
    Wire,
    frame,
    greeting,
    handshake,
    ready,
    settled,
    until,
)

MIB: Final = 1 << 20


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    """Return a maker of scripted peers; nothing may be given to the event loop to log."""
    async with Script() as made:
        yield made


class Victim:
    """A bound PULL with a good peer; the good peer is served before and after what a bad one does."""

    def __init__(self, context: aiomq.Context, script: Script, **options: int) -> None:
        self.pull = context.socket(aiomq.PULL, rcvtimeo=10_000, **options)
        self.events: Monitor = self.pull.monitor()
        self.pull.bind("tcp://127.0.0.1:*")
        self.endpoint = self.pull.last_endpoint
        self._script = script
        self._good: Wire
        self._count = 0

    async def __aenter__(self) -> Self:
        self._good = await self._script.greeted(self.endpoint, "PUSH")
        await self.serves_the_good()
        return self

    async def __aexit__(self, exc_type: type[BaseException] | None, *_: object) -> None:
        try:
            if exc_type is None:
                await self.serves_the_good()
        finally:
            self.pull.close(linger=0)

    async def serves_the_good(self) -> None:
        self._count += 1
        self._good.send(frame(b"good %d" % self._count))
        assert await self.pull.recv() == b"good %d" % self._count

    async def why_it_ended(self) -> str:
        """Wait for the end of a connection, and return the reason."""
        return (await until(self.events, Event.DISCONNECTED)).reason


def huge(size: int, flags: int = 0) -> bytes:
    """Return the header of a frame that claims so many octets."""
    return struct.pack(">BQ", flags | LONG, size)


# -- in the handshake -------------------------------------------------------------------------------------------------

NULL_HANDSHAKES: Final = [
    pytest.param(bytes(64), "the routing id frame has length 0", id="zeros"),
    pytest.param(b"\xff" * 64, "the peer's security mechanism is", id="ones"),
    pytest.param(b"\xff" + bytes(7) + b"\x10\x00" + bytes(90), None, id="a 1.0 peer with 15 octets of id"),
    pytest.param(huge(1 << 40)[1:].rjust(9, b"\xff") + b"\x00", "a routing id of", id="a 1.0 peer with a huge id"),
    pytest.param(greeting(b"CURVE"), "mechanism is 'CURVE', ours is 'NULL': both must be the same", id="CURVE"),
    pytest.param(greeting(b"\x1b[2J"), r"mechanism is '\\x1b\[2J'", id="what a terminal obeys"),
    pytest.param(GREETING + frame(b"", COMMAND), "NULL", id="empty command"),
    pytest.param(GREETING + frame(b"\x05HELLO", COMMAND), "HELLO", id="unexpected command"),
    pytest.param(GREETING + frame(b"\xffREADY", COMMAND), "not known", id="command with a wrong length of its name"),
    pytest.param(GREETING + ready("SUB"), "a PULL socket cannot talk to a peer of type 'SUB'", id="wrong type"),
    pytest.param(GREETING + ready("x" * 99), "a PULL socket cannot talk to a peer of no type", id="unknown type"),
    pytest.param(GREETING + frame(b"\x05READY\x05Soc", COMMAND), "invalid metadata", id="name cut short"),
    pytest.param(
        GREETING + frame(b"\x05READY\x01X\xff\xff\xff\xffvalue", COMMAND), "claims 4294967295 octets", id="huge value"
    ),
    pytest.param(GREETING + frame(b"\x05READY\x00\0\0\0\0", COMMAND), "a property without a name", id="no name"),
    pytest.param(
        GREETING + frame(b"\x05READY" + b"\x01X\0\0\0\0" * 1025, COMMAND), "more than 1024 properties", id="many"
    ),
    pytest.param(GREETING + huge(49153, COMMAND), "a handshake command of 49153 octets: up to 49152", id="large"),
    pytest.param(GREETING + huge(1 << 63, COMMAND), "a handshake command of 9223372036854775808 octets", id="huge"),
    pytest.param(GREETING + frame(b"\x05ERROR\x06reason", COMMAND), "reason", id="refusal"),
    pytest.param(GREETING + frame(b"\x05ERROR\x99", COMMAND), "cut short", id="refusal cut short"),
]


@pytest.mark.parametrize(("said", "why"), NULL_HANDSHAKES)
async def test_a_bad_handshake_ends_its_connection_with_a_reason(
    context: aiomq.Context, script: Script, said: bytes, why: str | None
) -> None:
    async with Victim(context, script) as victim:
        bad = await script.dial(victim.endpoint)
        bad.send(said)
        if why is None:
            bad.close()
            await victim.why_it_ended()
            return
        await bad.ended()
        reason = await victim.why_it_ended()
    assert len(reason) < 300
    assert reason.isprintable()
    assert re.search(why, reason)


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 12, 32, 63, 64, 70, 89])
async def test_a_handshake_that_stops_ends_with_the_handshake_interval(
    context: aiomq.Context, script: Script, size: int
) -> None:
    async with Victim(context, script, handshake_ivl=20) as victim:
        bad = await script.dial(victim.endpoint)
        bad.send(handshake("PUSH")[:size])
        await bad.ended()
        failed = await until(victim.events, Event.HANDSHAKE_FAILED_NO_DETAIL)
        assert failed.value == errno.EAGAIN
        assert failed.reason == "no handshake within 20 ms (HANDSHAKE_IVL)"
        assert await victim.why_it_ended() == failed.reason


async def test_a_web_browser_is_let_go_after_the_handshake_interval(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script, handshake_ivl=20) as victim:
        bad = await script.dial(victim.endpoint)
        bad.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await bad.ended()
        assert "HANDSHAKE_IVL" in await victim.why_it_ended()


async def test_a_handshake_octet_by_octet_gets_no_more_time_than_another(
    context: aiomq.Context, script: Script
) -> None:
    async with Victim(context, script, handshake_ivl=50) as victim:
        bad = await script.dial(victim.endpoint)
        ending = asyncio.ensure_future(bad.ended())
        for octet in GREETING + ready("PUSH", ("X-slow", bytes(10_000))):
            if ending.done():
                break
            bad.send(bytes((octet,)))
            await asyncio.wait([ending], timeout=0.001)
        await ending
        assert "HANDSHAKE_IVL" in await victim.why_it_ended()


@pytest.mark.parametrize("size", [0, 5, 64, 80])
async def test_a_peer_that_leaves_in_its_handshake_is_told_of(
    context: aiomq.Context, script: Script, size: int
) -> None:
    async with Victim(context, script) as victim:
        bad = await script.dial(victim.endpoint)
        bad.send(handshake("PUSH")[:size])
        bad.close()
        await until(victim.events, Event.HANDSHAKE_FAILED_NO_DETAIL)
        await until(victim.events, Event.DISCONNECTED)


async def test_a_peer_that_resets_its_connection_is_told_of(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script) as victim:
        (await script.greeted(victim.endpoint, "PUSH")).abort()
        assert "reset" in (await victim.why_it_ended()).lower()


async def test_a_good_handshake_octet_by_octet_is_taken(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script) as victim:
        slow = await script.dial(victim.endpoint)
        for octet in handshake("PUSH") + frame(b"slow", MORE) + frame(b"and steady" * 30):
            slow.send(bytes((octet,)))
            await slow.drain()
            await asyncio.sleep(0)
        assert await victim.pull.recv_multipart() == [b"slow", b"and steady" * 30]


async def test_so_many_handshakes_at_a_time_and_no_more(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script, handshakes_per_endpoint=3) as victim:
        silent = [await script.dial(victim.endpoint) for _ in range(3)]
        for each in silent:
            await each.read(10)
        welcome = await script.greeted(victim.endpoint, "PUSH")
        welcome.send(frame(b"in at once"))
        assert await victim.pull.recv() == b"in at once"
        assert await silent[0].ended() == b""
        failed = await until(victim.events, Event.HANDSHAKE_FAILED_NO_DETAIL)
        assert failed.value == errno.EMFILE
        assert "the oldest handshake of the address that has most makes room" in await victim.why_it_ended()
        silent[1].send(handshake("PUSH") + frame(b"at last"))
        assert await victim.pull.recv() == b"at last"
        assert victim.pull.counters.over == {"handshakes_per_endpoint": 1}


# -- in the traffic ---------------------------------------------------------------------------------------------------

OFFENCES: Final = [
    pytest.param(huge(1001), "a frame of 1001 bytes is over MAXMSGSIZE \\(1000\\)", id="large"),
    pytest.param(huge(1 << 62), "a frame of 4611686018427387904 bytes is over MAXMSGSIZE", id="huge"),
    pytest.param(huge(1001, MORE), "a frame of 1001 bytes is over MAXMSGSIZE", id="large part"),
    pytest.param(huge(1001, COMMAND), "a frame of 1001 bytes is over MAXMSGSIZE", id="large command"),
    pytest.param(frame(b"\x04PING", COMMAND), "a PING command of 5 octets", id="PING cut short"),
    pytest.param(frame(b"\x04PING\0", COMMAND), "a PING command of 6 octets", id="PING cut shorter"),
]


@pytest.mark.parametrize(("offence", "why"), OFFENCES)
async def test_an_offence_ends_the_connection_and_what_came_before_stays(
    context: aiomq.Context, script: Script, offence: bytes, why: str
) -> None:
    async with Victim(context, script, maxmsgsize=1000) as victim:
        bad = await script.greeted(victim.endpoint, "PUSH")
        bad.send(frame(b"before") + frame(b"this", MORE) + frame(b"too") + frame(b"half", MORE) + offence)
        await bad.ended()
        assert re.search(why, await victim.why_it_ended())
        assert await victim.pull.recv_multipart() == [b"before"]
        assert await victim.pull.recv_multipart() == [b"this", b"too"]


@pytest.mark.parametrize("limit", [30, 100, 254, 255, 256])
async def test_a_small_limit_holds_for_short_frames_too(context: aiomq.Context, script: Script, limit: int) -> None:
    with context.socket(aiomq.PULL, maxmsgsize=limit, rcvtimeo=10_000) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(bytes(limit)) * 3 + frame(bytes(limit + 1)) + frame(b"late"))
        assert [len(await pull.recv()) for _ in range(3)] == [limit] * 3
        why = (await until(events, Event.DISCONNECTED)).reason
        assert why == f"a frame of {limit + 1} bytes is over MAXMSGSIZE ({limit})"
        with pytest.raises(aiomq.Again):
            pull.recv_nowait()


async def test_a_frame_that_cannot_be_is_refused_without_a_limit(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script) as victim:
        bad = await script.greeted(victim.endpoint, "PUSH")
        bad.send(huge(1 << 63))
        await bad.ended()
        assert await victim.why_it_ended() == "a frame of 9223372036854775808 bytes cannot be"


async def test_a_message_of_endless_frames_is_cut_off(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script, message_frames_max=100) as victim:
        bad = await script.greeted(victim.endpoint, "PUSH")
        bad.send(frame(b"", MORE) * 101)
        await bad.ended()
        why = await victim.why_it_ended()
        assert why == "a message has more than 100 frames (raise message_frames_max to allow more)"


async def test_the_first_frame_of_a_1_0_peer_may_not_be_of_length_0(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script) as victim:
        bad = await script.dial(victim.endpoint)
        bad.send(b"\x01\x00" + b"\x03\x00hi" + b"\x00")
        await bad.ended()
        assert await victim.pull.recv() == b"hi"
        assert await victim.why_it_ended() == "a frame of length 0, without its flags octet"


@pytest.mark.parametrize(
    "body", [b"", b"\x07UNKNOWN", b"\xffUNKNOWN", b"\x04PONG", b"\x09SUBSCRIBEx", b"\x06CANCELx", b"\x05READY"]
)
async def test_a_command_that_means_nothing_here_is_passed_over(
    context: aiomq.Context, script: Script, body: bytes
) -> None:
    async with Victim(context, script) as victim:
        odd = await script.greeted(victim.endpoint, "PUSH")
        odd.send(frame(b"one", MORE) + frame(body, COMMAND) + frame(b"two") + frame(body, COMMAND) + frame(b"three"))
        assert await victim.pull.recv_multipart() == [b"one", b"two"]
        assert await victim.pull.recv_multipart() == [b"three"]


async def test_messages_for_a_socket_that_does_not_receive_are_dropped(context: aiomq.Context, script: Script) -> None:
    for ours, theirs in ((aiomq.PUSH, "PULL"), (aiomq.PUB, "SUB")):
        with context.socket(ours, linger=0, sndtimeo=10_000) as sock:
            sock.bind("tcp://127.0.0.1:*")
            odd = await script.greeted(sock.last_endpoint, theirs)
            odd.send(frame(b"unasked") * 5000 + frame(b"\x09SUBSCRIBE", COMMAND) + frame(b"\x04PING\0\0", COMMAND))
            assert await odd.frame() == (COMMAND, b"\x04PONG")
            await sock.send(b"fine")
            assert await odd.frame() == (0, b"fine")


# -- subscriptions ----------------------------------------------------------------------------------------------------

WORDY: Final = b"x" * 200

FLOODS: Final = [
    pytest.param([frame(b"\x09SUBSCRIBE%d" % each, COMMAND) for each in range(20)], "topics_per_peer", id="commands"),
    pytest.param([frame(b"\x01%d" % number) for number in range(20)], "topics_per_peer", id="messages"),
    pytest.param([frame(b"\x01%b%d" % (WORDY, each)) for each in range(5)], "topic_bytes_per_peer", id="long topics"),
]


@pytest.mark.parametrize("name", ["PUB", "XPUB"])
@pytest.mark.parametrize(("flood", "budget"), FLOODS)
async def test_a_flood_of_subscriptions_ends_its_connection_alone(
    context: aiomq.Context, script: Script, name: str, flood: list[bytes], budget: str
) -> None:
    with context.socket(getattr(aiomq, name), linger=0) as pub, pub.monitor() as events:
        pub.topics_per_peer, pub.topic_bytes_per_peer = 10, 500
        pub.bind("tcp://127.0.0.1:*")
        good = await script.greeted(pub.last_endpoint, "SUB")
        good.send(frame(b"\x09SUBSCRIBEgood", COMMAND) + frame(b"\x04PING\0\0", COMMAND))
        await good.frame()
        bad = await script.greeted(pub.last_endpoint, "SUB")
        bad.send(b"".join(flood))
        await bad.ended()
        reason = (await until(events, Event.DISCONNECTED)).reason
        assert reason.startswith(f"over {budget}: {getattr(pub, budget)} ")
        assert pub.counters.over == {budget: 1}
        await pub.send(b"good news")
        assert await good.frame() == (0, b"good news")
        assert pub.get("topics_count") == 1


# -- memory -----------------------------------------------------------------------------------------------------------


async def peak_of(wires: list[Wire], said: bytes, victim: Victim) -> int:
    """Return how much memory it took, at its highest, to take in what all these wires say."""
    await victim.serves_the_good()
    tracemalloc.start()
    try:
        for each in wires:
            each.send(said)
            await each.drain()
        await victim.serves_the_good()
        await victim.serves_the_good()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_frame_over_the_limit_takes_no_memory(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script, maxmsgsize=MIB) as victim:
        bad = await script.greeted(victim.endpoint, "PUSH")
        peak = await peak_of([bad], huge(1 << 40) + bytes(1000), victim)
        assert "over MAXMSGSIZE" in await victim.why_it_ended()
    assert peak < MIB


async def test_a_frame_that_claims_to_be_huge_takes_what_arrives_and_little_more(
    context: aiomq.Context, script: Script
) -> None:
    async with Victim(context, script) as victim:
        bad = await script.greeted(victim.endpoint, "PUSH")
        peak = await peak_of([bad], huge(1 << 40) + bytes(1000), victim)
    assert peak < 6 * MIB


async def test_a_handshake_command_over_the_limit_takes_no_memory(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script) as victim:
        bad = [await script.dial(victim.endpoint) for _ in range(10)]
        peak = await peak_of(bad, GREETING + huge(1 << 40, COMMAND) + bytes(50_000), victim)
        for each in bad:
            await each.ended()
    assert peak < 2 * MIB


async def test_handshakes_that_stop_take_at_most_their_command(context: aiomq.Context, script: Script) -> None:
    async with Victim(context, script) as victim:
        bad = [await script.dial(victim.endpoint) for _ in range(10)]
        peak = await peak_of(bad, GREETING + huge(MAX_COMMAND_SIZE, COMMAND) + bytes(MAX_COMMAND_SIZE - 1), victim)
        assert peak < 10 * 4 * MAX_COMMAND_SIZE + MIB


async def test_a_peer_that_sends_faster_than_it_is_read_is_made_to_wait(context: aiomq.Context, script: Script) -> None:
    count = 2000
    with context.socket(aiomq.PULL, rcvhwm=10, rcvtimeo=10_000) as pull:
        pull.bind("tcp://127.0.0.1:*")
        fast = await script.greeted(pull.last_endpoint, "PUSH")
        fast.send(frame(bytes(10_000)) * count)
        await settled(lambda: "in=10>" in repr(pull))
        for _ in range(100):
            await asyncio.sleep(0)
        assert "in=10>" in repr(pull)
        assert fast.unsent > 0  # 20 MB in all: some is in the buffers of the system, the rest is still over there
        for _ in range(count):
            assert len(await pull.recv()) == 10_000

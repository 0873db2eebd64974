"""The kinds of strangers: what each says, how fast, and when it goes.

Flooders say as much as is taken from them; the others are slow and many. `hello` is a handshake that waits for nothing.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import aiomq
from tests.attack.specs import ASK
from tests.conformance.scripted_peer import NULL_GREETING, SIGNATURE, command, ready, v2_frame

__all__ = ["FLOODERS", "GREETING", "MORE", "SLOW", "Plan", "fill", "flood", "hello", "request"]

CHUNK_BYTES: Final = 256 * 1024
"""What a flooder says at a time, about."""

MORE: Final = 1

_STRANGER_OF: Final = {
    "PULL": aiomq.PUSH,
    "ROUTER": aiomq.DEALER,
    "XPUB": aiomq.SUB,
    "REP": aiomq.REQ,
    "RADIO": aiomq.DISH,
}

GREETING: Final = SIGNATURE + b"\x03\x01" + NULL_GREETING


@dataclass(frozen=True)
class Plan:
    """What a stranger of some kind does.

    Attributes:
        opening: what it says first.
        piece: how many bytes of that at a time; 0 for all at once.
        chunk: what it says again and again after that.
        every: seconds between pieces and chunks; 0 for as fast as it is taken.
        life: seconds until it goes; 0 for never.
        resets: whether it goes with a reset.
        ends: whether it says that nothing more will come, after the opening.
        reads: whether it reads what it is told.
        again: seconds until it comes again, once it has gone or was cut.
    """

    opening: bytes = b""
    piece: int = 0
    chunk: bytes = b""
    every: float = 0.0
    life: float = 0.0
    resets: bool = False
    ends: bool = False
    reads: bool = False
    again: float = 0.5


def hello(server_type: str, identity: bytes = b"") -> bytes:
    """Return a whole NULL handshake with a server of a type, as ZMTP 3.1 has it."""
    return GREETING + ready(_STRANGER_OF[server_type], identity)


def request(server_type: str, body: bytes) -> bytes:
    """Return a message that the server's type takes as it should be."""
    delimiter = v2_frame(b"", MORE) if server_type == "REP" else b""
    return delimiter + v2_frame(body)


def fill(unit: bytes, size: int = CHUNK_BYTES) -> bytes:
    """Return something so often that it makes about so many bytes."""
    return unit * max(1, size // len(unit))


# -- flooders ---------------------------------------------------------------------------------------------------------


def flood(unit: bytes, *, reads: bool = False) -> Callable[[str], Plan]:
    """Return a plan for each type: say this for ever."""
    return lambda server_type: Plan(hello(server_type), chunk=fill(unit), reads=reads)


_PING: Final = command(b"PING", b"\x00\x00context")

FLOODERS: Final[dict[str, Callable[[str], Plan]]] = {
    "commands": flood(b"\x04\x00"),
    "pings": flood(_PING),
    "pings-read": flood(_PING, reads=True),
    "subscriptions": flood(command(b"SUBSCRIBE", b"topic") + command(b"CANCEL", b"topic")),
    "groups": flood(command(b"JOIN", b"group") + command(b"LEAVE", b"group")),
    "parts": flood(v2_frame(bytes(1000), MORE)),
    "empty-parts": flood(v2_frame(b"", MORE)),
    "shapes": flood(v2_frame(b"a") + v2_frame(b"a") + v2_frame(b"bb")),
}
"""Each takes an equal share of the flooders."""


# -- the slow ones ----------------------------------------------------------------------------------------------------


def _silent(server_type: str) -> Plan:
    return Plan()


def _drip(server_type: str) -> Plan:
    return Plan(hello(server_type), piece=1, every=0.25)


def _garbage(server_type: str) -> Plan:
    return Plan(random.Random(7).randbytes(200))


def _half_greeting(server_type: str) -> Plan:
    return Plan(GREETING[:40], ends=True, again=1.0)


def _hoard(server_type: str) -> Plan:
    """Send all of a long READY but its last bytes."""
    body = b"\x05READY" + b"\x04Name" + struct.pack(">I", 60_000) + bytes(60_000)
    return Plan(GREETING + v2_frame(body, 4)[:-100])


def _idle(server_type: str) -> Plan:
    return Plan(hello(server_type))


def _giant(server_type: str) -> Plan:
    return Plan(hello(server_type) + b"\x02" + struct.pack(">Q", 2**63 - 1) + b"x")


def _squat(server_type: str) -> Plan:
    """Claim the routing id of another, send 300 kB, and go."""
    messages = fill(request(server_type, b"mine"), 300_000)
    return Plan(hello(server_type, b"alice") + messages, life=1.0, again=1.0)


def _churn(server_type: str) -> Plan:
    return Plan(hello(server_type) + request(server_type, b"hello"), life=0.05, resets=True)


def _fill_and_leave(server_type: str) -> Plan:
    return Plan(hello(server_type) + request(server_type, b"unread") * 2000, life=1.0, again=1.0)


def _ask(server_type: str) -> Plan:
    """Ask 1,500 times for a MiB, and read nothing."""
    if server_type == "XPUB":
        return Plan(hello(server_type) + command(b"SUBSCRIBE", ASK))
    return Plan(hello(server_type) + request(server_type, ASK) * 1500)


@cache
def _million_topics() -> bytes:
    return b"".join(command(b"SUBSCRIBE", b"%07d" % number) for number in range(1_000_000))


def _topics(server_type: str) -> Plan:
    return Plan(hello(server_type) + _million_topics(), life=5.0, again=1.0)


SLOW: Final[dict[str, tuple[Callable[[str], Plan], float]]] = {
    "silent": (_silent, 0.25),
    "drip": (_drip, 0.1),
    "garbage": (_garbage, 0.1),
    "half-greeting": (_half_greeting, 0.1),
    "hoard": (_hoard, 0.05),
    "idle": (_idle, 0.1),
    "giant": (_giant, 0.14),
    "squat": (_squat, 0.05),
    "churn": (_churn, 0.08),
    "fill": (_fill_and_leave, 0.025),
    "ask": (_ask, 0.002),
    "topics": (_topics, 0.003),
}
"""Each with its share of the slow ones."""

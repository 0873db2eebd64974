"""What the processes of an attack tell each other: their tasks as an argument, their reports as lines of JSON."""

from __future__ import annotations

import struct
from typing import Final

import msgspec

__all__ = [
    "ASK",
    "GOOD",
    "STEP_SECONDS",
    "AttackReport",
    "AttackSpec",
    "ClientReport",
    "ClientSpec",
    "KindReport",
    "ServerSpec",
    "ServerState",
    "good_body",
    "parse_good",
]

GOOD: Final = b"good"
"""How a message of the good client begins, and the topic that it subscribes to."""

ASK: Final = b"ask:"
"""How a request begins that is answered with a MiB."""

STEP_SECONDS: Final = 0.01
"""From one message of the good client to the next."""

_STAMP: Final = struct.Struct(">Qd")
RECORD_SIZE: Final = len(GOOD) + _STAMP.size


def good_body(number: int, due: float) -> bytes:
    """Return a message of the good client: its number, and when it was due to leave."""
    return GOOD + _STAMP.pack(number, due)


def parse_good(body: bytes) -> tuple[int, float] | None:
    """Return number and due time, or None for what is no message of the good client."""
    if len(body) != RECORD_SIZE or not body.startswith(GOOD):
        return None
    number, due = _STAMP.unpack_from(body, len(GOOD))
    return number, due


class ServerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A server to run.

    Attributes:
        type: PULL, ROUTER, XPUB or REP.
        loop: asyncio or uvloop.
        memory_mib: RLIMIT_DATA.
        beat: path of the file for the turns of its loop.
        ack: descriptor to answer on what a PULL receives; -1 for none.
        reads: whether its user reads at all.
        traced: whether to count the bytes that Python's allocators gave out.
        mechanism: NULL, PLAIN or CURVE.
        core: the core to run on; -1 for any.
    """

    type: str
    loop: str
    memory_mib: int
    beat: str
    ack: int = -1
    reads: bool = True
    traced: bool = False
    mechanism: str = "NULL"
    core: int = -1


class ServerState(msgspec.Struct, kw_only=True):
    """What a server knows of itself when it is asked.

    Attributes:
        endpoint: where it is bound.
        peers: of its socket.
        tasks: of its loop.
        received: messages its user got.
        traced: bytes that Python's allocators have given out.
        traced_peak: the most of them at a time, since it was asked before.
        complaints: what its user and its loop met with, each with how often.
    """

    endpoint: str = ""
    peers: int = 0
    tasks: int = 0
    received: int = 0
    traced: int = 0
    traced_peak: int = 0
    complaints: dict[str, int] = {}


class ClientSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A good client to run.

    Attributes:
        type: of the server.
        endpoint: of the server.
        ack: descriptor on which a PULL's server answers.
        core: the core to run on; -1 for any.
    """

    type: str
    endpoint: str
    ack: int
    core: int = -1


class ClientReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a good client was served.

    Attributes:
        latencies: of each message, in seconds, counted from when it was due; of one without an answer, to the end.
        unanswered: how many had no answer.
        newcomers: seconds from connecting to the first answer, or to the end.
        locked_out: newcomers without an answer at the end.
        longest: the longest stretch without a turn of the client's own loop, in seconds: what it cannot tell from the
            server's doing.
        complaints: what its sockets raised, each with how often.
    """

    latencies: list[float]
    unanswered: int
    newcomers: list[float]
    locked_out: int
    longest: float
    complaints: dict[str, int]


class AttackSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An attack to make.

    Attributes:
        type: of the server.
        port: of the server.
        connections: how many at a time.
        flooders: how many of them say as much as is taken from them.
        addresses: how many addresses they come from.
        kinds: names of the kinds; empty for all.
        core: the core to run on; -1 for any.
    """

    type: str
    port: int
    connections: int
    flooders: int
    addresses: int
    kinds: tuple[str, ...] = ()
    core: int = -1


class KindReport(msgspec.Struct):
    """What the strangers of one kind did.

    Attributes:
        strangers: how many at a time.
        connects: connections that were begun.
        cuts: connections that the server ended.
        sent: bytes that the system took.
    """

    strangers: int = 0
    connects: int = 0
    cuts: int = 0
    sent: int = 0


class AttackReport(msgspec.Struct):
    """What the strangers did, by kind."""

    kinds: dict[str, KindReport]

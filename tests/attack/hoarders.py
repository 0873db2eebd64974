"""Strangers that make a server hold as much as they can, each kind in one way: for `--held`.

Names that begin with "before" need no handshake. What the others do comes after one of the mechanism NULL.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from tests.attack.kinds import GREETING, MORE, Plan, fill, flood, hello, request
from tests.attack.specs import ASK
from tests.conformance.scripted_peer import command, v2_frame

__all__ = ["HOARDERS", "MIB"]

MIB: Final = 1 << 20
READY_BYTES: Final = 65_000
COMMAND: Final = 4


def _greeting(mechanism: bytes) -> bytes:
    return GREETING.replace(b"NULL" + bytes(16), mechanism.ljust(20, b"\0"), 1)


def _unfinished(name: bytes, mechanism: bytes) -> bytes:
    """Return a greeting, and a command of nearly 64 KiB that lacks its last bytes."""
    body = bytes((len(name),)) + name + b"\x04Name" + struct.pack(">I", READY_BYTES) + bytes(READY_BYTES)
    return _greeting(mechanism) + v2_frame(body, COMMAND)[:-100]


def _says(opening: bytes) -> Callable[[str], Plan]:
    return lambda server_type: Plan(opening, again=5.0)


def _after_hello(rest: Callable[[str], bytes]) -> Callable[[str], Plan]:
    return lambda server_type: Plan(hello(server_type) + rest(server_type), again=5.0)


_BEFORE: Final[dict[str, Callable[[str], Plan]]] = {
    "before-silence": _says(b""),
    "before-greeting": _says(GREETING),
    "before-half-greeting": _says(GREETING[:40]),
    "before-drip": lambda server_type: Plan(hello(server_type), piece=1, every=0.02),
    "before-claim": _says(GREETING + b"\x06" + struct.pack(">Q", 65_536) + b"\x05READY"),
    "before-READY": _says(_unfinished(b"READY", b"NULL")),
    "before-HELLO-PLAIN": _says(_unfinished(b"HELLO", b"PLAIN")),
    "before-HELLO-CURVE": _says(_unfinished(b"HELLO", b"CURVE")),
    "before-1.0": _says(b"\x05\x01" + b"abcd"),
}

_AFTER: Final[dict[str, Callable[[str], Plan]]] = {
    "idle-peer": _after_hello(lambda _: b""),
    "claim": _after_hello(lambda _: b"\x02" + struct.pack(">Q", 2**63 - 1) + b"x"),
    "half-frame": _after_hello(lambda _: b"\x02" + struct.pack(">Q", 8 * MIB) + bytes(4 * MIB)),
    "parts-1000": flood(v2_frame(bytes(1000), MORE)),
    "parts-0": flood(v2_frame(b"", MORE)),
    "PINGs": flood(command(b"PING", b"\x00\x00context")),
    "unread-small": lambda server_type: Plan(hello(server_type), chunk=fill(request(server_type, b"unread"))),
    "unread-MiB": lambda server_type: Plan(hello(server_type), chunk=request(server_type, bytes(MIB))),
    "ask": _after_hello(lambda server_type: request(server_type, ASK) * 1500),
    "topics": _after_hello(lambda _: b"".join(command(b"SUBSCRIBE", b"%07d" % n) for n in range(1_000_000))),
    "topics-250": _after_hello(lambda _: b"".join(command(b"SUBSCRIBE", b"%0243d" % n) for n in range(100_000))),
    "groups": _after_hello(lambda _: b"".join(command(b"JOIN", b"%0200d" % n) for n in range(100_000))),
}

HOARDERS: Final = _BEFORE | _AFTER
"""Each with what it does to a server of a type."""

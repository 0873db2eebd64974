"""What the scenarios have in common, whichever way a library is driven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from benchmarks.cases import Case, Scenario
from benchmarks.spec import Role

__all__ = [
    "BASELINE_PEERS",
    "CHAIN",
    "CURVE_CLIENT",
    "CURVE_SERVER",
    "ECHOES_PER_CHUNK",
    "FAN_CHUNK",
    "HANDSHAKES_PER_CHUNK",
    "MEASURING_ROLE",
    "STOP",
    "payload",
    "payloads",
    "topic_of",
    "topics_of",
]

MEASURING_ROLE: Final[dict[Scenario, Role]] = {
    "throughput": "bind",
    "multipart": "bind",
    "batch": "bind",
    "proxy": "bind",
    "memory": "bind",
    "connections": "bind",
    "latency": "connect",
    "fanout": "connect",
    "topics": "connect",
    "echo": "connect",
    "threads": "inproc",
    "threads-latency": "inproc",
    "matching": "inproc",
    "allocation": "inproc",
    "curve": "bind",
    "curve-mixed": "bind",
    "curve-handshakes": "connect",
}
"""Which of the processes holds the stop-watch; the others go on until they are ended. Over inproc there is only one."""

CHAIN: Final[dict[Scenario, tuple[Role, ...]]] = {"proxy": ("bind", "proxy", "connect")}
"""The processes in the order of starting, each told where the one before is bound, if not `bind`, `connect`."""

STOP: Final = b""
"""Ends the other thread or task over inproc. No measured message is empty."""

FAN_CHUNK: Final = 100
"""Messages that a publisher numbers alike, and that each subscriber takes before the next one's turn."""

ECHOES_PER_CHUNK: Final = 100
"""Round trips between two looks at the clock."""

HANDSHAKES_PER_CHUNK: Final = 50
"""The same for connections that are made and closed."""

CURVE_SERVER: Final = {
    "curve_secretkey": b"JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
    "curve_server": 1,
}
CURVE_CLIENT: Final = {
    "curve_serverkey": b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
    "curve_publickey": b"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
    "curve_secretkey": b"D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
}
"""The keys in libzmq's manual, by the attributes that all libraries have. Every client has the same pair."""

_MIX: Final = (*(16,) * 16, *(1024,) * 4, 65536)
"""The sizes of `curve-mixed`, in turn: most messages are small, most bytes are in large ones."""

BASELINE_PEERS: Final = 10
"""Peers that are connected before memory is looked at for the first time, so that one-time growth isn't counted."""


def payload(case: Case) -> Any:
    """Return the message to send: bytes, or a list of them if it has several frames."""
    frame = b"x" * case.size
    return frame if case.frames == 1 else [frame] * case.frames


def payloads(case: Case) -> Sequence[Any]:
    """Return the messages of one chunk: all alike, but for `curve-mixed`."""
    if case.scenario != "curve-mixed":
        return [payload(case)] * case.chunk
    mix = [b"x" * size for size in _MIX]
    return [mix[number % len(mix)] for number in range(case.chunk)]


def topic_of(case: Case, number: int) -> bytes:
    """Return the topic of the messages with this number: empty, but for `topics`, which takes them in turn."""
    return b"t%07d" % (number % case.fan) if case.scenario == "topics" else b""


def topics_of(case: Case) -> list[bytes]:
    """Return everything that a subscriber subscribes to."""
    return [topic_of(case, number) for number in range(case.fan if case.scenario == "topics" else 1)]

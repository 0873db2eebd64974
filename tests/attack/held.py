"""What strangers make a server hold, each kind by itself: one of them alone, and many.

One is measured by what Python's allocators gave out: exact to the byte, where resident memory comes by the page and by
the arena. Many are measured by resident memory. What the kernel holds for a connection is in neither, nor what a
process makes once, at its first connection, for all of them: somebody has been there before.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import time
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from tests.attack.gauge import holding
from tests.attack.kinds import hello
from tests.attack.specs import AttackSpec, ServerSpec, ServerState
from tests.attack.system import CLIENT_CORE, SERVER_CORE
from tests.attack.tables import table
from tests.attack.workers import NoAnswerError, Worker

__all__ = ["measure_held"]

START_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 20.0
ADDRESSES: Final = 16
MEMORY_MIB: Final = 2048
"""What the server may have: enough to see what they can make of it, and no danger to the machine."""

VISIT_SECONDS: Final = 0.3
"""In which the server has noticed that its first peer has gone."""

KIB: Final = 1024
ONE_BEFORE_KIB: Final = 64
MANY_BEFORE_KIB: Final = 64 * 1000


class Case(msgspec.Struct, frozen=True):
    """Strangers of a kind, and the server that they do it to: its type, whether its user reads, and its mechanism."""

    kind: str
    type: str = "PULL"
    reads: bool = True
    mechanism: str = "NULL"

    @property
    def is_before(self) -> bool:
        """Whether nobody has proved anything yet."""
        return self.kind.startswith("before-")

    def __str__(self) -> str:
        server = self.type if self.mechanism == "NULL" else f"{self.type} {self.mechanism}"
        return f"{server}{'' if self.reads else ', nobody reads'}"


CASES: Final = (
    *(Case(f"before-{how}") for how in ("silence", "half-greeting", "greeting", "drip", "claim", "READY", "1.0")),
    Case("before-silence", mechanism="CURVE"),
    Case("before-HELLO-PLAIN", mechanism="PLAIN"),
    Case("before-HELLO-CURVE", mechanism="CURVE"),
    Case("idle-peer"),
    Case("claim"),
    Case("half-frame"),
    Case("parts-1000"),
    Case("parts-1000", type="ROUTER"),
    Case("parts-1000", type="XPUB"),
    Case("parts-0"),
    Case("PINGs"),
    Case("unread-small", reads=False),
    Case("unread-MiB", reads=False),
    Case("ask", type="ROUTER"),
    Case("topics", type="XPUB"),
    Case("topics", type="XPUB", reads=False),
    Case("topics-250", type="XPUB"),
    Case("groups", type="RADIO", reads=False),
)


class Held(msgspec.Struct, frozen=True):
    """What a server held more than before: at the end, and at most, in KiB; None of what nobody could say."""

    end_kib: int | None
    peak_kib: int | None
    failure: str = ""


def measure_held(loop: str, many: int, seconds: float, names: str) -> int:
    """Measure, print a table, and return 1 if more than the limit was held before a handshake was over."""
    rows, missed = [], False
    for case in CASES:
        if names in case.kind:
            print(f"{case.kind} at {case} ...", file=sys.stderr)  # noqa: T201  # to whoever waits
            one, crowd = _held(case, loop, 1, seconds), _held(case, loop, many, seconds)
            verdict = _verdict(case, one, crowd)
            missed = missed or verdict == "missed"
            rows.append([case.kind, str(case), *_cells(one), *_cells(crowd), verdict])
    headings = ("strangers", "server", "1: KiB", "at most", f"{many}: MiB", "at most", "limit")
    print(table(headings, [_in_mib(row) for row in rows]))  # noqa: T201  # what it is for
    return int(missed)


def _cells(held: Held) -> list[str]:
    return [held.failure or str(held.end_kib), "-" if held.peak_kib is None else str(held.peak_kib)]


def _in_mib(row: list[str]) -> list[str]:
    """Return a row with its fifth and sixth number, of the many, in MiB."""
    return [*row[:4], *(f"{int(text) / KIB:.1f}" if text.lstrip("-").isdigit() else text for text in row[4:6]), row[6]]


def _verdict(case: Case, one: Held, many: Held) -> str:
    """Return whether the limits of before the handshake are kept; after it the documented budgets are what counts."""
    if not case.is_before:
        return "-"
    if one.peak_kib is None or many.peak_kib is None:
        return "missed"
    return "kept" if one.peak_kib <= ONE_BEFORE_KIB and many.peak_kib <= MANY_BEFORE_KIB else "missed"


def _held(case: Case, loop: str, strangers: int, seconds: float) -> Held:
    alone = strangers == 1
    try:
        with TemporaryDirectory(prefix="aiomq-held-") as directory, contextlib.ExitStack() as ends:
            server = _start(ends, "tests.attack.server", _server_spec(case, loop, directory, traced=alone))
            port = int(server.hear(ServerState, START_SECONDS).endpoint.rpartition(":")[2])
            _visit(port, case.type)
            crowd = _start(ends, "tests.attack.strangers", _attack_spec(case, port, strangers))
            crowd.hear(dict, START_SECONDS)
            return _traced(server, crowd, seconds) if alone else _resident(server, crowd, seconds)
    except NoAnswerError as error:
        return Held(None, None, str(error))


def _visit(port: int, server_type: str) -> None:
    """Be the first, as a peer without malice, and go."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as sock:
        sock.sendall(hello(server_type))
        sock.recv(1)
    time.sleep(VISIT_SECONDS)


def _start(ends: contextlib.ExitStack, module: str, spec: msgspec.Struct) -> Worker:
    worker = Worker(module, spec)
    ends.callback(worker.stop)
    return worker


def _server_spec(case: Case, loop: str, directory: str, *, traced: bool) -> ServerSpec:
    return ServerSpec(
        type=case.type,
        loop=loop,
        memory_mib=MEMORY_MIB,
        beat=f"{directory}/beat",
        reads=case.reads,
        traced=traced,
        mechanism=case.mechanism,
        core=SERVER_CORE,
    )


def _attack_spec(case: Case, port: int, strangers: int) -> AttackSpec:
    return AttackSpec(
        type=case.type,
        port=port,
        connections=strangers,
        flooders=0,
        addresses=ADDRESSES,
        kinds=(case.kind,),
        core=CLIENT_CORE,
    )


def _traced(server: Worker, crowd: Worker, seconds: float) -> Held:
    """Let the stranger come, and ask the server how much its allocators gave out."""
    server.tell("mark")
    server.hear(ServerState, ANSWER_SECONDS)
    server.tell("mark")
    before = server.hear(ServerState, ANSWER_SECONDS).traced
    crowd.tell("begin")
    time.sleep(seconds)
    server.tell("state")
    after = server.hear(ServerState, ANSWER_SECONDS)
    return Held((after.traced - before) // KIB, (after.traced_peak - before) // KIB)


def _resident(server: Worker, crowd: Worker, seconds: float) -> Held:
    """Let the strangers come, and look at what the server has."""
    before = holding(server.pid)
    crowd.tell("begin")
    time.sleep(seconds)
    after = holding(server.pid)
    if not after.descriptors:
        return Held(None, None, "the server has ended")
    return Held(after.rss_kib - before.rss_kib, after.peak_kib - before.rss_kib)

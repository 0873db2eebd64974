"""One attack on one server: its processes from start to end, and what was measured."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, TypeVar

import msgspec

from tests.attack.gauge import Beat, Holding, Turns, holding
from tests.attack.specs import AttackReport, AttackSpec, ClientReport, ClientSpec, ServerSpec, ServerState
from tests.attack.system import CLIENT_CORE, SERVER_CORE
from tests.attack.workers import NoAnswerError, Worker

__all__ = ["Cell", "Measured", "Settings", "Snapshot", "attack", "stays"]

T = TypeVar("T")

START_SECONDS: Final = 20.0
ANSWER_SECONDS: Final = 10.0
"""How long a server that was attacked may take to say how it is."""

FAREWELL_SECONDS: Final = 1.0
"""How long the good client is measured after the strangers have gone: their going is work, too."""

POLL_SECONDS: Final = 0.25


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What all attacks of a run have in common.

    Attributes:
        connections: hostile ones at a time.
        flooders: how many of them say as much as is taken from them.
        addresses: how many addresses they come from; 0 for the good client's own.
        kinds: names of the kinds; empty for all.
        seconds: how long an attack goes on.
        settle_seconds: how long after the strangers have gone all must be back as it was.
        patience_seconds: how much longer to wait until it is.
        memory_mib: what the server may have.
        pins: whether the server has a core of its own.
    """

    connections: int = 2000
    flooders: int = 100
    addresses: int = 16
    kinds: tuple[str, ...] = ()
    seconds: float = 10.0
    settle_seconds: float = 5.0
    patience_seconds: float = 0.0
    memory_mib: int = 512
    pins: bool = True


class Cell(msgspec.Struct, frozen=True):
    """A server to attack: its type and its loop."""

    type: str
    loop: str


class Snapshot(msgspec.Struct, frozen=True):
    """What a server held at a moment: as the system says, and as it says itself, None if it did not answer."""

    system: Holding
    state: ServerState | None


def stays(before: Snapshot, after: Snapshot) -> list[str]:
    """Return what is not back where it was."""
    found = []
    if after.system.descriptors > before.system.descriptors:
        found.append("descriptors stay")
    if before.state is None or after.state is None:
        return [*found, "server does not answer"]
    if after.state.peers > before.state.peers:
        found.append("peers stay")
    if after.state.tasks > before.state.tasks:
        found.append("tasks stay")
    return found


class Measured(msgspec.Struct, kw_only=True):
    """What came out of an attack.

    Attributes:
        cell: which server.
        before: what it held before the strangers came, the good client connected.
        after: the same, some seconds after they had gone.
        turns: of the server's loop, from the first stranger to the end.
        standing: the longest stretch without a turn, in seconds, the one included that may have gone on at the end.
        client: how the good client was served; None if it could not say.
        strangers: what the strangers did.
        failures: what of the measuring itself failed.
        log: the last lines that the server wrote to its standard error, and how many there were.
    """

    cell: Cell
    before: Snapshot
    after: Snapshot
    turns: Turns
    standing: float
    client: ClientReport | None
    strangers: AttackReport
    failures: list[str]
    log: tuple[int, list[str]]


class _Stage:
    """The processes of an attack."""

    def __init__(self, cell: Cell, settings: Settings, directory: Path, ends: contextlib.ExitStack) -> None:
        self._settings = settings
        self._ends = ends
        self._failures: list[str] = []
        self.beat = ends.enter_context(contextlib.closing(Beat(directory / "beat")))
        self.server, self.client, self.endpoint = self._serve(cell, directory / "beat")
        spec = AttackSpec(
            type=cell.type,
            port=int(self.endpoint.rpartition(":")[2]),
            connections=settings.connections,
            flooders=settings.flooders,
            addresses=settings.addresses,
            kinds=settings.kinds,
            core=CLIENT_CORE if settings.pins else -1,
        )
        self.strangers = self._start("tests.attack.strangers", spec)
        self.strangers.hear(dict, START_SECONDS)

    def _start(self, module: str, spec: msgspec.Struct, *fds: int) -> Worker:
        worker = Worker(module, spec, fds)
        self._ends.callback(worker.stop)
        return worker

    def _serve(self, cell: Cell, beat: Path) -> tuple[Worker, Worker, str]:
        here, there = socket.socketpair()
        with here, there:
            spec = ServerSpec(
                type=cell.type,
                loop=cell.loop,
                memory_mib=self._settings.memory_mib,
                beat=str(beat),
                ack=here.fileno(),
                core=SERVER_CORE if self._settings.pins else -1,
            )
            server = self._start("tests.attack.server", spec, here.fileno())
            endpoint = server.hear(ServerState, START_SECONDS).endpoint
            good = ClientSpec(
                type=cell.type,
                endpoint=endpoint,
                ack=there.fileno(),
                core=CLIENT_CORE if self._settings.pins else -1,
            )
            client = self._start("tests.attack.client", good, there.fileno())
            client.hear(dict, START_SECONDS)
        return server, client, endpoint

    def _settled(self, before: Snapshot) -> Snapshot:
        """Return what the server holds in the end."""
        deadline = time.monotonic() + self._settings.patience_seconds
        after = self.snapshot("state")
        while stays(before, after) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            after = self.snapshot("state")
        return after

    def snapshot(self, word: str) -> Snapshot:
        """Return what the server holds now."""
        self.server.tell(word)
        state = self._hear(self.server, ServerState)
        return Snapshot(holding(self.server.pid), state)

    def _hear(self, worker: Worker, kind: type[T]) -> T | None:
        try:
            return worker.hear(kind, ANSWER_SECONDS)
        except NoAnswerError as error:
            self._failures.append(str(error))
            return None

    def play(self, cell: Cell) -> Measured:
        """Attack, and measure."""
        before = self.snapshot("mark")
        self.client.tell("begin")
        self.strangers.tell("begin")
        time.sleep(self._settings.seconds)
        self.strangers.say_no_more()
        did = self._hear(self.strangers, AttackReport)
        self.strangers.wait(ANSWER_SECONDS)
        gone = time.monotonic()
        time.sleep(FAREWELL_SECONDS)
        self.client.tell("end")
        client = self._hear(self.client, ClientReport)
        time.sleep(max(0.0, gone + self._settings.settle_seconds - time.monotonic()))
        turns, now = self.beat.read(), time.monotonic()
        after = self._settled(before)
        log = self.server.errors()
        return Measured(
            cell=cell,
            before=before,
            after=after,
            turns=turns,
            standing=turns.until(now),
            client=client,
            strangers=did or AttackReport({}),
            failures=self._failures,
            log=(len(log), log[-3:]),
        )


def attack(cell: Cell, settings: Settings) -> Measured:
    """Attack one server and return what was measured.

    Raises:
        NoAnswerError: it could not be begun.
    """
    with TemporaryDirectory(prefix="aiomq-attack-") as directory, contextlib.ExitStack() as ends:
        return _Stage(cell, settings, Path(directory), ends).play(cell)

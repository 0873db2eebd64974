"""The benchmarks: that a tiny run of every scenario works, and what happens to workers that do not."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("rich", reason="the benchmarks print with rich")

from benchmarks import rounds, worker
from benchmarks.cases import FULL, Case, Scenario
from benchmarks.cli import main
from benchmarks.machine import raise_file_limit
from benchmarks.metrics import METRICS
from benchmarks.peers import PEERS, Peer
from benchmarks.peers.base import MESSAGING, PythonPeer, Reporter
from benchmarks.processes import MeasurementError, measure
from benchmarks.report import notes_on_run
from benchmarks.results import Settings, load_results
from benchmarks.spec import HWM, Report, Spec
from benchmarks.stats import FRACTIONS, summarize

TINY = Settings(
    rounds=1,
    duration_seconds=0.02,
    warmup_seconds=0.01,
    min_round_trips=10,
    max_round_trips=100,
    timeout_seconds=12.0,
    hwm=HWM,
)
RATE, TIME = "messages_per_second", "p50_us"


class ScriptPeer(Peer):
    """A library whose workers run a line of Python."""

    def __init__(self, script: str, scenarios: frozenset[Scenario] = MESSAGING) -> None:
        super().__init__("script", "a test", scenarios=scenarios)
        self._script = script

    def prepare(self, directory: Path) -> str | None:
        return None

    def command(self, spec: Spec) -> list[str]:
        return [sys.executable, "-S", "-c", self._script]


def test_absent_library_is_noted_and_left_out(tmp_path: Path) -> None:
    class Absent(ScriptPeer):
        def prepare(self, directory: Path) -> str | None:
            raise ImportError("no such library")

    present = ScriptPeer("pass")
    available, notes = rounds.probe_peers([Absent("pass"), present], tmp_path)
    assert available == [present]
    assert [note.unavailable for note in notes] == ["ImportError: no such library", None]


def test_rounds_interleave_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    values: Iterator[float] = iter(range(1, 100))

    def fake_measure(peer: Peer, case: Case, settings: Settings) -> Report:
        seen.append((case.id, peer.name))
        if len(seen) == 2:
            raise MeasurementError("bad luck")
        return Report(metrics={RATE: next(values)})

    monkeypatch.setattr(rounds, "measure", fake_measure)
    peers, cases = [PEERS["pyzmq"], PEERS["pyomq"]], (Case("throughput", "tcp"), Case("latency", "tcp"))
    plan, settings = dict.fromkeys(cases, peers), msgspec.structs.replace(TINY, rounds=2)
    results = rounds.run_rounds(plan, [], settings)
    first, second = (case.id for case in cases)
    assert seen == [
        *((first, "pyzmq"), (first, "pyomq"), (second, "pyzmq"), (second, "pyomq")),
        *((first, "pyomq"), (first, "pyzmq"), (second, "pyomq"), (second, "pyzmq")),
    ]
    assert results.failures == [f"{first} pyomq: bad luck"]
    cell = results.cell(first, RATE, "pyzmq")
    assert cell is not None
    assert cell.samples == [1.0, 5.0]
    other = results.cell(first, RATE, "pyomq")
    assert other is not None
    assert other.by_round() == {1: 4.0}
    assert rounds.count_steps(plan, 2) == len(seen)


def test_worker_that_fails_is_quoted() -> None:
    with pytest.raises(MeasurementError, match=r"bind worker ended with 3: .*no luck"):
        measure(ScriptPeer("import sys; print('no luck', file=sys.stderr); sys.exit(3)"), Case("latency", "tcp"), TINY)


LOOP_LOGGER = "tests.loop"
"""Where a worker of a test listens: what event loops log would fail the test."""


class ComplainingPeer(PythonPeer):
    """A library whose event loop reports that a callback failed."""

    def prepare(self, directory: Path) -> str | None:
        return None

    def run(self, spec: Spec, report: Reporter) -> None:
        logging.getLogger(LOOP_LOGGER).error("Exception in callback")
        report(Report(endpoint="tcp://127.0.0.1:1"))


def test_worker_whose_loop_reports_an_exception_yields_no_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("faulthandler.dump_traceback_later", lambda *_, **__: None)  # it ends the process: this one
    monkeypatch.setattr(worker, "LOOP_LOGGER", LOOP_LOGGER)
    monkeypatch.setattr(worker, "_complaints", worker._Complaints())
    monkeypatch.setitem(PEERS, "complaining", ComplainingPeer("complaining", "a test"))
    spec = Spec(Case("latency", "tcp"), "complaining", "bind", "tcp://127.0.0.1:*", 0.0, 0.0, 1, 1, 10.0)

    with pytest.raises(SystemExit, match="called its exception handler: Exception in callback"):
        worker.main([msgspec.json.encode(spec).decode()])

    assert capsys.readouterr().out == ""


def test_worker_that_hangs_is_ended_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.processes._GRACE_SECONDS", 0.0)
    settings = msgspec.structs.replace(TINY, timeout_seconds=0.2)
    with pytest.raises(MeasurementError, match=r"no result within 0\.2 s"):
        measure(ScriptPeer("import threading; threading.Event().wait()"), Case("latency", "tcp"), settings)


@pytest.mark.parametrize("line", ["nonsense", '{"metrics": {"furlongs": 1}}', '{"metrics": []}'])
def test_worker_that_talks_nonsense_is_refused(line: str) -> None:
    with pytest.raises(MeasurementError, match=r"nonsense|furlongs|no report"):
        measure(ScriptPeer(f"print({line!r}, flush=True)"), Case("latency", "inproc"), TINY)


def test_other_end_that_dies_ends_the_measurement() -> None:
    class OneSided(ScriptPeer):
        def command(self, spec: Spec) -> list[str]:
            says = msgspec.json.encode(Report(endpoint="tcp://127.0.0.1:1")).decode()
            wait = f"import threading; print({says!r}, flush=True); threading.Event().wait()"
            return [sys.executable, "-S", "-c", wait if spec.role == "bind" else "raise SystemExit(7)"]

    with pytest.raises(MeasurementError, match="connect worker ended with 7"):
        measure(OneSided(""), Case("throughput", "tcp"), TINY)


@pytest.mark.parametrize("name", ["aiomq", "aiomq+asyncio", "pyzmq", "zmq.asyncio", "pyomq", "libzmq", "raw-uvloop"])
def test_peer_measures_round_trips(name: str, tmp_path: Path) -> None:
    peer, (available, notes) = PEERS[name], rounds.probe_peers([PEERS[name]], tmp_path)
    if not available:
        pytest.skip(str(notes[0].unavailable))
    report = measure(peer, Case("latency", "tcp"), TINY)
    assert report.metrics is not None
    assert 0 < report.metrics["p50_us"] <= report.metrics["p99_us"]
    assert report.percentiles is not None
    assert len(report.percentiles) == len(FRACTIONS)
    assert report.percentiles == sorted(report.percentiles)
    assert report.percentiles[FRACTIONS.index(0.5)] == pytest.approx(report.metrics["p50_us"], abs=0.01)


SCENARIOS = [
    Case("multipart", "tcp", size=64, frames=3),
    Case("throughput", "inproc", size=1024),
    Case("threads", "inproc"),
    Case("threads-latency", "inproc"),
    Case("fanout", "tcp", size=64, fan=2),
    Case("topics", "tcp", size=64, fan=20),
    Case("echo", "tcp", fan=3),
    Case("memory", "tcp", fan=5),
    Case("connections", "tcp", fan=20),
    Case("curve", "tcp", size=1024),
    Case("curve-mixed", "tcp"),
    Case("curve-handshakes", "tcp", fan=3),
]
METRIC = {
    "threads-latency": TIME,
    "fanout": "delivered_per_second",
    "topics": "delivered_per_second",
    "echo": "echoes_per_second",
    "memory": "bytes_per_peer",
    "curve-handshakes": "handshakes_per_second",
    "connections": "broadcast_ms",
    "matching": "nanoseconds_per_match",
    "allocation": "queued_bytes",
}


@pytest.mark.parametrize("name", ["aiomq", "pyzmq"])
@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.id)
def test_scenario_yields_its_metric(case: Case, name: str) -> None:
    pytest.importorskip("zmq")
    measured = measure(PEERS[name], case, TINY).metrics
    assert measured is not None
    assert measured.keys() <= METRICS.keys()
    assert measured[METRIC.get(case.scenario, RATE)] >= 0


@pytest.mark.parametrize("name", ["aiomq-pyzmq", "pyzmq-aiomq"])
def test_handshakes_are_measured_between_two_libraries(name: str) -> None:
    pytest.importorskip("zmq")
    case = Case("curve-handshakes", "tcp", fan=3)
    assert not PEERS[name].supports(Case("throughput", "tcp"))
    measured = measure(PEERS[name], case, TINY).metrics
    assert measured is not None
    assert measured["handshakes_per_second"] > 0


def test_library_without_cryptography_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    zmq = pytest.importorskip("zmq")

    def refuse() -> None:
        raise zmq.ZMQError(95)

    monkeypatch.setattr(zmq, "curve_keypair", refuse)
    for name in ("pyzmq", "zmq.asyncio", "aiomq-pyzmq"):
        assert "no CURVE" in str(PEERS[name].lacks(Case("curve-handshakes", "tcp")))
        assert PEERS[name].lacks(Case("echo", "tcp")) is None


def test_library_with_coroutines_of_its_own_runs_a_loop_in_each_thread() -> None:
    pytest.importorskip("zmq")
    measured = measure(PEERS["zmq.asyncio"], Case("threads", "inproc"), TINY).metrics
    assert measured is not None
    assert measured[RATE] > 0


@pytest.mark.parametrize("case", [Case("proxy", "tcp"), Case("proxy", "ipc")], ids=lambda case: case.id)
def test_proxy_of_a_third_process_passes_messages_on(case: Case) -> None:
    pytest.importorskip("zmq")
    measured = measure(PEERS["pyzmq"], case, TINY).metrics
    assert measured is not None
    assert measured[RATE] > 0


@pytest.mark.parametrize(
    "case",
    [Case("batch", "tcp", batch=10), Case("matching", "inproc", fan=100), Case("allocation", "inproc")],
    ids=lambda case: case.id,
)
def test_scenario_of_aiomq_alone_yields_its_metric(case: Case) -> None:
    assert [peer.name for peer in PEERS.values() if peer.supports(case)] == ["aiomq", "aiomq+asyncio"]
    measured = measure(PEERS["aiomq"], case, TINY).metrics
    assert measured is not None
    assert measured[METRIC.get(case.scenario, RATE)] >= 0


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system pins no processes")
def test_pinned_workers_have_a_core_each(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[set[int]] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {2, 5, 7})
    monkeypatch.setattr(os, "sched_setaffinity", lambda pid, cores: pinned.append(set(cores)))
    settings = msgspec.structs.replace(TINY, pins=True)
    assert measure(PEERS["raw-socket"], Case("latency", "tcp"), settings).metrics is not None
    assert pinned == [{2}, {5}]
    assert measure(PEERS["raw-socket"], Case("throughput", "tcp"), settings).metrics is not None
    assert pinned == [{2}, {5}]


@pytest.mark.parametrize("name", ["aiomq", "aiomq+asyncio", "pyzmq"])
def test_crowd_gets_every_broadcast(name: str) -> None:
    pytest.importorskip("zmq")
    measured = measure(PEERS[name], Case("connections", "tcp", fan=60), TINY).metrics
    assert measured is not None
    assert measured["delivered_percent"] == 100.0
    assert measured["broadcast_ms"] > 0
    assert ("blocked_ms" in measured) == (name != "pyzmq")


CLOSING_PUBLISHER = """
import json, socket, threading
listener = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"endpoint": "tcp://127.0.0.1:%d" % listener.getsockname()[1]}), flush=True)
stream = listener.accept()[0]
stream.sendall(ANSWER)
stream.shutdown(socket.SHUT_WR)
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("b''", "the publisher closed a connection"),
        ("bytes(64) + b'x' * 200", "the publisher should send READY after its greeting"),
        ("bytes(64) + bytes((4, 1)) + b'R' + b'x' * 200", "messages of one short frame"),
    ],
)
def test_crowd_says_what_is_wrong_with_a_publisher(answer: str, complaint: str) -> None:
    peer = ScriptPeer(CLOSING_PUBLISHER.replace("ANSWER", answer))
    with pytest.raises(MeasurementError, match=complaint):
        measure(peer, Case("connections", "tcp", fan=5), TINY)


def test_measurement_that_a_library_has_nothing_for_is_told() -> None:
    pytest.importorskip("zmq")
    peer, case = PEERS["zmq.asyncio"], Case("proxy", "tcp")
    assert not peer.supports(case)
    results = rounds.run_rounds({case: [peer]}, [], TINY)
    assert results.lacking == ["proxy/tcp/16B zmq.asyncio: zmq.asyncio has no proxy"]
    assert any("zmq.asyncio has no proxy" in note for note in notes_on_run(results))


def test_measurement_that_fails_twice_is_left_out_of_the_rest() -> None:
    peer, case = ScriptPeer("raise SystemExit(3)"), Case("latency", "tcp")
    results = rounds.run_rounds({case: [peer]}, [], msgspec.structs.replace(TINY, rounds=4))
    assert len(results.failures) == 2
    assert results.cells == []


def test_heavy_case_is_measured_in_its_first_rounds_only() -> None:
    peer = ScriptPeer("", scenarios=frozenset({"connections", "latency"}))
    plan = {Case("connections", "tcp", fan=10): [peer], Case("latency", "tcp"): [peer]}
    assert rounds.count_steps(plan, 5) == 1 + 5


def test_file_limit_that_the_system_does_not_allow_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")

    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (100, 200))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    with pytest.raises(RuntimeError, match=r"1000 connections need 1064 open files, the system allows 200"):
        raise_file_limit(1000)


def test_quick_run_writes_json_and_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("zmq")
    out = tmp_path / "run.json"
    tiny = ["--quick", "--duration", "0.02", "--rounds", "2", "--out", str(out)]
    assert main([*tiny, "--peers", "pyzmq", "zmq.asyncio", "--only", "throughput/ipc/16B"]) == 0
    results = load_results(out)
    assert results.failures == []
    assert results.measured_peers() == ["pyzmq", "zmq.asyncio"]
    cell = results.cell("throughput/ipc/16B", RATE, "zmq.asyncio")
    assert cell is not None
    assert len(cell.samples) == 2
    assert cell.summary == summarize(cell.samples)
    page = out.with_suffix(".md").read_text(encoding="utf-8")
    assert "How many times better pyzmq is" in page
    assert "vs zmq.asyncio" in capsys.readouterr().out
    assert main(["--report", str(out)]) == 0


@pytest.mark.parametrize(
    "arguments",
    [["--peers", "nanomsg"], ["--only", "nothing"], ["--baseline", "pyomq", "--peers", "pyzmq", "--only", "memory"]],
)
def test_wrong_arguments_are_refused_before_measuring(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "python -m benchmarks:" in capsys.readouterr().err


def test_list_prints_every_case(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.split() == [case.id for case in FULL]

"""The benchmarks: their arithmetic, their files, and that a tiny run of them works."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("rich", reason="the benchmarks print with rich")

from benchmarks import meters, rounds
from benchmarks.cases import FULL, QUICK, Case, select_cases, size_text
from benchmarks.cli import main
from benchmarks.compare import compare_results, differences_of_setup
from benchmarks.machine import Machine
from benchmarks.metrics import METRICS, value_text
from benchmarks.peers import PEERS, Peer, asynchronous, blocking, select_peers
from benchmarks.peers.scenarios import MEASURING_ROLE
from benchmarks.peers.stamps import LossCounter, stamped
from benchmarks.processes import MeasurementError, measure
from benchmarks.ratios import Table, pick_baseline, ratio_table, value_table
from benchmarks.report import markdown_report, markdown_table
from benchmarks.results import FORMAT, Cell, PeerNote, Results, Settings, load_results, save_results
from benchmarks.spec import HWM, Report, Spec
from benchmarks.stats import advantage, quantile, summarize

TINY = Settings(
    rounds=1,
    duration_seconds=0.02,
    warmup_seconds=0.01,
    min_round_trips=10,
    max_round_trips=100,
    timeout_seconds=8.0,
    hwm=HWM,
)
MACHINE = Machine(
    started="2025-01-01T00:00:00+00:00",
    cpu="a processor",
    cores=2,
    is_virtual=False,
    kernel="Linux 6.1",
    python="CPython 3.11.7",
    versions={"pyzmq": "27.0"},
    commit="abc1234",
    load_before=0.1,
)
RATE, TIME = "messages_per_second", "p50_us"


def results_of(*cells: Cell, machine: Machine = MACHINE) -> Results:
    names = dict.fromkeys(cell.peer for cell in cells)
    notes = [PeerNote(name, "blocking", "1.0") for name in names]
    return Results(FORMAT, machine, 0.2, TINY, notes, list(cells), [])


def spec_of(case: Case) -> Spec:
    return Spec(case, "pyzmq", "bind", "tcp://127.0.0.1:*", 1.0, 2.0, 3, 5, 10.0)


class ScriptPeer(Peer):
    """A library whose workers run a line of Python."""

    def __init__(self, script: str) -> None:
        super().__init__("script", "a test")
        self._script = script

    def prepare(self, directory: Path) -> str | None:
        return None

    def command(self, spec: Spec) -> list[str]:
        return [sys.executable, "-S", "-c", self._script]


# -- arithmetic -------------------------------------------------------------------------------------------------------


def test_quantile_between_samples_is_linear() -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile(range(101), 0.99) == 99
    assert quantile([7.0], 0.99) == 7.0


@pytest.mark.parametrize(("samples", "fraction"), [([], 0.5), ([1.0], 1.5), ([1.0], -0.1)])
def test_quantile_of_nonsense_raises(samples: list[float], fraction: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(samples, fraction)


def test_summary_has_median_and_extremes() -> None:
    summary = summarize([80.0, 120.0, 100.0])
    assert (summary.median, summary.low, summary.high, summary.spread_percent) == (100.0, 80.0, 120.0, 40.0)


def test_advantage_above_one_always_wins() -> None:
    assert advantage(200.0, 100.0, higher_is_better=True) == 2.0
    assert advantage(50.0, 100.0, higher_is_better=False) == 2.0
    assert advantage(0.0, 100.0, higher_is_better=False) is None


@pytest.mark.parametrize(
    ("value", "text"), [(1_234_567.0, "1.23M"), (51_234.0, "51.2k"), (5123.4, "5123"), (99.95, "100.0"), (0.5, "0.50")]
)
def test_value_text_keeps_the_digits_that_count(value: float, text: str) -> None:
    assert value_text(value) == text


def test_loss_counter_compares_received_with_published() -> None:
    losses = LossCounter(messages_per_stamp=100)
    losses.add(stamped(10, 16), 100)
    losses.add(stamped(12, 16), 100)
    assert losses.lost_percent == 50.0
    with pytest.raises(ValueError, match="at least 8 bytes"):
        stamped(1, 4)


class FakeTime:
    """A clock that moves on by a second whenever it is looked at."""

    def __init__(self) -> None:
        self._now = 0.0

    def perf_counter(self) -> float:
        self._now += 1.0
        return self._now

    def process_time(self) -> float:
        return self._now / 2


def test_flow_meter_leaves_warm_up_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "time", FakeTime())
    meter = meters.FlowMeter(spec_of(Case("throughput", "tcp")))
    taken = sum(1 for _ in meter.chunks())
    assert taken > meter.chunk_count == 2
    assert meter.metrics(RATE, 10) == {RATE: 10.0, "cpu_percent": 75.0}


def test_round_trip_meter_keeps_between_least_and_most() -> None:
    meter = meters.RoundTripMeter(spec_of(Case("latency", "tcp")))
    for number, _ in enumerate(meter.rounds(), start=1):
        meter.nanoseconds.append(number * 1000)
    assert len(meter.nanoseconds) == 5
    assert meter.metrics()["p50_us"] == 3.0


# -- tables -----------------------------------------------------------------------------------------------------------


def two_libraries() -> Results:
    return results_of(
        Cell.of("throughput/tcp/16B", "aiomq", RATE, [190.0, 200.0, 210.0]),
        Cell.of("throughput/tcp/16B", "pyzmq", RATE, [100.0]),
        Cell.of("throughput/tcp/16B", "aiomq", "cpu_percent", [99.0]),
        Cell.of("latency/tcp/16B", "aiomq", TIME, [50.0]),
        Cell.of("latency/tcp/16B", "pyzmq", TIME, [100.0]),
        Cell.of("memory/tcp/200", "aiomq", "bytes_per_peer", [4096.0]),
    )


def test_ratio_table_above_one_means_baseline_wins() -> None:
    table = ratio_table(two_libraries(), "aiomq")
    assert table.columns == ["case", "unit", "vs pyzmq"]
    assert table.rows == [
        ["throughput/tcp/16B", "msg/s", "2.00"],
        ["latency/tcp/16B", "us p50", "2.00"],
        ["memory/tcp/200", "B/peer", "-"],
    ]


def test_value_table_shows_medians_with_half_the_spread() -> None:
    assert value_table(two_libraries()).rows[0] == ["throughput/tcp/16B", "msg/s", "200 ±5%", "100"]


def test_baseline_is_the_first_measured_unless_told() -> None:
    results = two_libraries()
    assert pick_baseline(results) == "aiomq"
    assert pick_baseline(results, "pyzmq") == "pyzmq"
    with pytest.raises(ValueError, match="pyomq was not measured"):
        pick_baseline(results, "pyomq")


def test_markdown_table_escapes_bars_and_aligns_numbers() -> None:
    text = markdown_table(Table("t", ["case", "vs a|b"], [["x", "1.00"]]))
    assert text.splitlines() == ["| case | vs a\\|b |", "| --- | ---: |", "| x | 1.00 |"]


def test_markdown_report_tells_machine_and_absent_peers() -> None:
    results = msgspec.structs.replace(
        two_libraries(),
        peers=[*two_libraries().peers, PeerNote("pyomq", "blocking", unavailable="ImportError: none")],
        machine=msgspec.structs.replace(MACHINE, load_before=3.0),
    )
    page = markdown_report(results)
    assert "a processor, 2 cores, Linux 6.1" in page
    assert "pyomq: not available (ImportError: none)" in page
    assert "trying out only" in page
    assert "| latency/tcp/16B | us p50 | 2.00 |" in page


# -- files and comparing ----------------------------------------------------------------------------------------------


def test_results_survive_their_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run.json"
    save_results(two_libraries(), path)
    assert load_results(path) == two_libraries()
    assert set(json.loads(path.read_text())) == set(Results.__struct_fields__)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 1}', "nonsense"])
def test_results_from_another_file_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="holds no benchmark results"):
        load_results(path)


def test_results_of_another_format_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    save_results(msgspec.structs.replace(two_libraries(), format=FORMAT + 1), path)
    with pytest.raises(ValueError, match=f"reads format {FORMAT}"):
        load_results(path)


@pytest.mark.parametrize(
    ("metric", "before", "after", "verdict"),
    [
        (RATE, [100.0, 101.0], [70.0, 71.0], "slower"),
        (RATE, [100.0, 101.0], [140.0, 141.0], "faster"),
        (RATE, [100.0, 101.0], [95.0, 96.0], "same"),
        (RATE, [60.0, 100.0, 101.0], [65.0, 70.0, 99.0], "unclear"),
        (TIME, [100.0, 101.0], [140.0, 141.0], "slower"),
        (TIME, [100.0, 101.0], [70.0, 71.0], "faster"),
    ],
)
def test_compare_judges_by_median_and_overlap(
    metric: str, before: list[float], after: list[float], verdict: str
) -> None:
    old, new = (results_of(Cell.of("a/case", "aiomq", metric, samples)) for samples in (before, after))
    (change,) = compare_results(old, new)
    assert change.verdict == verdict


def test_compare_ignores_context_and_what_only_one_run_has() -> None:
    old = results_of(Cell.of("a", "aiomq", RATE, [1.0]), Cell.of("a", "aiomq", "cpu_percent", [10.0]))
    new = results_of(Cell.of("b", "aiomq", RATE, [1.0]), Cell.of("a", "aiomq", "cpu_percent", [90.0]))
    assert compare_results(old, new) == []


def test_compare_names_differences_of_setup() -> None:
    other = msgspec.structs.replace(MACHINE, cpu="another", versions={}, load_before=9.0)
    notes = differences_of_setup(results_of(), results_of(machine=other))
    assert notes == [
        "cpu: a processor before, another after",
        "pyzmq: 27.0 before, absent after",
        "the machine was busy after (load 9.0)",
    ]


def test_compare_command_fails_on_a_slowdown_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, rate in zip(paths, (100.0, 50.0), strict=True):
        save_results(results_of(Cell.of("throughput/tcp/16B", "aiomq", RATE, [rate])), path)
    old, new = map(str, paths)
    assert main(["--compare", old, new]) == 1
    assert "slower" in capsys.readouterr().out
    assert main(["--compare", new, old]) == 0
    assert main(["--compare", old, old]) == 0
    assert main(["--compare", old, str(tmp_path / "absent.json")]) == 2


# -- cases and peers --------------------------------------------------------------------------------------------------


def test_cases_have_unique_ids_and_a_chunk() -> None:
    for suite in (FULL, QUICK):
        assert len({case.id for case in suite}) == len(suite)
        assert all(case.chunk >= 1 for case in suite)
    assert set(QUICK) <= set(FULL)


def test_size_text_uses_the_largest_unit_that_divides() -> None:
    assert [size_text(size) for size in (16, 1024, 1500, 65536, 1 << 20)] == ["16B", "1KiB", "1500B", "64KiB", "1MiB"]


def test_select_cases_takes_parts_and_globs() -> None:
    assert [case.id for case in select_cases(FULL, ["latency/tcp"])] == ["latency/tcp/16B"]
    assert {case.transport for case in select_cases(FULL, ["throughput/*/1MiB"])} == {"tcp", "ipc", "inproc"}
    with pytest.raises(ValueError, match="--only nothing selects nothing"):
        select_cases(FULL, ["nothing"])


def test_select_peers_refuses_unknown_names() -> None:
    assert [peer.name for peer in select_peers(["pyzmq", "aiomq"])] == ["aiomq", "pyzmq"]
    assert select_peers(["all"]) == list(PEERS.values())
    with pytest.raises(ValueError, match="no peer is called nanomsg"):
        select_peers(["nanomsg"])


@pytest.mark.parametrize("driver", [blocking, asynchronous])
def test_drivers_play_both_roles_of_every_case_they_know(driver: object) -> None:
    roles: dict[tuple[str, str], object] = vars(driver)["_ROLES"]
    wanted = {(case.scenario, "inproc") for case in FULL if case.transport == "inproc"}
    wanted |= {(case.scenario, role) for case in FULL if case.transport != "inproc" for role in ("bind", "connect")}
    if driver is blocking:
        wanted -= {("batch", "bind"), ("batch", "connect")}
    assert roles.keys() == wanted
    assert MEASURING_ROLE.keys() == {case.scenario for case in FULL}


# -- running ----------------------------------------------------------------------------------------------------------


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

    def fake_measure(peer: Peer, case: Case, settings: Settings) -> dict[str, float]:
        seen.append((case.id, peer.name))
        if len(seen) == 2:
            raise MeasurementError("bad luck")
        return {RATE: next(values)}

    monkeypatch.setattr(rounds, "measure", fake_measure)
    peers, cases = [PEERS["pyzmq"], PEERS["pyomq"]], (Case("throughput", "tcp"), Case("latency", "tcp"))
    settings = msgspec.structs.replace(TINY, rounds=2)
    results = rounds.run_rounds(peers, [], cases, settings)
    first, second = (case.id for case in cases)
    assert seen == [
        *((first, "pyzmq"), (first, "pyomq"), (second, "pyzmq"), (second, "pyomq")),
        *((first, "pyomq"), (first, "pyzmq"), (second, "pyomq"), (second, "pyzmq")),
    ]
    assert results.failures == [f"{first} pyomq: bad luck"]
    cell = results.cell(first, RATE, "pyzmq")
    assert cell is not None
    assert cell.samples == [1.0, 5.0]
    assert rounds.count_steps(peers, cases, 2) == len(seen)


def test_worker_that_fails_is_quoted() -> None:
    with pytest.raises(MeasurementError, match=r"bind worker ended with 3: .*no luck"):
        measure(ScriptPeer("import sys; print('no luck', file=sys.stderr); sys.exit(3)"), Case("latency", "tcp"), TINY)


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
    measured = measure(peer, Case("latency", "tcp"), TINY)
    assert 0 < measured["p50_us"] <= measured["p99_us"]


@pytest.mark.parametrize(
    "case",
    [
        Case("multipart", "tcp", size=64, frames=3),
        Case("throughput", "inproc", size=1024),
        Case("fanout", "tcp", size=64, fan=2),
        Case("echo", "tcp", fan=3),
        Case("memory", "tcp", fan=5),
    ],
    ids=lambda case: case.id,
)
def test_scenario_yields_its_metric(case: Case, tmp_path: Path) -> None:
    pytest.importorskip("zmq")
    measured = measure(PEERS["pyzmq"], case, TINY)
    assert measured.keys() <= METRICS.keys()
    judged = [value for name, value in measured.items() if METRICS[name].is_compared]
    assert len(judged) == 1
    assert judged[0] >= 0


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

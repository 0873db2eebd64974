"""The benchmarks: their arithmetic, their files, and what they say of two runs."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("rich", reason="the benchmarks print with rich")

from benchmarks import meters
from benchmarks.cases import FULL, QUICK, QUICK_PEERS, Case, select_cases, size_text
from benchmarks.cli import main
from benchmarks.compare import compare_results, differences_of_setup
from benchmarks.machine import Machine
from benchmarks.metrics import METRICS, value_text
from benchmarks.peers import DEFAULT_PEERS, PEERS, asynchronous, blocking, select_peers
from benchmarks.peers.scenarios import CHAIN, MEASURING_ROLE, payloads, topic_of, topics_of
from benchmarks.peers.stamps import LossCounter, stamped
from benchmarks.ratios import Table, paired_advantage, pick_baseline, ratio_table, value_table
from benchmarks.report import markdown_report, markdown_table
from benchmarks.results import FORMAT, Cell, PeerNote, Results, Settings, load_results, save_results
from benchmarks.spec import HWM, Spec
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


def test_stamp_stands_behind_the_topic() -> None:
    case = Case("topics", "tcp", size=64, fan=1000)
    assert len(set(topics_of(case))) == 1000
    message = stamped(1234, case.size, topic_of(case, 1234))
    assert message.startswith(b"t0000234")
    assert len(message) == case.size
    losses = LossCounter(messages_per_stamp=10, topic_bytes=8)
    for number in (1234, 1235):
        losses.add(stamped(number, case.size, topic_of(case, number)), 10)
    assert losses.lost_percent == 0.0
    assert topics_of(Case("fanout", "tcp", fan=10)) == [b""]


def test_mix_of_sizes_is_the_same_in_every_chunk() -> None:
    case = Case("curve-mixed", "tcp")
    sizes = [len(message) for message in payloads(case)]
    assert len(sizes) == case.chunk
    assert {size: sizes.count(size) for size in set(sizes)} == {16: 765, 1024: 188, 65536: 47}
    assert set(payloads(Case("curve", "tcp", size=64))) == {b"x" * 64}


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
        ["throughput/tcp/16B", "msg/s", "1.90"],
        ["latency/tcp/16B", "us p50", "2.00"],
        ["memory/tcp/200", "B/peer", "-"],
    ]


def test_ratio_is_the_median_of_the_ratios_within_each_round() -> None:
    ours = Cell.of("a", "aiomq", RATE, [100.0, 20.0, 300.0], [0, 1, 3])
    theirs = Cell.of("a", "pyzmq", RATE, [50.0, 10.0, 90.0, 100.0], [0, 1, 2, 3])
    ratio = paired_advantage(ours, theirs)
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == (2.0, 2.0, 3.0)
    assert paired_advantage(ours, Cell.of("a", "pyzmq", RATE, [1.0], [2])) is None


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
        ("bytes_per_peer", [100.0, 101.0], [140.0, 141.0], "slower"),
        ("delivered_percent", [100.0, 100.0], [50.0, 51.0], "slower"),
        ("blocked_ms", [10.0], [18.0], "unclear"),
        ("blocked_ms", [10.0], [30.0], "slower"),
        ("queued_bytes", [0.0, 0.0], [8.0, 8.0], "unclear"),
        ("queued_bytes", [0.0, 0.0], [0.0, 0.0], "same"),
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


@pytest.mark.parametrize("metric", [name for name, metric in METRICS.items() if metric.is_compared])
def test_compare_knows_the_direction_of_every_metric(metric: str) -> None:
    low, high = (results_of(Cell.of("a", "aiomq", metric, samples)) for samples in ([10.0, 11.0], [20.0, 21.0]))
    (change,) = compare_results(low, high)
    assert change.verdict == ("faster" if METRICS[metric].higher_is_better else "slower")


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
        save_results(results_of(Cell.of("throughput/tcp/16B", "aiomq", RATE, [rate, rate + 1])), path)
    old, new = map(str, paths)
    assert main(["--compare", old, new]) == 1
    assert "slower" in capsys.readouterr().out
    assert main(["--compare", new, old]) == 0
    assert main(["--compare", old, old]) == 0
    assert main(["--compare", old, str(tmp_path / "absent.json")]) == 2


def test_compare_command_judges_other_libraries_only_if_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, rate in zip(paths, (100.0, 50.0), strict=True):
        save_results(results_of(Cell.of("throughput/tcp/16B", "pyzmq", RATE, [rate, rate + 1])), path)
    arguments = ["--compare", *map(str, paths)]
    assert main(arguments) == 0
    assert "pyzmq got slower too" in capsys.readouterr().out
    assert main([*arguments, "--peers", "pyzmq"]) == 1


# -- cases and peers --------------------------------------------------------------------------------------------------


def test_cases_have_unique_ids_and_a_chunk() -> None:
    for suite in (FULL, QUICK):
        assert len({case.id for case in suite}) == len(suite)
        assert all(case.chunk >= 1 for case in suite)
    assert {case.scenario for case in QUICK} == {case.scenario for case in FULL} - {"memory"}
    assert {name for names in QUICK_PEERS.values() for name in names} <= set(DEFAULT_PEERS)


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
def test_drivers_play_all_roles_of_every_case_they_know(driver: object) -> None:
    roles: dict[tuple[str, str], object] = vars(driver)["_ROLES"]
    wanted = {(case.scenario, "inproc") for case in FULL if case.transport == "inproc"}
    wanted |= {
        (case.scenario, role)
        for case in FULL
        if case.transport != "inproc"
        for role in CHAIN.get(case.scenario, ("bind", "connect"))
    }
    wanted -= {("connections", "connect")}  # one program for all libraries
    wanted -= {("matching", "inproc"), ("allocation", "inproc")}  # of aiomq's parts
    if driver is blocking:
        wanted -= {("batch", "bind"), ("batch", "connect")}
    else:
        wanted -= {("threads", "inproc"), ("threads-latency", "inproc")}  # with a loop in each thread
    assert roles.keys() == wanted
    assert MEASURING_ROLE.keys() == {case.scenario for case in FULL}


def test_quick_list_is_of_the_quick_cases_unless_another_one_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, ids in (
        ([], [case.id for case in QUICK]),
        (["--only", "connections"], ["connections/tcp/1000"]),
        (["--only", "memory"], ["memory/tcp/200"]),
    ):
        assert main(["--quick", "--list", *arguments]) == 0
        assert capsys.readouterr().out.split() == ids

"""The benchmarks: the targets, the plots, and the figures in the project's pages."""

from __future__ import annotations

import importlib
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("rich", reason="the benchmarks print with rich")

from benchmarks import plots
from benchmarks.cases import FULL, QUICK_PEERS, SIZES, size_text
from benchmarks.cli import main
from benchmarks.machine import Machine
from benchmarks.metrics import METRICS
from benchmarks.pages import ROOT, replace_block, write_pages
from benchmarks.peers import PEERS
from benchmarks.plots import PlotError, save_plots
from benchmarks.results import FORMAT, Cell, Distribution, PeerNote, Results, Settings, save_results
from benchmarks.spec import HWM
from benchmarks.stats import FRACTIONS
from benchmarks.targets import TARGETS, Outcome, judge_targets, target_table

SETTINGS = Settings(3, 0.5, 0.2, 10, 100, 8.0, HWM)
MACHINE = Machine("2025-01-01T00:00:00+00:00", "a processor", 2, True, "Linux 6.1", "CPython 3.11", {}, None, 0.1)
RATE, TIME = "messages_per_second", "p50_us"
PNG = b"\x89PNG\r\n\x1a\n"


def results_of(*cells: Cell, distributions: tuple[Distribution, ...] = ()) -> Results:
    notes = [PeerNote(name, "blocking") for name in dict.fromkeys(cell.peer for cell in cells)]
    return Results(FORMAT, MACHINE, 0.2, SETTINGS, notes, list(cells), [], [], list(distributions))


def outcome_of(results: Results, about: str) -> Outcome:
    (outcome,) = [each for each in judge_targets(results) if each.target.about == about]
    return outcome


def a_run() -> Results:
    """Return results with a number for everything that the plots and pages show."""
    peers = ("aiomq", "pyzmq")
    rates = [
        Cell.of(f"throughput/{transport}/{size_text(size)}", peer, RATE, [2e9 / (size + 900), 1e9 / (size + 900)])
        for transport in ("tcp", "inproc")
        for size in SIZES
        for peer in peers
    ]
    times = [Cell.of("latency/tcp/16B", peer, TIME, [100.0, 110.0]) for peer in peers]
    curves = [Distribution("latency/tcp/16B", peer, [100 + 50 * part**8 for part in FRACTIONS]) for peer in peers]
    return results_of(*rates, *times, distributions=tuple(curves))


# -- targets ----------------------------------------------------------------------------------------------------------


def test_targets_name_cases_metrics_and_libraries_that_exist() -> None:
    full, quick = ({case.id for case in cases} for cases in (FULL, QUICK_PEERS))
    for target in TARGETS:
        assert target.cases[0] in full
        assert target.metric in METRICS
        assert {target.peer, target.other} - {None} <= PEERS.keys()
        assert target.other_case is None or target.other_case in full
        assert set(target.cases) <= full | quick


def test_quick_run_measures_what_every_target_needs() -> None:
    measured = {case.id: peers for case, peers in QUICK_PEERS.items()}
    for target in TARGETS:
        assert any(target.peer in measured.get(case, ()) for case in target.cases), target.about
        if target.other is not None:
            case = target.other_case or next(case for case in target.cases if case in measured)
            assert target.other in measured[case], target.about


@pytest.mark.parametrize(("theirs", "is_met"), [([50.0, 100.0, 500.0], True), ([100.0, 200.0, 100.0], False)])
def test_target_of_a_rate_is_judged_by_the_median_of_paired_ratios(theirs: list[float], is_met: bool) -> None:
    results = results_of(
        Cell.of("throughput/tcp/1KiB", "aiomq", RATE, [100.0, 200.0, 150.0]),
        Cell.of("throughput/tcp/1KiB", "pyzmq", RATE, theirs),
    )
    assert outcome_of(results, "tcp, 1KiB: messages/s vs pyzmq").is_met is is_met


@pytest.mark.parametrize(("ours", "is_met"), [(99.0, True), (101.0, False)])
def test_target_of_a_time_is_a_part_of_theirs(ours: float, is_met: bool) -> None:
    results = results_of(
        Cell.of("latency/tcp/16B", "aiomq", TIME, [ours]), Cell.of("latency/tcp/16B", "pyzmq", TIME, [100.0])
    )
    outcome = outcome_of(results, "REQ/REP over tcp: median time vs pyzmq")
    assert outcome.is_met is is_met
    assert outcome.value is not None
    assert outcome.value.median == pytest.approx(ours / 100)


def test_target_against_another_case_of_ours() -> None:
    results = results_of(
        Cell.of("matching/inproc/1000000", "aiomq", "nanoseconds_per_match", [450.0]),
        Cell.of("matching/inproc/1000", "aiomq", "nanoseconds_per_match", [200.0]),
    )
    outcome = outcome_of(results, "matching: time with 1,000,000 prefixes vs with 1,000")
    assert outcome.is_met is False
    assert outcome.value is not None
    assert outcome.value.median == pytest.approx(2.25)


def test_target_that_must_never_fail_is_judged_by_the_worst_round() -> None:
    results = results_of(
        Cell.of("connections/tcp/1000", "aiomq", "blocked_ms", [20.0, 120.0, 30.0]),
        Cell.of("connections/tcp/1000", "aiomq", "delivered_percent", [100.0, 100.0, 100.0]),
    )
    held_up = outcome_of(results, "a broadcast to all: event loop held up")
    assert (held_up.is_met, held_up.case) == (False, "connections/tcp/1000")
    assert outcome_of(results, "a broadcast to all: delivered").is_met is True


def test_target_that_was_not_measured_is_neither_met_nor_missed() -> None:
    outcomes = judge_targets(results_of(Cell.of("throughput/tcp/16B", "aiomq", RATE, [1.0])))
    assert {outcome.is_met for outcome in outcomes} == {None}
    table = target_table(outcomes)
    assert len(table.rows) == len(TARGETS)
    assert {row[-1] for row in table.rows} == {"not measured"}


def test_targets_command_fails_on_a_missed_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "run.json"
    for rate, status in ((200.0, 0), (100.0, 1)):
        save_results(
            results_of(
                Cell.of("throughput/tcp/1KiB", "aiomq", RATE, [rate]),
                Cell.of("throughput/tcp/1KiB", "pyzmq", RATE, [100.0]),
            ),
            path,
        )
        assert main(["--targets", str(path)]) == status
        assert f"{1 - status} met, {status} missed" in capsys.readouterr().out


# -- plots ------------------------------------------------------------------------------------------------------------


def test_plots_are_written_beside_the_results(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    saved = save_plots(a_run(), tmp_path / "run.json")
    assert [path.name for path in saved] == ["run-throughput.png", "run-latency.png"]
    assert all(path.read_bytes().startswith(PNG) for path in saved)


def test_plots_of_a_run_without_their_numbers_are_left_out(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert save_plots(results_of(Cell.of("echo/tcp/16B/1", "aiomq", "echoes_per_second", [1.0])), tmp_path / "r") == []
    assert list(tmp_path.iterdir()) == []


def test_absent_matplotlib_is_a_message_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> object:
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError("No module named 'matplotlib'")
        return importlib.import_module(name)

    monkeypatch.setattr(plots, "importlib", type("Without", (), {"import_module": staticmethod(refuse)}))
    with pytest.raises(PlotError, match=r"pip install 'aiozeromq\[bench\]'"):
        save_plots(a_run(), tmp_path / "run.json")
    path = tmp_path / "run.json"
    save_results(a_run(), path)
    assert main(["--report", str(path)]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert path.with_suffix(".md").exists()


# -- pages ------------------------------------------------------------------------------------------------------------


def test_block_is_replaced_and_the_rest_is_kept() -> None:
    page = "before\n<!-- benchmarks -->\nold\n\nolder\n<!-- /benchmarks -->\nafter\n"
    assert replace_block(page, "benchmarks", r"n\1w") == (
        "before\n<!-- benchmarks -->\n" + r"n\1w" + "\n<!-- /benchmarks -->\nafter\n"
    )


@pytest.mark.parametrize("count", [0, 2])
def test_page_without_one_block_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"it has {count}"):
        replace_block("<!-- benchmarks -->x<!-- /benchmarks -->\n" * count, "benchmarks", "new")


def test_pages_of_the_project_have_their_marks() -> None:
    for page, name in (
        ("README.md", "benchmarks"),
        ("docs/explanation/performance.md", "benchmarks"),
        ("docs/explanation/performance.md", "targets"),
        ("docs/explanation/performance.md", "curve"),
    ):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert replace_block(text, name, "new") != text


def test_figures_are_written_into_the_pages(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    readme, explanation = tmp_path / "README.md", tmp_path / "docs" / "explanation" / "performance.md"
    explanation.parent.mkdir(parents=True)
    blocks = [f"<!-- {name} -->\nold\n<!-- /{name} -->\n" for name in ("benchmarks", "targets")]
    readme.write_text(blocks[0], encoding="utf-8")
    explanation.write_text("".join(blocks), encoding="utf-8")

    written = write_pages(a_run(), tmp_path)

    assert {path.relative_to(tmp_path).as_posix() for path in written} == {
        *("README.md", "docs/explanation/performance.md", "docs/assets/throughput.png", "docs/assets/latency.png")
    }
    text = readme.read_text(encoding="utf-8")
    assert "| tcp, 16 B | 1.64 M | 1.64 M |" in text
    assert "](docs/assets/throughput.png)" in text
    assert "a virtual machine with 2 cores (a processor, CPython 3.11)" in text.replace("\n", " ")
    assert max(map(len, text.splitlines())) <= 140
    text = explanation.read_text(encoding="utf-8")
    assert "](../assets/throughput.png)" in text
    assert "](../assets/latency.png)" in text
    assert "| tcp, 16B: messages/s vs pyzmq | throughput/tcp/16B | >= 1.3x |" in text


def test_figures_of_curve_have_a_block_of_their_own(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "explanation" / "performance.md"
    page.parent.mkdir(parents=True)
    page.write_text("<!-- benchmarks -->kept<!-- /benchmarks -->\n<!-- curve --><!-- /curve -->\n", encoding="utf-8")
    rates = [Cell.of("curve/tcp/1KiB", name, RATE, [2e5]) for name in ("aiomq", "pyzmq")]
    handshakes = [Cell.of("curve-handshakes/tcp/1", "aiomq-pyzmq", "handshakes_per_second", [900.0])]

    assert write_pages(results_of(*rates, *handshakes), tmp_path) == [page]
    text = page.read_text(encoding="utf-8")
    assert "<!-- benchmarks -->kept<!-- /benchmarks -->" in text
    assert "| messages of 1 KiB | 200 k | 200 k | - |" in text
    assert "| handshakes, one after the other | - | - | 900 |" in text


def test_figures_of_a_run_without_any_are_refused(tmp_path: Path) -> None:
    other = results_of(Cell.of("echo/tcp/16B/1", "aiomq", "echoes_per_second", [1.0]))
    with pytest.raises(ValueError, match="nothing that is in the README's table"):
        write_pages(other, tmp_path)


def test_busy_machine_is_told_in_the_pages(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "docs" / "explanation").mkdir(parents=True)
    block = "<!-- benchmarks -->\n<!-- /benchmarks -->\n<!-- targets -->\n<!-- /targets -->\n"
    for page in ("README.md", "docs/explanation/performance.md"):
        (tmp_path / page).write_text(block, encoding="utf-8")
    busy = msgspec.structs.replace(a_run(), machine=msgspec.structs.replace(MACHINE, load_before=7.0))
    write_pages(busy, tmp_path)
    assert "busy with something else (load 7.0)" in (tmp_path / "README.md").read_text(encoding="utf-8").replace(
        "\n", " "
    )

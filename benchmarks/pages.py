"""A run's figures in the pages of the project: between the marks, in README.md and in the explanation of speed."""

from __future__ import annotations

import os
import re
import textwrap
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks.metrics import value_text
from benchmarks.plots import save_latency, save_throughput
from benchmarks.ratios import Table
from benchmarks.report import markdown_table
from benchmarks.results import Cell, Results
from benchmarks.targets import judge_targets, target_table

__all__ = ["ROOT", "replace_block", "write_pages"]

ROOT: Final = Path(__file__).resolve().parent.parent
_README: Final = Path("README.md")
_EXPLANATION: Final = Path("docs/explanation/performance.md")
_THROUGHPUT: Final = Path("docs/assets/throughput.png")
_LATENCY: Final = Path("docs/assets/latency.png")

_ALT: Final = {
    _THROUGHPUT.name: "Messages per second by the size of a message, for each library, over tcp and over inproc",
    _LATENCY.name: "Round trips of REQ and REP: which part of them was done within what time, for each library",
}

_PEERS: Final = {
    "aiomq": "aiomq",
    "aiomq+asyncio": "aiomq on asyncio's loop",
    "pyzmq": "pyzmq, blocking",
    "zmq.asyncio": "zmq.asyncio",
    "pyomq": "pyomq, blocking",
    "libzmq": "libzmq's C",
    "aiomq-pyzmq": "aiomq's server, pyzmq's clients",
}
_Rows: TypeAlias = tuple[tuple[str, str, str], ...]
"""Case, metric, and what to call them."""

_RATE: Final = "messages_per_second"
_ROWS: Final = (
    ("throughput/tcp/16B", _RATE, "tcp, 16 B"),
    ("throughput/tcp/1KiB", _RATE, "tcp, 1 KiB"),
    ("throughput/tcp/64KiB", _RATE, "tcp, 64 KiB"),
    ("throughput/tcp/1MiB", _RATE, "tcp, 1 MiB"),
    ("throughput/inproc/16B", _RATE, "inproc, 16 B"),
    ("threads/inproc/16B", _RATE, "inproc between two threads, 16 B"),
    ("fanout/tcp/64B/10", "delivered_per_second", "PUB to 10 SUB over tcp, 64 B, all deliveries"),
    ("latency/tcp/16B", "p50_us", "REQ/REP over tcp, 16 B: microseconds (p50)"),
)

_CURVE_ROWS: Final = (
    ("curve/tcp/16B", _RATE, "messages of 16 B"),
    ("curve/tcp/1KiB", _RATE, "messages of 1 KiB"),
    ("curve/tcp/64KiB", _RATE, "messages of 64 KiB"),
    ("curve-mixed/tcp", _RATE, "messages of 16 B, 1 KiB, 64 KiB (16 : 4 : 1)"),
    ("curve-handshakes/tcp/1", "handshakes_per_second", "handshakes, one after the other"),
    ("curve-handshakes/tcp/50", "handshakes_per_second", "handshakes, 50 at once"),
)
"""A table of their own, on the page about speed alone."""

_CURVE_PREFACE: Final = (
    "A second, over tcp on loopback between two processes, everything encrypted. A handshake is counted with what "
    "goes with it: a new DEALER connects to a ROUTER, gets one echo and is closed; "
)


def write_pages(results: Results, root: Path = ROOT) -> list[Path]:
    """Write the figures of a run into the pages, and its plots beside them; return what was written.

    Raises:
        ValueError: a page has no marks, or the run has no figures for them.
        PlotError: there is no matplotlib.
    """
    curve = _table(results, _CURVE_ROWS)
    if not _table(results, _ROWS).rows and not curve.rows:
        raise ValueError("the run measured nothing that is in the README's table")
    written = _write_figures(results, root) if _table(results, _ROWS).rows else []
    if curve.rows:
        page = root / _EXPLANATION
        block = f"{_paragraph(_CURVE_PREFACE + _circumstances(results, _CURVE_ROWS))}\n\n{markdown_table(curve)}"
        page.write_text(replace_block(page.read_text(encoding="utf-8"), "curve", block), encoding="utf-8")
        written = [page, *(path for path in written if path != page)]
    return written


def _write_figures(results: Results, root: Path) -> list[Path]:
    written = [root / _README, root / _EXPLANATION]
    texts = [path.read_text(encoding="utf-8") for path in written]
    plots = [root / _THROUGHPUT] if save_throughput(results, root / _THROUGHPUT, ("tcp", "inproc")) else []
    if save_latency(results, root / _LATENCY):
        plots.append(root / _LATENCY)
    figures = "\n\n".join((_preface(results), markdown_table(_table(results, _ROWS))))
    texts[0] = replace_block(
        texts[0],
        "benchmarks",
        _with_plots(figures, [plot for plot in plots if plot.name == _THROUGHPUT.name], root, _README),
    )
    texts[1] = replace_block(texts[1], "benchmarks", _with_plots(figures, plots, root, _EXPLANATION))
    texts[1] = replace_block(texts[1], "targets", _targets(results))
    for path, text in zip(written, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    return [*written, *plots]


def replace_block(text: str, name: str, block: str) -> str:
    """Return a page with what stands between `<!-- name -->` and `<!-- /name -->` replaced.

    Raises:
        ValueError: the page has no such marks, or has them twice.
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    replaced, count = pattern.subn(lambda _: f"{begin}\n{block}\n{end}", text)
    if count != 1:
        raise ValueError(f"a page needs one block from {begin} to {end}, and it has {count}")
    return replaced


def _preface(results: Results) -> str:
    return _paragraph(
        "Messages per second between two processes on loopback, or between two tasks over inproc: one await per "
        f"message, the default HWM of 1000 at both ends, {_circumstances(results, _ROWS)}"
    )


def _circumstances(results: Results, rows: _Rows) -> str:
    machine, settings = results.machine, results.settings
    virtual = "a virtual machine" if machine.is_virtual else "a machine"
    versions = (
        f"{name} {version}" for name, version in machine.versions.items() if name not in {"aiozeromq", "msgspec"}
    )
    about = ", ".join((machine.cpu, machine.python, *versions))
    busy = (
        f" The machine was busy with something else (load {machine.load_before}): the figures are rough."
        if machine.is_busy
        else ""
    )
    worst = max((cell.summary.spread_percent for cell in _shown(results, rows)), default=0.0)
    return (
        f"medians of {settings.rounds} interleaved rounds of {settings.duration_seconds:g} s on {virtual} with "
        f"{machine.cores} cores ({about}). Within a case the rounds differ by up to {worst:.0f} %: the ratios are "
        f"what counts.{busy}"
    )


def _paragraph(text: str) -> str:
    return "\n".join(textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False))


def _shown(results: Results, rows: _Rows) -> list[Cell]:
    return [
        cell for case, metric, _ in rows for peer in _PEERS if (cell := results.cell(case, metric, peer)) is not None
    ]


def _table(results: Results, wanted: _Rows) -> Table:
    peers = [peer for peer in _PEERS if any(results.cell(case, metric, peer) for case, metric, _ in wanted)]
    rows = []
    for case, metric, about in wanted:
        cells = [results.cell(case, metric, peer) for peer in peers]
        if any(cells):
            rows.append([about, *("-" if cell is None else _text(cell.summary.median) for cell in cells)])
    return Table("", ["case", *(_PEERS[peer] for peer in peers)], rows)


def _text(value: float) -> str:
    text = value_text(value)
    return f"{text[:-1]} {text[-1]}" if text[-1].isalpha() else text


def _with_plots(text: str, plots: list[Path], root: Path, page: Path) -> str:
    folder = root / page.parent
    links = [f"![{_ALT[plot.name]}]({Path(os.path.relpath(plot, folder)).as_posix()})" for plot in plots]
    return "\n\n".join((text, *links))


def _targets(results: Results) -> str:
    table = target_table(judge_targets(results))
    return f"{table.title}.\n\n{markdown_table(table)}"

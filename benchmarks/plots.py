"""Pictures of a run: throughput by size, and round trips by percentile. Needs matplotlib."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import SIZES, size_text
from benchmarks.results import Distribution, Results
from benchmarks.stats import FRACTIONS

__all__ = ["PlotError", "save_latency", "save_plots", "save_throughput"]

_COLORS: Final = {
    "aiomq": "#c1121f",
    "aiomq+asyncio": "#f08a5d",
    "pyzmq": "#1d4e89",
    "zmq.asyncio": "#4f9dde",
    "zmq.asyncio+uvloop": "#8fc1ea",
    "pyomq": "#2a7f4f",
    "pyomq.asyncio": "#7bbf6a",
    "pyomq.asyncio+uvloop": "#b5dba8",
    "libzmq": "#222222",
    "raw-socket": "#8a8a8a",
    "raw-uvloop": "#b9b9b9",
}
_MARKERS: Final = {"aiomq": "o", "pyzmq": "s", "zmq.asyncio": "^", "pyomq": "D", "libzmq": "X", "raw-uvloop": "v"}
_LIMITS: Final = frozenset({"raw-socket", "raw-uvloop"})
"""Not competitors: drawn dashed, and not in the plot of throughput, where they count unframed bytes."""

_LATENCY_CASES: Final = ("latency/tcp/16B", "latency/ipc/16B", "latency/inproc/16B")
_P99: Final = FRACTIONS.index(0.99)
_DPI: Final = 150


class PlotError(Exception):
    """There can be no pictures; the text says why."""


def save_plots(results: Results, path: Path) -> list[Path]:
    """Write the pictures that the run has numbers for beside its JSON, and return where.

    Raises:
        PlotError: matplotlib isn't installed.
    """
    saved = []
    for save, name in ((save_throughput, "throughput"), (save_latency, "latency")):
        target = path.with_name(f"{path.stem}-{name}.png")
        if save(results, target):
            saved.append(target)
    return saved


def save_throughput(results: Results, path: Path, transports: Sequence[str] = ("tcp", "ipc", "inproc")) -> bool:
    """Draw messages a second by their size, a panel a transport with two sizes or more; return whether there is one."""
    shown = [transport for transport in transports if len(_sizes(results, transport)) > 1]
    if not shown:
        return False
    figure, panels = _figure(len(shown), 5.6, 4.8)
    peers = [peer for peer in results.measured_peers() if peer not in _LIMITS]
    for axes, transport in zip(panels, shown, strict=True):
        for peer in peers:
            _draw_rates(axes, results, transport, peer)
        sizes = _sizes(results, transport)
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(sizes, [_size_label(size) for size in sizes])
        axes.minorticks_off()
        axes.set_yticks(*_rate_ticks(axes))
        axes.set_xlabel("size of a message")
        axes.set_ylabel("messages per second")
        axes.set_title(f"PUSH to PULL over {transport}")
        _finish_axes(axes)
    _finish(figure, panels, results, path)
    return True


def save_latency(results: Results, path: Path) -> bool:
    """Draw which part of the round trips was done within a time, a panel a transport; return whether there is one."""
    shown = [case for case in _LATENCY_CASES if any(item.case == case for item in results.distributions)]
    if not shown:
        return False
    figure, panels = _figure(len(shown), 5.6, 4.8)
    for axes, case in zip(panels, shown, strict=True):
        for item in _by_peer(results, case):
            axes.plot(item.microseconds, [100 * part for part in FRACTIONS], **_style(item.peer), markevery=25)
        axes.set_xscale("log")
        axes.set_xlim(right=1.6 * max(item.microseconds[_P99] for item in _by_peer(results, case)))
        axes.set_xticks(*_time_ticks(axes))
        axes.minorticks_off()
        axes.set_yticks([0, 25, 50, 75, 90, 99], ["0 %", "25 %", "50 %", "75 %", "90 %", "99 %"])
        axes.set_ylim(0, 100)
        axes.set_xlabel("round trip in microseconds")
        axes.set_ylabel("part of the round trips within that time")
        axes.set_title(f"REQ/REP of 16 bytes over {case.split('/')[1]}")
        _finish_axes(axes)
    _finish(figure, panels, results, path)
    return True


def _figure(panels: int, width: float, height: float) -> tuple[Any, list[Any]]:
    """Return a figure with panels side by side, without any window or display.

    Raises:
        PlotError: matplotlib isn't installed.
    """
    try:
        module = importlib.import_module("matplotlib.figure")
        importlib.import_module("matplotlib.backends.backend_agg")
    except ImportError as error:
        raise PlotError(f"matplotlib is not installed ({error}): pip install 'aiozeromq[bench]'") from None
    figure = module.Figure(figsize=(width * panels + 0.4, height), dpi=_DPI, layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _sizes(results: Results, transport: str) -> list[int]:
    measured = {cell.case for cell in results.cells if cell.metric == "messages_per_second"}
    return [size for size in SIZES if f"throughput/{transport}/{size_text(size)}" in measured]


def _draw_rates(axes: Any, results: Results, transport: str, peer: str) -> None:
    cells = [
        (size, cell.summary)
        for size in SIZES
        if (cell := results.cell(f"throughput/{transport}/{size_text(size)}", "messages_per_second", peer))
    ]
    if cells:
        sizes = [size for size, _ in cells]
        axes.plot(sizes, [summary.median for _, summary in cells], **_style(peer))
        low, high = ([getattr(summary, end) for _, summary in cells] for end in ("low", "high"))
        axes.fill_between(sizes, low, high, color=_COLORS.get(peer), alpha=0.12, linewidth=0)


def _by_peer(results: Results, case: str) -> Iterator[Distribution]:
    """Yield the distributions of a case in the order of the libraries."""
    found = {item.peer: item for item in results.distributions if item.case == case}
    for peer in results.measured_peers():
        if peer in found:
            yield found[peer]


def _style(peer: str) -> dict[str, Any]:
    return {
        "label": peer,
        "color": _COLORS.get(peer),
        "linewidth": 2.6 if peer == "aiomq" else 1.6,
        "linestyle": "--" if peer in _LIMITS else "-",
        "marker": _MARKERS.get(peer, "."),
        "markersize": 5.5,
        "zorder": 3 if peer == "aiomq" else 2,
    }


def _rate_ticks(axes: Any) -> tuple[list[float], list[str]]:
    return _ticks(axes.get_ylim(), (1, 3), lambda value: f"{value / 1e6:g} M" if value >= 1e6 else _thousands(value))


def _time_ticks(axes: Any) -> tuple[list[float], list[str]]:
    low, high = axes.get_xlim()
    return _ticks((low, high), (1, 2, 5) if high < 200 * low else (1, 3), lambda value: f"{value:g}")


def _size_label(size: int) -> str:
    return re.sub(r"(?<=[0-9])(?=[A-Z])", " ", size_text(size))


def _thousands(value: float) -> str:
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


def _ticks(limits: tuple[float, float], steps: Sequence[int], text: Any) -> tuple[list[float], list[str]]:
    """Return ticks at these steps of each power of ten between the limits, with their labels."""
    low, high = limits
    values = [step * 10.0**power for power in range(-1, 10) for step in steps if low <= step * 10.0**power <= high]
    return values, [text(value) for value in values]


def _finish_axes(axes: Any) -> None:
    axes.grid(visible=True, color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _finish(figure: Any, panels: list[Any], results: Results, path: Path) -> None:
    """Add one legend for all panels and the machine, and write the file."""
    named: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named, loc="outside right center", frameon=False)
    machine, settings = results.machine, results.settings
    figure.supxlabel(
        f"{machine.cpu}, {machine.cores} cores, {machine.python}; medians of rounds: {settings.rounds}, of "
        f"{settings.duration_seconds:g} s each",
        fontsize=7.5,
        color="#666666",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)

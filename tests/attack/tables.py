"""What was measured, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.attack.bars import misses, quantile
from tests.attack.cell import Measured, Settings, Snapshot

__all__ = ["attack_row", "attack_table", "notes", "strangers_table", "table"]

_HEADINGS = (
    *("server", "p50 ms", "p99 ms", "max ms", "no answer", "no turn ms", "(computing)", "over 150 ms"),
    *("newcomers s", "peak MiB", "MiB", "files", "peers", "tasks", "missed"),
)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table, its columns aligned."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def attack_table(results: Sequence[Measured], settings: Settings) -> str:
    """Return one row for each server that was attacked."""
    return table(_HEADINGS, [attack_row(each, settings) for each in results])


def attack_row(measured: Measured, settings: Settings) -> list[str]:
    """Return the row of one server: `before>after` where a thing is counted twice."""
    client, turns = measured.client, measured.turns
    latencies = client.latencies if client else []
    newcomers = sorted(client.newcomers) if client else []
    before, after = measured.before, measured.after
    return [
        f"{measured.cell.type} {measured.cell.loop}",
        *(f"{quantile(latencies, share) * 1000:.1f}" for share in (0.5, 0.99, 1.0)),
        f"{client.unanswered}/{len(latencies)}" if client else "all",
        f"{measured.standing * 1000:.0f}",
        f"{turns.cpu * 1000:.0f}" if measured.standing == turns.longest else "goes on",
        str(turns.too_long),
        f"{newcomers[-1]:.2f}" if newcomers else "-",
        f"{after.system.peak_kib / 1024:.0f}",
        f"{before.system.rss_kib / 1024:.0f}>{after.system.rss_kib / 1024:.0f}",
        f"{before.system.descriptors}>{after.system.descriptors}",
        f"{_peers(before)}>{_peers(after)}",
        f"{_tasks(before)}>{_tasks(after)}",
        ", ".join(misses(measured, settings)) or "-",
    ]


def _peers(snapshot: Snapshot) -> str:
    return "?" if snapshot.state is None else str(snapshot.state.peers)


def _tasks(snapshot: Snapshot) -> str:
    return "?" if snapshot.state is None else str(snapshot.state.tasks)


def notes(measured: Measured) -> Iterator[str]:
    """Yield what else is to be said of an attack: who complained of what."""
    who = f"{measured.cell.type} {measured.cell.loop}"
    state, client = measured.after.state, measured.client
    for whose, said in (("server", state.complaints if state else {}), ("client", client.complaints if client else {})):
        yield from (f"{who}: {whose}: {count} x {text}" for text, count in said.items())
    if client is not None and client.longest > 0.05:
        yield f"{who}: the client itself stood for {client.longest * 1000:.0f} ms: latencies tell of that too"
    lines, last = measured.log
    yield from (f"{who}: {text}" for text in measured.failures)
    if lines:
        yield f"{who}: {lines} lines on standard error, in the end: {' / '.join(last)}"[:400]


def strangers_table(measured: Measured) -> str:
    """Return what the strangers did, a row for each kind."""
    rows = [
        [kind, str(did.strangers), str(did.connects), str(did.cuts), f"{did.sent / 1e6:.2f}"]
        for kind, did in measured.strangers.kinds.items()
    ]
    return table(("strangers", "at a time", "connects", "cut by the server", "MB sent"), rows)

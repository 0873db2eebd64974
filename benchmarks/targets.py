"""What aiomq is meant to reach, and whether a run reached it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from benchmarks.metrics import METRICS, value_text
from benchmarks.ratios import Table, paired_advantage
from benchmarks.results import Cell, Results
from benchmarks.stats import Summary, summarize

__all__ = ["TARGETS", "Outcome", "Target", "judge_targets", "target_table"]

Bound = Literal[">=", "<="]


class Target(msgspec.Struct, frozen=True):
    """One thing to reach: a ratio of two measurements of the same round, or with no `other` a plain value.

    Attributes:
        about: what it is, for people.
        bound: on which side of `limit` the number has to be.
        limit: in the unit of the metric, or of no unit for a ratio, which is ours divided by theirs.
        cases: of those that were measured the first one counts: the full run's before the quick run's.
        metric: what of the case.
        other: whom we are held against.
        other_case: where that was measured, if not in the same case.
        peer: who we are.
        worst: the worst round counts instead of the median.
    """

    about: str
    bound: Bound
    limit: float
    cases: tuple[str, ...]
    metric: str = "messages_per_second"
    other: str | None = None
    other_case: str | None = None
    peer: str = "aiomq"
    worst: bool = False

    @property
    def wanted(self) -> str:
        """The bound in words."""
        limit = f"{self.limit:g}"
        return f"{self.bound} {limit}" + ("x" if self.other else f" {METRICS[self.metric].unit}")


class Outcome(msgspec.Struct, frozen=True):
    """What a run says to a target.

    Attributes:
        case: where it was measured; None if it was not.
        value: what was measured; None if it was not.
        is_met: None if it was not measured.
    """

    target: Target
    case: str | None = None
    value: Summary | None = None
    is_met: bool | None = None


def _throughput(size: str, limits: dict[str, float]) -> Iterator[Target]:
    for other, limit in limits.items():
        yield Target(f"tcp, {size}: messages/s vs {other}", ">=", limit, (f"throughput/tcp/{size}",), other=other)


_SMALL: Final = {"pyzmq": 1.3, "zmq.asyncio": 20.0, "pyomq": 1.0, "pyomq.asyncio": 2.5}
_LATENCY: Final = {"raw-uvloop": 1.35, "pyzmq": 1.0, "zmq.asyncio": 0.6}
_CROWD: Final = ("connections/tcp/10000", "connections/tcp/1000")

TARGETS: Final[tuple[Target, ...]] = (
    *_throughput("16B", _SMALL),
    *_throughput("256B", _SMALL),
    *_throughput("1KiB", {"pyzmq": 1.3, "libzmq": 1.1}),
    *_throughput("64KiB", {"pyzmq": 1.6, "pyomq": 1.4, "libzmq": 1.2}),
    *_throughput("1MiB", {"pyzmq": 1.8, "pyomq": 1.1, "libzmq": 1.0}),
    Target(
        *("tcp, 16B: send_many and recv_many vs a call a message", ">=", 1.4, ("batch/tcp/16B",)),
        other="aiomq",
        other_case="throughput/tcp/16B",
    ),
    *(
        Target(f"REQ/REP over tcp: median time vs {other}", "<=", limit, ("latency/tcp/16B",), "p50_us", other)
        for other, limit in _LATENCY.items()
    ),
    Target("inproc, one loop: messages/s vs zmq.asyncio", ">=", 25.0, ("throughput/inproc/16B",), other="zmq.asyncio"),
    Target(
        "inproc, one loop: median time vs zmq.asyncio", "<=", 0.125, ("latency/inproc/16B",), "p50_us", "zmq.asyncio"
    ),
    Target("inproc, two threads: messages/s vs zmq.asyncio", ">=", 5.0, ("threads/inproc/16B",), other="zmq.asyncio"),
    *(
        Target(
            f"PUB to 10 SUB, 64B: deliveries/s vs {other}",
            ">=",
            limit,
            ("fanout/tcp/64B/10",),
            "delivered_per_second",
            other,
        )
        for other, limit in {"pyzmq": 1.0, "zmq.asyncio": 2.0}.items()
    ),
    Target(
        "tcp, 16B on asyncio's own loop vs pyzmq",
        ">=",
        1.0,
        ("throughput/tcp/16B",),
        other="pyzmq",
        peer="aiomq+asyncio",
    ),
    Target(
        *("matching: time with 1,000,000 prefixes vs with 1,000", "<=", 2.0, ("matching/inproc/1000000",)),
        metric="nanoseconds_per_match",
        other="aiomq",
        other_case="matching/inproc/1000",
    ),
    Target("memory of an idle tcp peer", "<=", 16384.0, (*_CROWD, "memory/tcp/200"), "bytes_per_peer"),
    Target("a broadcast to all: delivered", ">=", 100.0, _CROWD, "delivered_percent", worst=True),
    Target("a broadcast to all: event loop held up", "<=", 100.0, _CROWD, "blocked_ms", worst=True),
)


def judge_targets(results: Results) -> list[Outcome]:
    """Return what a run says to each target."""
    return [_judge(target, results) for target in TARGETS]


def _judge(target: Target, results: Results) -> Outcome:
    for case in target.cases:
        ours = results.cell(case, target.metric, target.peer)
        value = None if ours is None else _value(target, case, ours, results)
        if value is not None:
            number = value.median
            if target.worst:
                number = value.low if target.bound == ">=" else value.high
            return Outcome(
                target, case, value, number >= target.limit if target.bound == ">=" else number <= target.limit
            )
    return Outcome(target)


def _value(target: Target, case: str, ours: Cell, results: Results) -> Summary | None:
    """Return the plain value, or ours divided by theirs."""
    if target.other is None:
        return ours.summary
    theirs = results.cell(target.other_case or case, target.metric, target.other)
    better = None if theirs is None else paired_advantage(ours, theirs)
    if better is None or METRICS[target.metric].higher_is_better:
        return better
    return summarize([1 / better.high, 1 / better.median, 1 / better.low])


def target_table(outcomes: list[Outcome]) -> Table:
    """Return the targets with what was measured, in the order of the list."""
    rows = [
        [
            outcome.target.about,
            outcome.case or "",
            outcome.target.wanted,
            _number(outcome.value.median) if outcome.value else "-",
            f"{_number(outcome.value.low)} to {_number(outcome.value.high)}" if outcome.value else "-",
            {True: "met", False: "MISSED", None: "not measured"}[outcome.is_met],
        ]
        for outcome in outcomes
    ]
    met, measured = (sum(outcome.is_met is wanted for outcome in outcomes) for wanted in (True, None))
    title = f"Targets: {met} met, {len(outcomes) - met - measured} missed, {measured} not measured"
    return Table(title, ["target", "case", "wanted", "median", "rounds", "verdict"], rows)


def _number(value: float) -> str:
    return value_text(value) if value >= 1000 else f"{value:.3g}"

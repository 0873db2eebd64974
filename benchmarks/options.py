"""The arguments of `python -m benchmarks`, and the settings that they make."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.peers import PEERS
from benchmarks.results import Settings
from benchmarks.spec import HWM

__all__ = ["make_parser", "settings_of"]

_FULL: Final = Settings(
    rounds=5,
    duration_seconds=0.5,
    warmup_seconds=0.2,
    min_round_trips=2000,
    max_round_trips=10000,
    timeout_seconds=25.0,
    hwm=HWM,
)
_QUICK: Final = Settings(
    rounds=5,
    duration_seconds=0.25,
    warmup_seconds=0.1,
    min_round_trips=500,
    max_round_trips=2000,
    timeout_seconds=20.0,
    hwm=HWM,
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure aiomq beside other libraries.")
    parser.add_argument("--quick", action="store_true", help="some of each kind of case, 0.25 s each: a look")
    parser.add_argument("--peers", nargs="+", metavar="NAME", help=f"from: all, {', '.join(PEERS)}")
    parser.add_argument("--only", nargs="+", metavar="CASE", default=[], help="part of a case's id, or a glob")
    parser.add_argument("--list", action="store_true", help="print the ids of the cases and end")
    parser.add_argument("--rounds", type=_positive(int), metavar="N", help="samples of each measurement")
    parser.add_argument("--duration", type=_positive(float), metavar="SECONDS", help="of one measurement")
    parser.add_argument("--pin", action="store_true", help="keep the two processes of `latency` on a core each")
    parser.add_argument("--baseline", metavar="NAME", help="whom the ratios are about, else the first")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="where to write JSON, and Markdown and plots beside it"
    )
    parser.add_argument("--threshold", type=float, default=0.1, help="for --compare, the least change (default 0.1)")
    saved = parser.add_mutually_exclusive_group()
    saved.add_argument("--compare", nargs=2, type=Path, metavar=("OLD", "NEW"), help="say what got slower, and end")
    saved.add_argument("--targets", type=Path, metavar="FILE", help="say what a run reached of the targets, and end")
    saved.add_argument(
        "--report", type=Path, metavar="FILE", help="show a run again, write its page and plots, and end"
    )
    saved.add_argument("--readme", type=Path, metavar="FILE", help="write a run's figures into the pages, and end")
    return parser


def _positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
        return value

    return convert


def settings_of(options: argparse.Namespace) -> Settings:
    """Return how long and how often to measure."""
    base = _QUICK if options.quick else _FULL
    duration = options.duration or base.duration_seconds
    return Settings(
        rounds=options.rounds or base.rounds,
        duration_seconds=duration,
        warmup_seconds=min(base.warmup_seconds, duration),
        # A shorter time asks for fewer round trips too.
        min_round_trips=max(1, int(base.min_round_trips * min(1.0, duration / base.duration_seconds))),
        max_round_trips=base.max_round_trips,
        timeout_seconds=base.timeout_seconds + 2 * duration,
        hwm=base.hwm,
        pins=options.pin,
    )

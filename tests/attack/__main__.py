"""Attack own servers on loopback and tell whether a good client noticed: `python -m tests.attack --help`.

For each type of server and each loop three processes are started: the server, with a limit of its memory; the
strangers; and a good client, with newcomers beside it. The server has a core of its own. The others share one, where
the strangers yield (`nice`): in the field they have machines of their own. So what is measured tells of the library and
not of the scheduler; a stretch without a turn comes with how much of it the server computed, the rest it waited for a
core. The strangers come from other addresses than the good client, unless `--addresses 0`.

Needs Linux: memory, descriptors and many addresses of one machine are looked for where Linux has them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tests.attack.bars import misses
from tests.attack.cell import Cell, Measured, Settings, attack
from tests.attack.held import measure_held
from tests.attack.plans import ATTACK_KINDS
from tests.attack.tables import attack_table, notes, strangers_table
from tests.attack.workers import NoAnswerError

TYPES = ("PULL", "ROUTER", "XPUB", "REP")
LOOPS = ("asyncio", "uvloop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 1 if a bar was missed."""
    options = _parser().parse_args(arguments)
    if sys.platform != "linux":
        print("the attacks need Linux", file=sys.stderr)  # noqa: T201  # a program
        return 2
    if options.held:
        return measure_held(options.loops[0], options.strangers, options.seconds, options.held_kinds)
    settings = Settings(
        connections=options.connections,
        flooders=options.flooders,
        addresses=options.addresses,
        kinds=tuple(options.kinds),
        seconds=options.seconds,
        memory_mib=options.memory,
        pins=not options.no_pins,
    )
    results = [_attack(Cell(kind, loop), settings, options) for kind in options.types for loop in options.loops]
    done = [each for each in results if each is not None]
    print(attack_table(done, settings))  # noqa: T201
    for each in done:
        for note in notes(each):
            print(f"* {note}")  # noqa: T201
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(done)))
    return int(len(done) < len(results) or any(misses(each, settings) for each in done))


def _attack(cell: Cell, settings: Settings, options: argparse.Namespace) -> Measured | None:
    print(f"{cell.type} on {cell.loop} ...", file=sys.stderr)  # noqa: T201  # to whoever waits
    try:
        measured = attack(cell, settings)
    except NoAnswerError as error:
        print(f"{cell.type} on {cell.loop}: {error}", file=sys.stderr)  # noqa: T201
        return None
    if options.verbose:
        print(strangers_table(measured))  # noqa: T201
    return measured


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=2000, help="hostile connections at a time")
    parser.add_argument("--flooders", type=int, default=100, help="how many of them say as much as is taken")
    parser.add_argument("--addresses", type=int, default=16, help="addresses they come from; 0: the good client's")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long an attack goes on")
    parser.add_argument("--types", type=_words(TYPES), default=TYPES, help="servers, separated by commas")
    parser.add_argument("--loops", type=_words(LOOPS), default=LOOPS, help="event loops")
    parser.add_argument("--kinds", type=_words(ATTACK_KINDS), default=(), help=f"of {', '.join(ATTACK_KINDS)}")
    parser.add_argument("--memory", type=int, default=512, help="MiB that the server may have")
    parser.add_argument("--no-pins", action="store_true", help="let the server share its core")
    parser.add_argument("--verbose", action="store_true", help="tell what the strangers did, by kind")
    parser.add_argument("--json", type=Path, help="write all that was measured to this file")
    parser.add_argument("--held", action="store_true", help="measure what strangers make a server hold instead")
    parser.add_argument("--strangers", type=int, default=1000, help="with --held: how many, beside one alone")
    parser.add_argument("--held-kinds", type=str, default="", help="with --held: only names that contain this")
    return parser


class _words:  # noqa: N801  # reads as a type of argument
    """Takes words of some vocabulary, separated by commas."""

    def __init__(self, known: Sequence[str]) -> None:
        self._known = known

    def __call__(self, text: str) -> tuple[str, ...]:
        """Return the words.

        Raises:
            argparse.ArgumentTypeError: one is not known.
        """
        words = tuple(text.split(","))
        if unknown := [word for word in words if word not in self._known]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: choose of {', '.join(self._known)}")
        return words


if __name__ == "__main__":
    sys.exit(main())

"""The command `aiomq`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from aiomq.cli.demo import DemoError, show
from aiomq.cli.proxy import add_command as add_proxy
from aiomq.runner import run
from aiomq.version import __version__

__all__ = ["main"]

_INTERRUPTED = 130
"""What a shell says of a program that SIGINT ended."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: what follows the command's name; None takes them from the command line.

    Returns:
        The exit status: 0, or another number if something failed; the text is on standard error then.
    """
    parsed = _parser().parse_args(arguments)
    status: int = parsed.command(parsed)
    return status


def _demo(parsed: argparse.Namespace) -> int:
    try:
        run(show(parsed.seconds))
    except DemoError as error:
        print(f"aiomq demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("aiomq demo: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aiomq", description="ZeroMQ for asyncio in plain Python.")
    parser.add_argument("--version", action="version", version=f"aiomq {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="command", required=True)
    shown = commands.add_parser(
        "demo",
        help="let two processes talk to each other: request-reply, publish-subscribe, a pipeline, and how fast",
        description="Start a second process and talk to it over tcp: request-reply, publish-subscribe and a pipeline,"
        " each message printed, and then as many messages as go through.",
    )
    shown.add_argument(
        "--seconds",
        type=_seconds,
        default=2.0,
        metavar="S",
        help="how long to send as fast as possible, from 0.1 to 10 seconds (default: 2)",
    )
    shown.set_defaults(command=_demo)
    add_proxy(commands)
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 10:
        raise argparse.ArgumentTypeError(f"a number of seconds from 0.1 to 10 is accepted, not {text!r}")
    return seconds

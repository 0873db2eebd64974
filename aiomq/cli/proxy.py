"""`aiomq proxy`: a device between two networks, run from the shell until a signal ends it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Final, TypeAlias

from aiomq.cli.proxy_ends import KINDS, Attachment, EndError, Setting, attach, attachment, setting
from aiomq.constants import SocketType
from aiomq.context import Context
from aiomq.errors import ZMQError
from aiomq.proxy import proxy
from aiomq.runner import run
from aiomq.socket import Socket

__all__ = ["add_command"]

_FAILED: Final = 1
_INTERRUPTED: Final = 130
"""What a shell says of a program that SIGINT ended."""

_TERMINATED: Final = 128 + signal.SIGTERM
"""What `run` makes of SIGTERM. A proxy has no other end than to be asked for it, so that it ended well is a 0."""

_DESCRIPTION: Final = """\
Pass messages on between two sockets until SIGINT or SIGTERM:

  queue      requests of clients (ROUTER) to services (DEALER), and the replies back
  forwarder  what publishers send (XSUB) to subscribers (XPUB), and subscriptions back
  streamer   work from ventilators (PULL) to workers (PUSH)

An endpoint is bound, or connected to if it is written connect:tcp://host:5559. Either end may have several. What was
bound is printed, so that tcp://127.0.0.1:* can be used. SIGUSR1, where there is one, prints statistics.
"""

_WHOM: Final = {"frontend": "clients, publishers or ventilators", "backend": "services, subscribers or workers"}

_Subcommands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_command(commands: _Subcommands) -> None:
    """Add the command to those of `aiomq`."""
    parser = commands.add_parser(
        "proxy",
        help="pass messages on between two sockets: a queue, a forwarder or a streamer",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", choices=KINDS, help="what to pass on")
    for end, whom in _WHOM.items():
        parser.add_argument(
            f"--{end}",
            type=attachment,
            action="append",
            required=True,
            metavar="ENDPOINT",
            help=f"where the {whom} are; may be repeated",
        )
    parser.add_argument(
        "--capture",
        type=attachment,
        action="append",
        default=[],
        metavar="ENDPOINT",
        help="publish a copy of every message, both ways, by a PUB; may be repeated",
    )
    parser.add_argument(
        "--hwm", type=_count, metavar="N", help="messages queued for, and from, each peer (default: 1000)"
    )
    parser.add_argument(
        "--linger",
        type=_milliseconds,
        default=1000,
        metavar="MS",
        help="milliseconds that queued messages have to leave at the end; -1 is no limit (default: 1000)",
    )
    for suffix, where in (("", "both ends"), ("-frontend", "the frontend"), ("-backend", "the backend")):
        parser.add_argument(
            f"--set{suffix}",
            type=setting,
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=f"a socket option for {where}, such as tcp_keepalive=1; may be repeated",
        )
    parser.set_defaults(command=_command)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"a number of messages is accepted, 0 for no limit, not {text!r}")
    return int(text)


def _milliseconds(text: str) -> int:
    digits = text if text == "-1" else text.removeprefix("+")
    if digits != "-1" and not (digits.isascii() and digits.isdecimal()):
        raise argparse.ArgumentTypeError(f"a number of milliseconds, or -1, is accepted, not {text!r}")
    return int(digits)


def _command(parsed: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    try:
        run(_serve(parsed))
    except (EndError, ZMQError) as error:
        print(f"aiomq proxy failed: {error}", file=sys.stderr)
        return _FAILED
    except KeyboardInterrupt:
        print("aiomq proxy: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except SystemExit as ended:
        if ended.code != _TERMINATED:
            raise
    return 0


async def _serve(parsed: argparse.Namespace) -> None:
    front_type, back_type = KINDS[parsed.kind]
    common = _common(parsed)
    async with Context() as context:
        frontend = _end(context, "frontend", front_type, parsed.frontend, [*common, *parsed.set, *parsed.set_frontend])
        backend = _end(context, "backend", back_type, parsed.backend, [*common, *parsed.set, *parsed.set_backend])
        capture = _end(context, "capture", SocketType.PUB, parsed.capture, common) if parsed.capture else None
        ends = {"frontend": frontend, "backend": backend, **({} if capture is None else {"capture": capture})}
        with _statistics_on_signal(ends):
            print(f"{parsed.kind} is running", flush=True)
            await proxy(frontend, backend, capture)


def _common(parsed: argparse.Namespace) -> list[Setting]:
    common = [Setting("linger", parsed.linger)]
    if parsed.hwm is not None:
        common += [Setting("sndhwm", parsed.hwm), Setting("rcvhwm", parsed.hwm)]
    return common


def _end(
    context: Context, what: str, socket_type: SocketType, attachments: list[Attachment], settings: list[Setting]
) -> Socket:
    socket, lines = attach(context, what, socket_type, attachments, settings)
    for line in lines:
        print(line, flush=True)
    return socket


# -- statistics -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _statistics_on_signal(ends: dict[str, Socket]) -> Iterator[None]:
    """Print statistics on standard error whenever SIGUSR1 comes, where the system has that signal."""
    number = getattr(signal, "SIGUSR1", None)
    if number is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, _print_statistics, ends)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def _print_statistics(ends: dict[str, Socket]) -> None:
    for name, socket in ends.items():
        peers, counters = socket.peers(), socket.counters
        print(
            f"{name}: peers={len(peers)} received={counters.received} sent={counters.sent} dropped={counters.dropped}"
            f" queued_in={sum(peer.queued_in for peer in peers)} queued_out={sum(peer.queued_out for peer in peers)}",
            file=sys.stderr,
            flush=True,
        )

"""The two ends of `aiomq proxy`, and where its copies go: how they are written on the command line, and made."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final, NamedTuple

from aiomq.budgets import BUDGETS
from aiomq.constants import SocketType
from aiomq.context import Context
from aiomq.errors import ZMQError
from aiomq.socket import Socket

__all__ = ["KINDS", "Attachment", "EndError", "Setting", "attach", "attachment", "setting"]

KINDS: Final = {
    "queue": (SocketType.ROUTER, SocketType.DEALER),
    "forwarder": (SocketType.XSUB, SocketType.XPUB),
    "streamer": (SocketType.PULL, SocketType.PUSH),
}
"""The devices by name, and the types of their frontend and backend."""


class EndError(Exception):
    """An end cannot be made as it was wanted, and the text says why."""


class Attachment(NamedTuple):
    """An endpoint, and whether to bind or to connect to it."""

    binds: bool
    endpoint: str


class Setting(NamedTuple):
    """An option, or a budget, and what to set it to."""

    name: str
    value: int | str


def attachment(text: str) -> Attachment:
    """Read `tcp://*:5559`, `bind:tcp://*:5559` or `connect:tcp://host:5559`."""
    for word in ("bind", "connect"):
        if text.startswith(f"{word}:") and "://" in text:
            return Attachment(word == "bind", text.removeprefix(f"{word}:"))
    if "://" not in text:
        raise argparse.ArgumentTypeError(
            f"an endpoint such as tcp://*:5559 is accepted, or with bind: or connect: before it, not {text!r}"
        )
    return Attachment(binds=True, endpoint=text)


def setting(text: str) -> Setting:
    """Read `NAME=VALUE`."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"NAME=VALUE is accepted, such as tcp_keepalive=1, not {text!r}")
    number = value.removeprefix("-").isdecimal() and value.isascii()
    return Setting(name.lower(), int(value) if number else value)


def attach(
    context: Context, what: str, socket_type: SocketType, attachments: Sequence[Attachment], settings: Sequence[Setting]
) -> tuple[Socket, list[str]]:
    """Make an end.

    Args:
        context: to make it with.
        what: it is called.
        socket_type: of the socket.
        attachments: what it binds and connects to.
        settings: its options, set in their order, before that.

    Returns:
        The socket, and a line about each attachment, with the port that was really bound.

    Raises:
        EndError: an option or an endpoint is wrong, or an address is taken.
    """
    socket = context.socket(socket_type)
    name = socket_type.name
    for option, value in settings:
        try:
            if option in BUDGETS:
                setattr(socket, option, value)
            else:
                socket.set(option, value)
        except (ZMQError, TypeError) as error:
            raise EndError(f"{what} ({name}): {option}={value}: {error}") from error
    lines = []
    for binds, endpoint in attachments:
        try:
            (socket.bind if binds else socket.connect)(endpoint)
        except (ZMQError, OSError) as error:
            raise EndError(f"{what} ({name}): {error}") from error
        lines.append(f"{what} {name} {'bound to' if binds else 'connecting to'} {socket.last_endpoint}")
    return socket, lines

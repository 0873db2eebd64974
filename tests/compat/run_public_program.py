"""Runs a program that was written for pyzmq, as it is, on the compat layer.

The arguments are a directory (or "tcp"), the program, and its own. Two things are done to the world around it. The tcp
ports that it has chosen for itself become ipc names in the directory, or with "tcp" any free ports, so that tests can
run side by side. And `asyncio.coroutine`, which the older programs are written with, is there again: it was taken from
Python with 3.11.
"""

from __future__ import annotations

import asyncio
import re
import runpy
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiomq.compat
from aiomq.compat.zmq.sugar.socket import Socket

_PORT: Final = re.compile(r"tcp://[^:;]+:(\d+)")


def main(where: str, program: str, *arguments: str) -> None:
    """Run a program until it ends."""
    if where == "tcp":
        _reroute_to_free_ports()
    else:
        _reroute(lambda port: f"ipc://{where}/{port}", "bind", "connect", "unbind", "disconnect")
    if not hasattr(asyncio, "coroutine"):
        asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]  # this is what was taken away
    aiomq.compat.install()
    sys.argv = [program, *arguments]
    sys.path.insert(0, str(Path(program).parent))
    runpy.run_path(program, run_name="__main__")


def _reroute(address_of: Callable[[str], str], *methods: str) -> None:
    for name in methods:
        setattr(Socket, name, _elsewhere(getattr(Socket, name), address_of))


def _elsewhere(method: Any, address_of: Callable[[str], str]) -> Any:
    def call(self: Any, addr: str) -> Any:
        found = _PORT.fullmatch(addr)
        return method(self, address_of(found[1]) if found else addr)

    return call


def _reroute_to_free_ports() -> None:
    """Let a port that is bound be any free one, and what connects to it later in this process go there."""
    real: dict[str, str] = {}
    bind = Socket.bind

    def bind_anywhere(self: Any, addr: str | bytes) -> Any:
        found = _PORT.fullmatch(addr) if isinstance(addr, str) else None
        bound = bind(self, "tcp://127.0.0.1:*" if found else addr)
        if found:
            real[found[1]] = bound.addr
        return bound

    Socket.bind = bind_anywhere  # type: ignore[method-assign]  # this is what it is for
    _reroute(real.__getitem__, "connect")


if __name__ == "__main__":
    main(*sys.argv[1:])

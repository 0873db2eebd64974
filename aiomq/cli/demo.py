"""`aiomq demo`: two processes, the three patterns that most programs are made of, and how many messages go through.

Every socket of this process binds to a free port of the loopback interface; the other process connects. What is
printed has really travelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import sys
import time
from collections.abc import Sequence
from typing import Final

from aiomq.cli.demo_peer import NEWS, SMALL
from aiomq.constants import PULL, PUSH, REQ, SUB
from aiomq.context import Context
from aiomq.errors import ZMQError
from aiomq.socket import Socket
from aiomq.version import __version__

__all__ = ["PEER", "DemoError", "show"]

PEER: Final = (sys.executable, "-m", "aiomq.cli.demo_peer")
"""How the second process is started; its endpoints follow."""

_DEADLINE: Final = 15.0
"""Seconds for everything but the last part, whose length the user chooses."""

_GRACE: Final = 3.0
"""Seconds that the second process gets to end by itself."""


class DemoError(Exception):
    """Something did not work, and the text says what."""


async def show(seconds: float, peer: Sequence[str] = PEER) -> None:
    """Run the demo.

    Args:
        seconds: how long to send as fast as possible.
        peer: the command of the second process.

    Raises:
        DemoError: something failed, or took too long. The second process has ended in every case.
    """
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    print(f"aiomq {__version__}, Python {platform.python_version()}, event loop: {loop}")
    try:
        async with Context() as context:
            context.linger = 0
            sockets = _Sockets(context)
            await _talk(sockets, seconds, peer)
    except (ZMQError, OSError, ValueError) as error:
        raise DemoError(f"{error} ({type(error).__name__})") from error


class _Sockets:
    """The sockets of this process, one for each part, bound to free ports."""

    def __init__(self, context: Context) -> None:
        self.requests = context.socket(REQ)
        self.news = context.socket(SUB)
        self.tasks = context.socket(PUSH)
        self.results = context.socket(PULL)
        self.flood = context.socket(PULL)
        self.endpoints = [self._bind(each) for each in (self.requests, self.news, self.tasks, self.results, self.flood)]

    @staticmethod
    def _bind(socket: Socket) -> str:
        socket.bind("tcp://127.0.0.1:*")
        return socket.last_endpoint


async def _talk(sockets: _Sockets, seconds: float, peer: Sequence[str]) -> None:
    """Start the second process, go through the parts, and end the process whatever happens."""
    process = await _start([*peer, *sockets.endpoints, str(seconds)])
    print(f"Two processes on this machine, {os.getpid()} and {process.pid}, talk to each other over tcp.")
    ended = asyncio.create_task(process.communicate(), name="end of the second process")
    parts = asyncio.create_task(_parts(sockets, process.pid), name="parts of the demo")
    try:
        await asyncio.wait({parts, ended}, timeout=_DEADLINE + seconds, return_when=asyncio.FIRST_COMPLETED)
        if not parts.done() and process.returncode == 0:
            await asyncio.wait({parts}, timeout=_GRACE)  # the other process is through; its last words are on their way
        _check(parts, ended, process)
        await asyncio.wait({ended}, timeout=_GRACE)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                process.kill()
        parts.cancel()
        await asyncio.wait({parts, ended})


async def _start(command: Sequence[str]) -> asyncio.subprocess.Process:
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    try:
        return await asyncio.create_subprocess_exec(*command, stdin=nothing, stdout=nothing, stderr=pipe)
    except OSError as error:
        raise DemoError(f"the second process could not be started with {command[0]}: {error}") from error


def _check(
    parts: asyncio.Task[None], ended: asyncio.Task[tuple[bytes, bytes]], process: asyncio.subprocess.Process
) -> None:
    """Raise what went wrong, if the parts are not done."""
    if parts.done():
        parts.result()
    elif ended.done():
        said = ended.result()[1].decode(errors="replace").strip()
        reason = f"the second process ended too early, with status {process.returncode}"
        raise DemoError(f"{reason}; it said:\n{said}" if said else reason)
    else:
        raise DemoError("the two processes did not get through in time")


# -- the parts --------------------------------------------------------------------------------------------------------


async def _parts(sockets: _Sockets, pid: int) -> None:
    await _request_reply(sockets.requests)
    await _publish_subscribe(sockets.news, pid)
    await _pipeline(sockets.tasks, sockets.results, pid)
    await _speed(sockets.flood, pid)


def _title(title: str, what: str) -> None:
    print(f"\n{title}: {what}")


async def _request_reply(requests: Socket) -> None:
    _title("Request-reply (REQ, REP)", "one asks, the other answers")
    for name in ("Ada", "Grace", "Barbara"):
        await requests.send_string(name)
        print(f"  asked {name!r:<11} got {await requests.recv_string()!r}")
    await requests.send_string("")
    await requests.recv_string()


async def _publish_subscribe(news: Socket, pid: int) -> None:
    _title("Publish-subscribe (PUB, SUB)", f"{pid} publishes, we subscribed to what begins with 'weather'")
    news.subscribe("weather")
    for text in NEWS:
        if text.startswith("weather"):
            got = await news.recv_string()
            if got != text:
                raise DemoError(f"{text!r} should have come next, and {got!r} came")
            print(f"  {pid} published {text!r:<31} we got {got!r}")
        else:
            print(f"  {pid} published {text!r:<31} not for us")


async def _pipeline(tasks: Socket, results: Socket, pid: int) -> None:
    _title("Pipeline (PUSH, PULL)", f"we hand out work, {pid} does it, we collect")
    for number in range(1, 6):
        await tasks.send_json(number)
    await tasks.send_json(0)  # no more work
    for _ in range(5):
        number, square = await results.recv_json()
        print(f"  pushed {number}, collected {square}")


async def _speed(flood: Socket, pid: int) -> None:
    _title("Speed (PUSH, PULL)", f"{pid} sends {len(SMALL)}-byte messages as fast as it can, one await per message")
    await flood.recv()
    count, begin = 0, time.perf_counter()
    while await flood.recv() == SMALL:
        count += 1
    took = time.perf_counter() - begin
    print(f"  {count:,} messages in {took:.2f} seconds: {count / took:,.0f} messages per second")

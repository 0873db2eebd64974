"""Peers that are libzmq: a blocking socket of pyzmq in a thread, or in a process that can be killed, both awaitable.

Every call of theirs is bounded: by RCVTIMEO and SNDTIMEO in libzmq, and by LINGER 0 at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar

import zmq
from zmq.utils.monitor import recv_monitor_message

import aiomq
from aiomq.constants import Event
from tests.interop.libzmq_program import END, Runs, runs, set_options

__all__ = [
    "TIMEOUT",
    "End",
    "LibzmqPeer",
    "LibzmqProcess",
    "ProcessGoneError",
    "attentive",
    "happened",
    "recv_numbers",
    "send_end",
    "send_numbers",
]

TIMEOUT: Final = 15.0
"""Seconds that any one step of a test may take at most: far more than it needs, on a busy machine too."""

_PROGRAM: Final = Path(__file__).with_name("libzmq_program.py")
_BOUNDS: Final[dict[str, Any]] = {
    "linger": 0,
    "rcvtimeo": int(TIMEOUT * 1000),
    "sndtimeo": int(TIMEOUT * 1000),
    "reconnect_ivl": 10,
}

T = TypeVar("T")


class End(Protocol):
    """One end of a conversation: a socket of aiomq, or one of libzmq behind the same two verbs."""

    async def send_multipart(self, msg_parts: Sequence[bytes], /) -> None:
        """Send a message."""

    async def recv_multipart(self) -> list[bytes]:
        """Receive a message."""


class LibzmqPeer:
    """A socket of libzmq with a context and a thread of its own.

    Args:
        socket_type: the type, by its number.
        options: options to set on it, by name: `routing_id=b"one"`.
    """

    def __init__(self, socket_type: int, **options: Any) -> None:
        self._type = socket_type
        self._options = _BOUNDS | options
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="libzmq")
        self._context: zmq.Context[zmq.Socket[bytes]]
        self._socket: zmq.Socket[bytes]
        self._monitor: zmq.Socket[bytes] | None = None

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)

    async def __aenter__(self) -> Self:
        await self._run(self._open)
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._run(self._close)
        self._executor.shutdown()

    def _open(self) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(self._type)
        set_options(self._socket, self._options)

    def _close(self) -> None:
        if self._monitor is not None:
            self._socket.disable_monitor()
        self._context.destroy(linger=0)

    async def call(self, function: Callable[[zmq.Socket[bytes]], T]) -> T:
        """Do anything with the socket in its thread."""
        return await self._run(lambda: function(self._socket))

    async def bind(self, endpoint: str) -> str:
        """Bind, and return the endpoint that others can connect to."""

        def bind(socket: zmq.Socket[bytes]) -> str:
            socket.bind(endpoint)
            return socket.getsockopt_string(zmq.LAST_ENDPOINT)

        return await self.call(bind)

    async def connect(self, endpoint: str) -> None:
        """Connect; libzmq goes on with it in the background."""
        await self.call(lambda socket: socket.connect(endpoint))

    async def set(self, **options: Any) -> None:
        """Set options by name."""
        await self.call(lambda socket: set_options(socket, options))

    async def send_multipart(self, msg_parts: Sequence[bytes], /) -> None:
        """Send a message."""
        await self.call(lambda socket: socket.send_multipart(msg_parts))

    async def recv_multipart(self) -> list[bytes]:
        """Receive a message; zmq.Again after the bound."""
        return await self.call(lambda socket: socket.recv_multipart())

    async def watch(self) -> None:
        """Begin to keep the socket's events for `happened`."""

        def watch(socket: zmq.Socket[bytes]) -> zmq.Socket[bytes]:
            monitor: zmq.Socket[bytes] = socket.get_monitor_socket()
            monitor.rcvtimeo = int(TIMEOUT * 1000)
            return monitor

        self._monitor = await self.call(watch)

    async def happened(self, event: Event) -> None:
        """Wait for the next event of this kind."""
        monitor = self._monitor
        assert monitor is not None, "watch comes first"

        def wait() -> None:
            while recv_monitor_message(monitor)["event"] != event:
                continue

        await self._run(wait)


@contextlib.asynccontextmanager
async def attentive(peer: aiomq.Socket | LibzmqPeer) -> AsyncIterator[None]:
    """Keep calling a libzmq peer, which sees to what happened to its connections only within calls."""

    async def call_again_and_again() -> None:
        while isinstance(peer, LibzmqPeer):
            await peer.call(lambda socket: socket.getsockopt(zmq.EVENTS))

    calls = asyncio.create_task(call_again_and_again())
    try:
        yield
    finally:
        calls.cancel()
        await asyncio.wait([calls])


class ProcessGoneError(Exception):
    """The process ended before it answered."""


class LibzmqProcess:
    """A socket of libzmq in a process of its own.

    Args:
        socket_type: the type, by its number.
        options: options to set on it, by name; as text where they are bytes.
    """

    def __init__(self, socket_type: int, **options: Any) -> None:
        self._type = socket_type
        self._options = _BOUNDS | {
            name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in options.items()
        }
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="libzmq process")
        self._process: subprocess.Popen[str]

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().run_in_executor(self._executor, self._start)
        await self.ask("set", self._options)
        return self

    def _start(self) -> None:
        command = [sys.executable, str(_PROGRAM), str(int(self._type))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.kill()
        self._executor.shutdown()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()

    async def kill(self) -> None:
        """End the process at once, as a crash would, and wait until it is gone; a question that is open fails."""
        self._process.kill()
        await asyncio.to_thread(self._process.wait)

    def _ask(self, request: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request)
        self._process.stdin.flush()
        return self._process.stdout.readline()

    async def ask(self, verb: str, *arguments: Any) -> Any:
        """Have the program do something, and return its answer.

        Raises:
            ProcessGoneError: it was killed first.
            AssertionError: it could not.
        """
        request = json.dumps([verb, *arguments]) + "\n"
        line = await asyncio.get_running_loop().run_in_executor(self._executor, self._ask, request)
        if not line:
            raise ProcessGoneError(verb)
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def bind(self, endpoint: str) -> str:
        """Bind, and return the endpoint that others can connect to."""
        bound: str = await self.ask("bind", endpoint)
        return bound

    async def connect(self, endpoint: str) -> None:
        """Connect; libzmq goes on with it in the background."""
        await self.ask("connect", endpoint)

    async def send_multipart(self, msg_parts: Sequence[bytes], /) -> None:
        """Send a message."""
        await self.ask("send", [part.decode("latin-1") for part in msg_parts])

    async def recv_multipart(self) -> list[bytes]:
        """Receive a message."""
        return [frame.encode("latin-1") for frame in await self.ask("recv")]

    async def send_numbers(self, start: int, stop: int, envelope: Sequence[bytes] = ()) -> None:
        """Send numbers, each as the last frame of a message."""
        await self.ask("send_numbers", start, stop, [frame.decode("latin-1") for frame in envelope])

    async def recv_numbers(self, count: int, envelope: Sequence[bytes] = ()) -> Runs:
        """Receive so many numbers, and return the stretches they came in."""
        numbers: Runs = await self.ask("recv_numbers", count, [frame.decode("latin-1") for frame in envelope])
        return numbers

    async def recv_numbers_to_end(self, envelope: Sequence[bytes] = ()) -> Runs:
        """Receive numbers until END, and return the stretches they came in."""
        numbers: Runs = await self.ask("recv_numbers_to_end", [frame.decode("latin-1") for frame in envelope])
        return numbers


# -- the same, for sockets of aiomq -----------------------------------------------------------------------------------


async def happened(monitor: aiomq.Monitor, event: Event) -> aiomq.MonitorEvent:
    """Wait for the next event of this kind."""
    async with asyncio.timeout(TIMEOUT):
        async for each in monitor:
            if each.event is event:
                return each
    raise AssertionError(f"the socket was closed before {event.name} happened")


async def send_numbers(socket: aiomq.Socket, start: int, stop: int, envelope: Sequence[bytes] = ()) -> None:
    """Send numbers, each as the last frame of a message."""
    for number in range(start, stop):
        await socket.send_multipart([*envelope, b"%d" % number])


async def send_end(socket: aiomq.Socket, envelope: Sequence[bytes] = ()) -> None:
    """Send what comes after the last number."""
    await socket.send_multipart([*envelope, END])


async def recv_numbers(socket: aiomq.Socket, count: int, envelope: Sequence[bytes] = ()) -> Runs:
    """Receive so many numbers in the envelope that they are to come in; return the stretches they came in."""
    numbers = []
    before = list(envelope)
    async with asyncio.timeout(TIMEOUT):
        for _ in range(count):
            message = await socket.recv_multipart()
            assert message[:-1] == before
            numbers.append(int(message[-1]))
    return runs(numbers)

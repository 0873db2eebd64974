"""The good client, in a process of its own: a message each 10 ms, and every quarter of a second a newcomer.

`python -m tests.attack.client SPEC` connects, says so, measures from one line on its standard input to the next, and
says then what it measured. Latency counts from when a message was due, not from when it left at last: a server that
stands for a second makes a hundred messages late, and not one.
"""

from __future__ import annotations

import asyncio
import itertools
import socket as sockets
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

import aiomq
from aiomq.runner import loop_factory
from tests.attack.gauge import Beat
from tests.attack.specs import GOOD, RECORD_SIZE, STEP_SECONDS, ClientReport, ClientSpec, good_body, parse_good
from tests.attack.system import settle_on

__all__ = ["Latencies"]

NEWCOMER_SECONDS: Final = 0.25
FIRST_NEWCOMER: Final = 1 << 40
"""The number of the first newcomer's message: far from those of the others."""

PATIENCE_SECONDS: Final = 10.0
"""After which a REQ without an answer is given up for a new one."""

_CLIENT_OF: Final = {"PULL": aiomq.PUSH, "ROUTER": aiomq.DEALER, "XPUB": aiomq.SUB, "REP": aiomq.REQ}


class Latencies:
    """When the messages of a schedule were answered.

    Args:
        begin: when the first of them was due.
        first: its number.
    """

    def __init__(self, begin: float, first: int = 0) -> None:
        self.begin = begin
        self.first = first
        self._answered: dict[int, float] = {}

    def due(self, number: int) -> float:
        """Return when a message is due."""
        return self.begin + (number - self.first) * STEP_SECONDS

    def answer(self, number: int, now: float) -> None:
        """Note that a message was answered."""
        self._answered.setdefault(number, now)

    def finish(self, end: float) -> tuple[list[float], int]:
        """Return the latency of each message that was due before the end, and how many had no answer.

        Those count as long as they have waited, and as unanswered when that is longer than a step.
        """
        numbers = range(self.first, self.first + max(0, int((end - self.begin) / STEP_SECONDS)))
        found = [self._answered.get(number, end) - self.due(number) for number in numbers]
        late = [number for number in numbers if number not in self._answered and end - self.due(number) > 0.1]
        return found, len(late)


class Client:
    """A well-behaved client of a server of some type, and the newcomers beside it."""

    def __init__(self, spec: ClientSpec) -> None:
        self._spec = spec
        self._context = aiomq.Context()
        self._latencies: Latencies | None = None
        self._acks: dict[int, asyncio.Future[None]] = {}
        self._ack = sockets.socket(fileno=spec.ack)
        self._ack.setblocking(False)
        self._connected = asyncio.Event()
        self._begun = asyncio.Event()
        self._numbers = itertools.count()
        self._complaints: Counter[str] = Counter()
        self._newcomers: dict[asyncio.Task[None], float] = {}
        self._times: list[float] = []

    async def run(self) -> None:
        """Measure when it is told to."""
        lines = await _standard_input()
        loop = asyncio.get_running_loop()
        main = loop.create_task(self._converse())
        acks = loop.create_task(self._hear_acks())
        await self._connected.wait()
        print("{}", flush=True)  # noqa: T201  # the parent waits for it
        await lines.readline()
        report = await self._measure(lines)
        print(msgspec.json.encode(report).decode(), flush=True)  # noqa: T201  # the report
        await lines.readline()  # go on to be there, for what is counted with it and without the strangers
        main.cancel()
        acks.cancel()
        self._context.destroy(0)

    async def _measure(self, lines: asyncio.StreamReader) -> ClientReport:
        with TemporaryDirectory(prefix="aiomq-attack-") as directory:
            beat = Beat(Path(directory) / "beat")
            beat.start()
            if self._spec.type != "XPUB":
                self._latencies = Latencies(time.monotonic())
            else:
                self._latencies = Latencies(time.monotonic(), -1)  # the first number is the publisher's
            self._begun.set()
            coming = asyncio.get_running_loop().create_task(self._let_newcomers_come())
            await lines.readline()
            coming.cancel()
            latencies, unanswered = self._latencies.finish(time.monotonic())
            locked_out = await self._send_newcomers_away()
            return ClientReport(
                latencies=latencies,
                unanswered=unanswered,
                newcomers=self._times,
                locked_out=locked_out,
                longest=beat.read().longest,
                complaints=dict(self._complaints),
            )

    # -- the client that was there before ----------------------------------------------------------------------------

    async def _converse(self) -> None:
        ways = {"PULL": self._push, "ROUTER": self._deal, "XPUB": self._subscribe, "REP": self._request}
        way = ways[self._spec.type]
        while True:
            socket = self._socket()
            try:
                await way(socket)
            except Exception as error:  # what a server's end of it can raise here is to be found out
                self._complaints[f"{type(error).__name__}: {error}"[:200]] += 1
            finally:
                socket.close(0)

    def _socket(self) -> aiomq.Socket:
        socket = self._context.socket(_CLIENT_OF[self._spec.type])
        if self._spec.type == "XPUB":
            socket.subscribe(GOOD)
        socket.connect(self._spec.endpoint)
        return socket

    async def _push(self, socket: aiomq.Socket) -> None:
        await socket.send(b"hello")
        self._connected.set()
        await self._send_on_time(socket.send)

    async def _deal(self, socket: aiomq.Socket) -> None:
        await socket.send(b"hello")
        await socket.recv()
        self._connected.set()
        sending = asyncio.get_running_loop().create_task(self._send_on_time(socket.send))
        try:
            while True:
                self._heard(await socket.recv())
        finally:
            sending.cancel()

    async def _subscribe(self, socket: aiomq.Socket) -> None:
        while True:
            self._heard(await socket.recv())
            self._connected.set()

    async def _request(self, socket: aiomq.Socket) -> None:
        await socket.send(b"hello")
        await socket.recv()
        self._connected.set()

        async def ask(body: bytes) -> None:
            await socket.send(body)
            async with asyncio.timeout(PATIENCE_SECONDS):
                self._heard(await socket.recv())

        await self._send_on_time(ask)

    async def _send_on_time(self, send: Callable[[bytes], Awaitable[object]]) -> None:
        """Send each message when it is due, or as soon after that as may be."""
        await self._begun.wait()
        assert self._latencies is not None
        for number in self._numbers:
            due = self._latencies.due(number)
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            await send(good_body(number, due))

    def _heard(self, body: bytes) -> None:
        parsed, now, latencies = parse_good(body), time.monotonic(), self._latencies
        if parsed is None or latencies is None:
            return
        number, due = parsed
        if latencies.first < 0:  # of a publisher: here its messages begin to count
            latencies.first, latencies.begin = number, due
        latencies.answer(number, now)

    async def _hear_acks(self) -> None:
        loop = asyncio.get_running_loop()
        data = b""
        while chunk := await loop.sock_recv(self._ack, 65536):
            data += chunk
            while len(data) >= RECORD_SIZE:
                body, data = data[:RECORD_SIZE], data[RECORD_SIZE:]
                parsed = parse_good(body)
                if parsed is not None and (waiter := self._acks.pop(parsed[0], None)) is not None:
                    waiter.set_result(None)
                else:
                    self._heard(body)

    # -- newcomers ---------------------------------------------------------------------------------------------------

    async def _let_newcomers_come(self) -> None:
        loop = asyncio.get_running_loop()
        for number in itertools.count(FIRST_NEWCOMER):
            task = loop.create_task(self._come(number))
            self._newcomers[task] = time.monotonic()
            task.add_done_callback(self._newcomers.__delitem__)
            await asyncio.sleep(NEWCOMER_SECONDS)

    async def _come(self, number: int) -> None:
        begin = time.monotonic()
        socket = self._socket()
        try:
            if self._spec.type == "PULL":
                waiter = self._acks[number] = asyncio.get_running_loop().create_future()
                await socket.send(good_body(number, begin))
                await waiter
            else:
                if self._spec.type != "XPUB":
                    await socket.send(b"hello")
                await socket.recv()
            self._times.append(time.monotonic() - begin)
        except Exception as error:  # as above
            self._complaints[f"newcomer: {type(error).__name__}: {error}"[:200]] += 1
        finally:
            self._acks.pop(number, None)
            socket.close(0)

    async def _send_newcomers_away(self) -> int:
        """End those that wait; return how many have waited for longer than it takes."""
        now, waiting = time.monotonic(), dict(self._newcomers)
        self._times += [now - begin for begin in waiting.values()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return sum(now - begin > 1 for begin in waiting.values())


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def main() -> None:
    """Be a good client as the argument says."""
    spec = msgspec.json.decode(sys.argv[1], type=ClientSpec)
    settle_on(spec.core)

    async def serve() -> None:
        await Client(spec).run()

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()

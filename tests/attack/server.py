"""The server under attack, in a process of its own: one socket, one user, an ordinary program.

`python -m tests.attack.server SPEC` says its state at the start and at each line that comes in; "mark" begins the
measuring anew. It ends with its standard input.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import socket as sockets
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

import aiomq
from tests.attack.gauge import Beat
from tests.attack.specs import ASK, GOOD, STEP_SECONDS, ServerSpec, ServerState, good_body
from tests.attack.system import allow_files, limit_memory, settle_on

_Work: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

MIB: Final = 1 << 20
BIG_EVERY: Final = 20
"""With how many messages of the good client's topic one of a MiB is published."""

FILES: Final = 10_000
RETRY_SECONDS: Final = 0.01
"""Of a user whose call raised."""

CURVE_SECRET: Final = aiomq.z85.encode(bytes(range(32)))


class Server:
    """The socket, its user, and what they met with."""

    def __init__(self, spec: ServerSpec, beat: Beat) -> None:
        self._spec = spec
        self._beat = beat
        self._complaints: Counter[str] = Counter()
        self._received = 0
        self._done = asyncio.Event()
        self._ack = sockets.socket(fileno=spec.ack) if spec.ack >= 0 else None
        self._unsent = bytearray()
        if self._ack is not None:
            self._ack.setblocking(False)
        self._context = aiomq.Context()
        self._socket = self._context.socket(getattr(aiomq, spec.type))

    async def run(self) -> None:
        """Serve until the standard input ends."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._loop_complains)
        self._secure()
        self._socket.bind("tcp://127.0.0.1:0")
        self._beat.start()
        tasks = [loop.create_task(each()) for each in self._users()]
        loop.add_reader(sys.stdin.fileno(), self._asked)
        self._tell()
        await self._done.wait()
        for each in tasks:
            each.cancel()
        self._context.destroy(0)

    def _secure(self) -> None:
        if self._spec.mechanism == "PLAIN":
            self._socket.plain_server = True
        elif self._spec.mechanism == "CURVE":
            self._socket.curve_server = True
            self._socket.curve_secretkey = CURVE_SECRET

    # -- the user ----------------------------------------------------------------------------------------------------

    def _users(self) -> list[_Work]:
        if not self._spec.reads:
            return []
        if self._spec.type == "XPUB":
            return [lambda: self._always(self._count), lambda: self._always(self._publish)]
        return [lambda: self._always(self._count if self._spec.type == "PULL" else self._echo)]

    async def _always(self, work: _Work) -> None:
        """Do some work for ever, and note what it raises, as a program that must not end would."""
        while True:
            try:
                await work()
            except Exception as error:
                self._complaints[f"user: {type(error).__name__}: {error}"[:200]] += 1
                await asyncio.sleep(RETRY_SECONDS)

    async def _count(self) -> None:
        while True:
            body = (await self._socket.recv_multipart())[-1]
            self._received += 1
            if self._ack is not None and body.startswith(GOOD):
                self._unsent += body
                self._send_acks()

    def _send_acks(self) -> None:
        """Answer the good client, which may read slowly: then some of it later."""
        assert self._ack is not None
        try:
            del self._unsent[: self._ack.send(self._unsent)]
        except BlockingIOError:
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._send_acks)

    async def _echo(self) -> None:
        while True:
            parts = await self._socket.recv_multipart()
            self._received += 1
            if parts[-1].startswith(ASK):
                parts[-1] = b"x" * MIB
            await self._socket.send_multipart(parts)

    async def _publish(self) -> None:
        begin, number = time.monotonic(), 0
        while True:
            due = begin + number * STEP_SECONDS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._socket.send(good_body(number, due))
            if number % BIG_EVERY == 0:
                await self._socket.send(ASK + b"x" * MIB)
            number += 1

    # -- telling -----------------------------------------------------------------------------------------------------

    def _loop_complains(self, loop: asyncio.AbstractEventLoop, facts: dict[str, Any]) -> None:
        self._complaints[f"loop: {facts.get('message')}: {facts.get('exception')!r}"[:200]] += 1

    def _asked(self) -> None:
        text = os.read(sys.stdin.fileno(), 4096)
        if not text:
            asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
            self._done.set()
            return
        if b"mark" in text:
            self._beat.reset()
        self._tell()

    def _tell(self) -> None:
        traced, peak = tracemalloc.get_traced_memory() if self._spec.traced else (0, 0)
        state = ServerState(
            endpoint=self._socket.last_endpoint,
            peers=len(self._socket.peers()),
            tasks=len(asyncio.all_tasks()),
            received=self._received,
            traced=traced,
            traced_peak=peak,
            complaints=dict(self._complaints),
        )
        print(msgspec.json.encode(state).decode(), flush=True)  # noqa: T201  # the parent reads it
        if self._spec.traced:
            tracemalloc.reset_peak()


def main() -> None:
    """Serve as the argument says."""
    spec = msgspec.json.decode(sys.argv[1], type=ServerSpec)
    settle_on(spec.core)
    limit_memory(spec.memory_mib)
    allow_files(FILES)
    if spec.traced:
        tracemalloc.start()
    factory = asyncio.new_event_loop
    if spec.loop == "uvloop":
        factory = importlib.import_module("uvloop").new_event_loop
    beat = Beat(Path(spec.beat))

    async def serve() -> None:
        await Server(spec, beat).run()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve())


if __name__ == "__main__":
    main()

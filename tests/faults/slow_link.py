"""A link between two processes or sockets that lets only so many bytes a second through, and always some."""

from __future__ import annotations

import asyncio
import socket
from types import TracebackType
from typing import Final, Self

__all__ = ["SlowLink"]

_CHUNK: Final = 16 * 1024
_BUFFER: Final = 32 * 1024
"""The link's own buffers are small: what it has not passed on stands with the sender."""


class SlowLink:
    """Listens, and passes on to where `target` says what comes, both ways, at a bounded rate.

    Args:
        rate: bytes a second towards the target. The way back is as fast as it goes.
    """

    def __init__(self, rate: int) -> None:
        self._pause = _CHUNK / rate
        self._target: tuple[str, int] = ("", 0)
        self._tasks: list[asyncio.Task[None]] = []
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._listener.setblocking(False)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.endpoint = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self.accepted = 0
        """How many connections there were."""

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.create_task(self._accept()))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._listener.close()

    def lead_to(self, endpoint: str) -> None:
        """Say where the other end of the link is."""
        host, port = endpoint.removeprefix("tcp://").rsplit(":", 1)
        self._target = host, int(port)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(self._listener)
            self.accepted += 1
            self._tasks.append(asyncio.create_task(self._carry(near)))

    async def _carry(self, near: socket.socket) -> None:
        with near, socket.socket() as far:
            near.setblocking(False)
            far.setblocking(False)
            await asyncio.get_running_loop().sock_connect(far, self._target)
            ways = [
                asyncio.create_task(self._pass_on(near, far, self._pause)),
                asyncio.create_task(self._pass_on(far, near, 0)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    @staticmethod
    async def _pass_on(source: socket.socket, sink: socket.socket, pause: float) -> None:
        loop = asyncio.get_running_loop()
        while data := await loop.sock_recv(source, _CHUNK):
            await loop.sock_sendall(sink, data)
            await asyncio.sleep(pause)

"""A second event loop in a second thread, with sockets of the same context in it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import aiomq

__all__ = ["LoopThread", "RemoteSocket"]

T = TypeVar("T")


class LoopThread:
    """Runs an event loop of the same kind as the one it is entered in, in another thread, until it is left."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=self._serve, name="second loop", daemon=True)

    async def __aenter__(self) -> Self:
        self.loop = type(asyncio.get_running_loop())()
        self._thread.start()
        return self

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        await asyncio.to_thread(self._thread.join)

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the other loop, and return its result here."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))

    async def socket(self, context: aiomq.Context, socket_type: int, **options: Any) -> RemoteSocket:
        """Make a socket that belongs to the other loop."""

        async def make() -> aiomq.Socket:
            return context.socket(socket_type, **options)

        return RemoteSocket(self, await self.run(make))


class RemoteSocket:
    """A socket in another loop, with its coroutines awaited in this one."""

    def __init__(self, thread: LoopThread, socket: aiomq.Socket) -> None:
        self.thread = thread
        self.socket = socket

    async def bind(self, address: str) -> None:
        """Bind in the other loop."""

        async def bind() -> None:
            self.socket.bind(address)

        await self.thread.run(bind)

    async def connect(self, address: str) -> None:
        """Connect in the other loop."""

        async def connect() -> None:
            self.socket.connect(address)

        await self.thread.run(connect)

    async def send_multipart(self, msg_parts: Sequence[bytes], /) -> None:
        """Send a message."""
        await self.thread.run(lambda: self.socket.send_multipart(msg_parts))

    async def recv_multipart(self) -> list[bytes]:
        """Receive a message."""
        return await self.thread.run(self.socket.recv_multipart)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.thread.run(self.socket.aclose)

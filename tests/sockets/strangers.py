"""Strangers: plain sockets that say what ZMTP asks for, and then do as they like."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from types import TracebackType
from typing import Self

from tests.transports.scripted import GREETING, ready

__all__ = ["Stranger"]


class Stranger:
    """One end of a stream whose other end is a socket of ours; it reads nothing by itself."""

    def __init__(self, endpoint: str, socket_type: str, *properties: tuple[str, bytes]) -> None:
        if endpoint.startswith("ipc"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(endpoint.removeprefix("ipc://"))
        else:
            host, _, port = endpoint.removeprefix("tcp://").rpartition(":")
            self.sock = socket.create_connection((host, int(port)))
        self.sock.sendall(GREETING + ready(socket_type, *properties))
        self.sock.setblocking(False)

    async def send(self, data: bytes) -> None:
        """Write all of it."""
        await asyncio.get_running_loop().sock_sendall(self.sock, data)

    async def read(self, size: int) -> bytes:
        """Read up to so many octets."""
        return await asyncio.get_running_loop().sock_recv(self.sock, size)

    async def read_all(self) -> None:
        """Read whatever comes, until the other side closes."""
        loop = asyncio.get_running_loop()
        buffer = bytearray(1 << 20)
        while await loop.sock_recv_into(self.sock, buffer):
            continue

    def leave(self) -> None:
        """Close after all that came is read: else the system resets the connection, and drops what is on its way."""
        with contextlib.suppress(BlockingIOError):
            while self.sock.recv(1 << 16):
                continue
        self.close()

    def close(self) -> None:
        """Leave."""
        self.sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

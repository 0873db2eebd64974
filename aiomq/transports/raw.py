"""A byte stream without ZMTP, for STREAM sockets: bytes as they come, and bytes as they are given.

There is no handshake: a connection is ready as soon as it is made. What arrives is cut into chunks only so that the
high-water mark, which counts them, also bounds the bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from aiomq.message import Item
from aiomq.teardown import run_all
from aiomq.transports.connection import Connection
from aiomq.transports.pace import pace_for
from aiomq.zmtp.frames import BATCH_BYTES, FrameDecoder, FrameEncoder
from aiomq.zmtp.session import PeerInfo

__all__ = ["CHUNK_BYTES", "RawConnection"]

CHUNK_BYTES: Final = 8192
"""So long is a chunk at most (as in libzmq)."""

_NOBODY: Final = PeerInfo(version=(0, 0), metadata={})
"""What is known of a peer that says nothing of itself."""


class _ChunkDecoder(FrameDecoder):
    """Gives the bytes that it is fed, in chunks."""

    __slots__ = ()

    @property
    def was_fed(self) -> bool:
        """Whether there were any bytes."""
        return bool(self._data)  # the last chunk stays here

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take the next bytes of the stream, in order."""
        self._data = bytes(chunk)
        self._position = 0
        self.starved = not chunk

    def take(self, limit: int) -> list[Item]:
        """Return up to `limit` chunks."""
        start, end = self._position, len(self._data)
        stop = min(start + limit * CHUNK_BYTES, end)
        self._position = stop
        self.starved = stop == end
        return [bytes(self._data[each : min(each + CHUNK_BYTES, stop)]) for each in range(start, stop, CHUNK_BYTES)]

    def detach_chunk(self) -> None:
        """Nothing: what is left is a copy already."""


class _ChunkEncoder(FrameEncoder):
    """Gives the bytes of queued chunks."""

    __slots__ = ()

    def encode_one(self, item: Item) -> bytes | None:
        """Return a chunk."""
        return item  # type: ignore[return-value]  # all that is put to such a peer is chunks

    def encode(self, queue: deque[Item]) -> tuple[list[bytes], int]:
        """Return the bytes at the head of the queue, which is left as it is, and how many chunks they were."""
        chunks: list[bytes] = []
        total = 0
        for item in queue:
            chunks.append(item)  # type: ignore[arg-type]  # as above
            total += len(chunks[-1])
            if total >= BATCH_BYTES:
                break
        return [b"".join(chunks)], len(chunks)


class RawConnection(Connection):
    """One connection of a STREAM socket; its peer gets an empty chunk at either end of it, if STREAM_NOTIFY is set."""

    __slots__ = ()

    def _begin(self, transport: asyncio.BaseTransport) -> None:
        """Be ready at once."""
        self._take_transport(transport)
        self.host.connection_made(self)
        if self.transport.is_closing():
            return
        self._decoder = _ChunkDecoder()
        self._encoder = _ChunkEncoder(subscription_commands=False)
        self._pace = pace_for(self._options, self.loop, self)
        self.peer = self.host.connection_ready(self, _NOBODY)
        self._notify()

    @property
    def is_proved(self) -> bool:
        """Whether the other side has shown that it is one: without a handshake that is any byte."""
        return isinstance(self._decoder, _ChunkDecoder) and self._decoder.was_fed

    def _deliver_departed(self) -> None:
        if self.peer is not None:
            run_all(super()._deliver_departed, self._notify)

    def _notify(self) -> None:
        if self._options.stream_notify:
            self._deliver([b""])

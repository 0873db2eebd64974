"""Connections of a durable socket with a store: what they write is struck out in the store first.

They are classes of their own, so that other connections pay nothing for it.
"""

from __future__ import annotations

from collections import deque

from aiomq.durable_ledger import RecordedPeer
from aiomq.message import Item
from aiomq.transports.connection import Connection
from aiomq.weights import size_of

__all__ = ["RECORDED_BATCH_BYTES", "RecordedConnection"]

RECORDED_BATCH_BYTES = 64 * 1024
"""About so many bytes are struck out, and then written, together: what the death of the process may cost at most
beside the buffers of the transport."""


class RecordedConnection(Connection):
    """Writes from an outbox of which the store has a part."""

    __slots__ = ()

    def flush(self) -> None:
        """Write what is in the outbox, as far as the transport takes it and the store lets it go."""
        peer = self.peer
        if not isinstance(peer, RecordedPeer):  # none yet, or one that is not remembered
            super().flush()
            return
        ledger = peer.ledger
        while ledger.has_written(peer):
            if self._write_paused or self._closing or self.lost:
                peer.left_behind(self.unsent_bytes())
                return
            batch = _head(peer.outbox)
            if not ledger.strike_out(peer, len(batch)):
                return
            self._write_batch(peer, batch)
        super().flush()

    def _write_batch(self, peer: RecordedPeer, batch: deque[Item]) -> None:
        """Write all of it, whatever the transport holds: the store has it no longer."""
        while batch:
            buffers, count = self._encoder.encode(batch)
            self._write(buffers)
            for _ in range(count):
                batch.popleft()
                peer.outbox.popleft()
            peer.flushed(count)


def _head(outbox: deque[Item]) -> deque[Item]:
    """Return the first messages of an outbox: at least one, and as many as have few bytes together."""
    batch: deque[Item] = deque()
    size = 0
    for item in outbox:
        batch.append(item)
        size += size_of(item)
        if size >= RECORDED_BATCH_BYTES:
            break
    return batch

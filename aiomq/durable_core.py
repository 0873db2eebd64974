"""The part of a socket's core that remembers peers: what it does when one goes, comes back, or is read from a store.

Without `durable` there is nothing of it but an attribute that is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiomq.core_protocols import CorePeer
from aiomq.durable import Durability
from aiomq.durable_store import Store
from aiomq.gate import Gate
from aiomq.observed import ObservedCore
from aiomq.patterns.base import Pattern

__all__ = ["DurableCore"]


class DurableCore(ObservedCore):
    """See the module. The other part, `SocketCore`, is built on it."""

    pattern: Pattern
    send_gate: Gate
    recv_gate: Gate
    peers: set[CorePeer]
    closed: bool
    thread: int | None
    finished_callbacks: list[Callable[[], None]]

    def __init__(self) -> None:
        super().__init__()
        self.durable: Durability | None = None
        """Who is remembered; None as long as the socket was never made durable."""
        self._offer: Callable[[], None] | None = None
        """What the gate offered before the store failed."""

    def revoke_grants(self) -> None:
        """Peers, subscriptions or queues are about to change."""
        raise NotImplementedError

    # -- what is set -------------------------------------------------------------------------------------------------

    def make_durable(self) -> Durability:
        """Return what remembers peers, made at the first call."""
        durable = self.durable
        if durable is None:
            durable = self.durable = Durability(self)  # type: ignore[arg-type]  # a SocketCore, and nothing else, is one
        return durable

    def use_store(self, store: Store) -> None:
        """Keep a store in step with the queues, and make the peers that it remembers as soon as there is a loop."""
        durable = self.make_durable()
        durable.use(store)
        assert durable.ledger is not None
        self.pattern.topics_changed = durable.ledger.topics_changed  # type: ignore[assignment]  # all peers with a link are known to it
        self.finished_callbacks.append(durable.finish)
        if self.thread is None:
            self.adopted_callbacks.append(durable.restore)
        else:
            durable.restore()

    # -- called as things happen to peers ----------------------------------------------------------------------------

    def peer_away(self, peer: CorePeer) -> None:
        """A peer lost its connection and is remembered."""
        self.revoke_grants()
        self.pattern.peer_away(peer)
        self._wake_all()

    def peer_back(self, peer: CorePeer) -> None:
        """A peer that was away has a connection again."""
        self.revoke_grants()
        self.pattern.peer_back(peer)
        self._wake_all()

    def peer_restored(self, peer: CorePeer, topics: Sequence[bytes]) -> None:
        """A peer was made of what a store remembers; it is away."""
        self.revoke_grants()
        self.peers.add(peer)
        self.pattern.restore(peer, topics)
        self.pattern.identify(peer)
        self.pattern.peer_away(peer)
        self._wake_all()
        if self.recv_gate.is_awaited and self.pattern.can_recv():
            self.recv_gate.wake()  # XPUB tells of the topics

    def topics_of(self, peer: CorePeer) -> Sequence[bytes]:
        """Return the subscriptions of a peer."""
        return self.pattern.topics_of(peer)

    # -- called by the ledger ----------------------------------------------------------------------------------------

    def store_failed(self) -> None:
        """The store does not take what it should: nothing may be queued past the check of each send."""
        self.revoke_grants()
        self._offer = self.send_gate.offer
        self.send_gate.offer = None
        self._wake_all()

    def store_recovered(self) -> None:
        """It has taken all of it."""
        self.send_gate.offer = self._offer
        self._wake_all()

    def _wake_all(self) -> None:
        self.send_gate.wake(len(self.send_gate.waiters))

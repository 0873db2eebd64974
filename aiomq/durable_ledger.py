"""What of a durable socket's queues is in its store, and when it gets there.

What is still queued when a turn of the event loop ends is written, that of all peers in one commit; what has left by
then never is. And what was written is struck out, in a commit of its own, *before* it leaves: so that nothing is ever
sent again by a later process. That makes the store as little a cause of duplicates as the queues are.

The ledger compares what is queued with what it wrote, and keeps no list of what happened in between. So a commit that
failed is made good by a later one, and nothing piles up until then.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol

from aiomq.byte_marks import outbox_marks
from aiomq.conflating import ConflatingPeer
from aiomq.durable_store import Store, StoredPeer
from aiomq.errors import ZMQError
from aiomq.flusher import Flusher
from aiomq.message import Message
from aiomq.options import SocketOptions
from aiomq.peer import PeerOwner, StreamPeer

__all__ = ["RETRY_SECONDS", "Ledger", "LedgerOwner", "RecordedPeer", "recorded_peer"]

log = logging.getLogger("aiomq.socket")

RETRY_SECONDS: Final = 1.0
"""After how long a store that failed is tried again."""


class LedgerOwner(Protocol):
    """The socket, as its ledger sees it."""

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back when this turn of the loop is over."""

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in so many seconds; never, if the loop has ended by then."""

    def topics_of(self, peer: StreamPeer) -> Sequence[bytes]:
        """Return the subscriptions of a peer."""

    def store_failed(self) -> None:
        """The store does not take what it should: nothing more may be queued."""

    def store_recovered(self) -> None:
        """It has taken all of it."""


class _Marks(NamedTuple):
    """What the store has of one peer: the numbers from `first` up to `end`, that one not included, and the topics."""

    first: int
    end: int
    topics: frozenset[bytes]
    since: float | None
    known: bool


class _Account:
    """One peer of the ledger.

    Attributes:
        base: the number of the message that was put to the peer first.
        since: when it went away, in seconds since the epoch; None while it is there.
        has_new_topics: its topics may be others than those in the store.
    """

    __slots__ = ("base", "has_new_topics", "identity", "marks", "peer", "since", "user_id")

    def __init__(self, identity: bytes, user_id: bytes | None, peer: StreamPeer, base: int, marks: _Marks) -> None:
        self.identity = identity
        self.user_id = user_id
        self.peer = peer
        self.base = base
        self.marks = marks
        self.since = marks.since
        self.has_new_topics = False

    @property
    def head(self) -> int:
        """The number of the first message that is queued."""
        return self.base + self.peer.total_put - len(self.peer.outbox)

    @property
    def end(self) -> int:
        """The number of the next message that will be queued."""
        return self.base + self.peer.total_put


class Ledger:
    """Keeps a store in step with the queues of the peers that are entered.

    Attributes:
        error: why the last commit failed; None if it did not.
        store: what it keeps in step.
    """

    def __init__(self, store: Store, owner: LedgerOwner) -> None:
        self.store = store
        self._owner = owner
        self._accounts: dict[StreamPeer, _Account] = {}
        self._changed: dict[_Account, None] = {}
        self._gone: dict[bytes, None] = {}
        """Identities that the store is to forget."""
        self._held: dict[StreamPeer, None] = {}
        """Peers that could write and were not allowed to."""
        self._is_due = False
        self._is_retried = False
        self._closed = False
        self.error: ZMQError | None = None

    def load(self) -> Sequence[StoredPeer]:
        """Return what the store has; called once, before anything else."""
        return self.store.load()

    # -- who is entered ----------------------------------------------------------------------------------------------

    def enter(self, peer: StreamPeer, identity: bytes, user_id: bytes | None) -> None:
        """Keep the store in step with a new peer."""
        self._gone[identity] = None  # what an earlier one may have left; before anything is said of this one
        self._add(_Account(identity, user_id, peer, 0, _Marks(0, 0, frozenset(), None, known=False)))

    def restore(self, peer: StreamPeer, stored: StoredPeer) -> None:
        """Do the same for a peer that was made from what the store has, which is in its outbox and nothing else."""
        end = stored.first + len(stored.messages)
        marks = _Marks(stored.first, end, frozenset(stored.topics), stored.since, known=True)
        self._add(_Account(stored.identity, stored.user_id, peer, end - peer.total_put, marks))

    def _add(self, account: _Account) -> None:
        self._accounts[account.peer] = account
        self.touch(account.peer)

    def forget(self, peer: StreamPeer) -> None:
        """Drop a peer, and all that the store has of it."""
        account = self._accounts.pop(peer, None)
        if account is not None:
            self._changed.pop(account, None)
            self._held.pop(peer, None)
            self._gone[account.identity] = None
            self._schedule()

    def moved(self, peer: StreamPeer, since: float | None) -> None:
        """A peer went away at this time, or is there again (None)."""
        account = self._accounts.get(peer)
        if account is not None:
            account.since = since
            self.touch(peer)

    # -- what happens to the queues ----------------------------------------------------------------------------------

    def touch(self, peer: StreamPeer) -> None:
        """The queue of a peer has changed: look at them when the turn is over."""
        account = self._accounts.get(peer)
        if account is not None and account not in self._changed:
            self._changed[account] = None
            self._schedule()

    def topics_changed(self, peer: StreamPeer) -> None:
        """The subscriptions of a peer have changed."""
        account = self._accounts.get(peer)
        if account is not None:
            account.has_new_topics = True
            self.touch(peer)

    def _schedule(self) -> None:
        if not self._is_due and self.error is None:
            self._is_due = True
            self._owner.call_soon(self._turn_over)

    def _turn_over(self) -> None:
        self._is_due = False
        if not self._closed:
            self.commit()

    def has_written(self, peer: StreamPeer) -> bool:
        """Whether the store has the message that is the first to leave."""
        account = self._accounts.get(peer)
        return account is not None and account.head < account.marks.end

    def strike_out(self, peer: StreamPeer, count: int) -> bool:
        """Strike out the first so many messages of a peer, which are to leave now; return whether they may."""
        account = self._accounts[peer]
        up_to = account.head + count
        if self.error is None:
            self.store.remove(account.identity, up_to - 1)
            if self._committed():
                account.marks = account.marks._replace(first=up_to, end=max(up_to, account.marks.end))
                return True
        self._held[peer] = None
        return False

    # -- the store ---------------------------------------------------------------------------------------------------

    def commit(self) -> bool:
        """Write all that has changed; return whether the store has it now."""
        for identity in self._gone:
            self.store.forget(identity)
        done = [(account, self._write(account)) for account in self._changed]
        if not self._committed():
            return False
        self._gone.clear()
        self._changed.clear()
        for account, marks in done:
            account.marks = marks
            account.has_new_topics = False
        if self.error is not None:
            self._recovered()
        return True

    def _write(self, account: _Account) -> _Marks:
        """Tell the store what it has not got of one peer; return the marks that this leads to."""
        store, identity, marks = self.store, account.identity, account.marks
        if not marks.known or account.since != marks.since:
            store.remember(identity, account.user_id, account.since)
        topics = frozenset(self._owner.topics_of(account.peer)) if account.has_new_topics else marks.topics
        if added := topics - marks.topics:
            store.subscribe(identity, added)
        if cancelled := marks.topics - topics:
            store.cancel(identity, cancelled)
        head, end = account.head, account.end
        if marks.first < min(head, marks.end):
            store.remove(identity, min(head, marks.end) - 1)
        new = end - max(head, marks.end)
        if new > 0:
            store.append(identity, end - new, _last(account.peer, new))
        return _Marks(head, end, topics, account.since, known=True)

    def _committed(self) -> bool:
        try:
            self.store.commit()
        except Exception as error:  # a store is anybody's code: whatever it raises, it has failed
            self._failed(error)
            return False
        return True

    def _failed(self, error: Exception) -> None:
        number = getattr(error, "errno", None)
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
        is_news = self.error is None
        self.error = ZMQError(number if isinstance(number, int) else errno.EIO, text)
        if is_news:
            log.error("the store of a durable socket failed, nothing more is queued until it works again: %s", text)
            self._owner.store_failed()
        if not self._is_retried:
            self._is_retried = True
            self._owner.call_later(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._is_retried = False
        if self.error is not None and not self._closed:
            self.commit()

    def _recovered(self) -> None:
        self.error = None
        log.warning("the store of a durable socket works again")
        held, self._held = self._held, {}
        for peer in held:
            peer.flush()
        self._owner.store_recovered()

    def check(self) -> None:
        """Refuse to queue anything while the store fails.

        Raises:
            ZMQError: why the store failed last.
        """
        if self.error is not None:
            raise ZMQError(self.error.errno, f"the store of this durable socket failed: {self.error.strerror}")

    def close(self, since: float) -> None:
        """The socket has ended: write what never left, and when its peers were there last; close the store."""
        for account in self._accounts.values():
            if account.since is None:
                account.since = since
            self._changed[account] = None
        if not self.commit():
            lost = sum(max(0, each.end - max(each.head, each.marks.end)) for each in self._accounts.values())
            log.error("a durable socket has ended and its store fails: %d messages that waited are lost", lost)
        self._closed = True
        self.store.close()


def _last(peer: StreamPeer, count: int) -> list[Message]:
    """Return the newest so many messages of an outbox, in their order. They are found from the end: it may be long."""
    messages: list[Message] = list(islice(reversed(peer.outbox), count))  # type: ignore[arg-type]  # senders queue nothing else
    messages.reverse()
    return messages


# -- peers whose queues are in the ledger -----------------------------------------------------------------------------


class RecordedPeer(StreamPeer):
    """A peer that tells the ledger when something is queued. The classes below have room for `ledger`."""

    __slots__ = ()

    ledger: Ledger

    def put(self, message: Message) -> bool:
        """Queue a whole message; return whether there is room for one more."""
        has_room = super().put(message)
        self.ledger.touch(self)
        return has_room

    def put_many(self, messages: Sequence[Message]) -> None:
        """Queue as many whole messages as there is `room` for."""
        super().put_many(messages)
        self.ledger.touch(self)

    def replace_oldest(self, message: Message) -> bool:
        """Drop the oldest message that waits here, and queue this one; False if none waits."""
        replaced = super().replace_oldest(message)
        self.ledger.touch(self)
        return replaced


class _RecordedStreamPeer(RecordedPeer):
    __slots__ = ("ledger",)


class _RecordedConflatingPeer(RecordedPeer, ConflatingPeer):
    __slots__ = ("ledger",)


def recorded_peer(
    owner: PeerOwner, flusher: Flusher, endpoint: str, options: SocketOptions, ledger: Ledger
) -> StreamPeer:
    """Make the peer of an endpoint that was bound with these options, for a socket with a store."""
    peer: RecordedPeer
    if options.conflate and any(owner.conflates):
        peer = _RecordedConflatingPeer(owner, flusher, endpoint)
    else:
        mark, unsent = outbox_marks(owner, options)
        peer = _RecordedStreamPeer(owner, flusher, endpoint, mark=mark, unsent=unsent)
    peer.ledger = ledger
    return peer

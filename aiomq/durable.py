"""Peers that outlive their connections: who is remembered by a durable socket, since when, and for how long.

A peer that was accepted and announced a routing id is entered under it. When its connection is lost it stays a peer,
with its queue and its subscriptions, and is away; when the same routing id is announced again, the new connection gets
that peer. What nobody came back for in time is forgotten, and when there are too many, who has the weakest claim is.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from aiomq.byte_marks import stream_peer
from aiomq.durable_claims import Claims, holder_of, proof_of
from aiomq.durable_ledger import Ledger, recorded_peer
from aiomq.durable_store import Store, StoredPeer
from aiomq.durable_times import JUMP_SECONDS, time_away
from aiomq.errors import ZMQError
from aiomq.flusher import Flusher
from aiomq.options import SocketOptions
from aiomq.peer import Link, PeerOwner, StreamPeer
from aiomq.teardown import run_all

__all__ = ["DURABLE_LIMIT", "CarriesPeer", "Durability", "DurableOwner", "retention_of"]

log = logging.getLogger("aiomq.socket")

DURABLE_LIMIT: Final = 1000
"""How many identities may be away and remembered, where `durable_limit` does not say otherwise."""

_LONGEST_TIMER: Final = 60.0
"""Seconds after which the time is looked at again, however long it is: not every loop has timers of any length, and the
wall clock may have been set meanwhile."""


class CarriesPeer(Link, Protocol):
    """A connection, as far as it is handed from peer to peer."""

    peer: StreamPeer | None


class DurableOwner(PeerOwner, Protocol):
    """The socket, as its durability sees it."""

    loop: asyncio.AbstractEventLoop
    flusher: Flusher
    closed: bool

    def peer_away(self, peer: StreamPeer) -> None:
        """A peer lost its connection and is remembered."""

    def peer_back(self, peer: StreamPeer) -> None:
        """A peer that was away has a connection again."""

    def peer_restored(self, peer: StreamPeer, topics: Sequence[bytes]) -> None:
        """A peer was made of what a store remembers; it is away."""

    def topics_of(self, peer: StreamPeer) -> Sequence[bytes]:
        """Return the subscriptions of a peer."""

    def store_failed(self) -> None:
        """The store does not take what it should: nothing more may be queued."""

    def store_recovered(self) -> None:
        """It has taken all of it."""


class _Identity:
    """One remembered routing id.

    Attributes:
        connection: what carries the peer; None while it is away.
        holder: who has it, see `holder_of`.
        number: how many identities were new before it.
        proof: see `proof_of`: who announces the routing id has to prove the same.
        since: when it went away, by the monotonic clock and in seconds since the epoch.
    """

    __slots__ = ("connection", "holder", "name", "number", "peer", "proof", "since", "since_epoch")

    def __init__(
        self, name: bytes, proof: bytes | None, peer: StreamPeer, connection: CarriesPeer | None = None
    ) -> None:
        self.holder = ""
        self.number = 0
        self.name = name
        self.proof = proof
        self.peer = peer
        self.connection = connection
        self.since = self.since_epoch = 0.0


class Durability:
    """The remembered peers of one socket.

    Attributes:
        retention: seconds that a peer may be away; 0 is none, infinity is for ever.
        limit: how many may be away at a time.
        limit_each: how many of one user or address may; None for no such limit.
        dropped: messages that were queued for peers when those were forgotten.
        forgotten: how many peers were, that had not come back.
        ledger: what keeps the store in step; None without a store.
    """

    def __init__(
        self,
        owner: DurableOwner,
        clock: Callable[[], float] = time.monotonic,
        epoch_clock: Callable[[], float] = time.time,
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._epoch_clock = epoch_clock
        self.retention = 0.0
        self.limit = DURABLE_LIMIT
        self.limit_each: int | None = None
        self.dropped = 0
        self.forgotten = 0
        self.ledger: Ledger | None = None
        self._stored: Sequence[StoredPeer] = ()
        self._identities: dict[bytes, _Identity] = {}
        self._of: dict[StreamPeer, _Identity] = {}
        self._away: dict[bytes, _Identity] = {}
        """Who has been away longest comes first."""
        self._clocks_apart = epoch_clock() - clock()
        self._claims: Claims[_Identity] = Claims()
        """The same ones."""
        self._entered = 0
        self._timer: asyncio.TimerHandle | None = None

    # -- what is set -------------------------------------------------------------------------------------------------

    def set_retention(self, seconds: float) -> None:
        """Remember peers for so long from now on, those included that are away now; 0 forgets all of them."""
        self.retention = seconds
        if not seconds:
            for identity in tuple(self._away.values()):
                self._forget(identity, "the socket is no longer durable")
            for identity in tuple(self._identities.values()):
                self._strike_out(identity)
        self.expire()

    def set_limit(self, limit: int) -> None:
        """Remember so many peers that are away; those with the weakest claims are forgotten, if there are more."""
        self.limit = limit
        self._keep_to_limit()

    def set_limit_each(self, limit: int) -> None:
        """Remember so many of one user or address."""
        self.limit_each = limit
        for holder in self._claims.holders():
            self._keep_to_limit_each(holder)

    def use(self, store: Store) -> None:
        """Keep a store in step with the queues. It is read here, and its peers are made by `restore`."""
        ledger = Ledger(store, self)
        self._stored = ledger.load()
        self.ledger = ledger

    # -- called by listeners -----------------------------------------------------------------------------------------

    def new_peer(
        self,
        connection: CarriesPeer,
        endpoint: str,
        options: SocketOptions,
        name: bytes,
        properties: Mapping[str, bytes],
    ) -> StreamPeer:
        """Make the peer of an accepted connection, and remember it if its routing id is new."""
        owner, ledger = self._owner, self.ledger
        if not self.retention or name in self._identities:
            return stream_peer(owner, owner.flusher, endpoint, options)
        proof = proof_of(properties)
        if ledger is None:
            peer = stream_peer(owner, owner.flusher, endpoint, options)
        else:
            peer = recorded_peer(owner, owner.flusher, endpoint, options, ledger)
            ledger.enter(peer, name, proof)
        identity = _Identity(name, proof, peer, connection)
        identity.holder = holder_of(proof, properties)
        self._enter(identity)
        return peer

    def returning(self, connection: CarriesPeer, name: bytes, properties: Mapping[str, bytes]) -> StreamPeer | None:
        """Return the peer that has this routing id, free to be carried by this connection; None if there is none.

        One that has a connection yet loses it: that may be dead for long, with nobody to tell. Where peers prove who
        they are, the routing id alone does not make it the same peer.
        """
        identity = self._identities.get(name)
        if identity is None or identity.proof != proof_of(properties):
            return None
        peer, before = identity.peer, identity.connection
        if before is not None:
            self._part(identity, before)
            before.end("another connection announced the same routing id and took its place (durable)")
        identity.connection = connection
        self._claims.discard(identity)
        identity.holder = holder_of(identity.proof, properties)
        return peer

    def returned(self, peer: StreamPeer) -> None:
        """The peer has its connection."""
        identity = self._of.get(peer)
        if identity is None:  # what its queue led to was its end
            return
        if self._away.pop(identity.name, None) is not None:
            if self.ledger is not None:
                self.ledger.moved(peer, None)
            self._owner.peer_back(peer)

    def _part(self, identity: _Identity, connection: CarriesPeer) -> None:
        """Let an old connection end without its peer: it gets another, that is gone already."""
        ghost = StreamPeer(self._owner, self._owner.flusher, identity.peer.endpoint)
        ghost.left = True
        connection.peer = ghost
        identity.peer.detach_link()

    def keeps(self, connection: CarriesPeer) -> bool:
        """A connection is lost; return whether its peer is remembered, and away now."""
        peer = connection.peer
        identity = None if peer is None else self._of.get(peer)
        if identity is None or identity.connection is not connection or identity.peer.left:
            return False
        identity.connection = None
        identity.peer.address = ""
        identity.peer.apply_hwm()  # nobody is there to give credit for what was read: the whole mark is free again
        self._follow_wall_clock()
        identity.since, identity.since_epoch = self._clock(), self._epoch_clock()
        if self.ledger is not None:
            self.ledger.moved(identity.peer, identity.since_epoch)
        self._add_away(identity)
        self._owner.peer_away(identity.peer)
        self._keep_to_limit_each(identity.holder)
        self._keep_to_limit()
        if len(self._away) == 1:
            self._set_timer()
        return True

    # -- called by the socket ----------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Make the peers that the store remembers. Needs the owner's loop."""
        stored, self._stored = self._stored, ()
        assert self.ledger is not None
        owner, now, now_epoch = self._owner, self._clock(), self._epoch_clock()
        written = getattr(self.ledger.store, "written", None)
        unbelieved = 0.0
        for each in sorted(stored, key=lambda one: math.inf if one.since is None else one.since):
            peer = recorded_peer(owner, owner.flusher, "", owner.options, self.ledger)
            peer.routing_id = each.identity
            for message in each.messages:
                peer.put(message)
            identity = _Identity(each.identity, each.user_id, peer)
            away = time_away(each.since, written, now_epoch, self.retention / 2)
            identity.since, identity.since_epoch = now - away.seconds, now_epoch - away.seconds
            unbelieved = max(unbelieved, away.unbelieved)
            identity.holder = holder_of(each.user_id, {})
            self._enter(identity)
            self._add_away(identity)
            self.ledger.restore(peer, each)
            self.ledger.moved(peer, identity.since_epoch)
            owner.peer_restored(peer, each.topics)
        self._sort_away()
        if unbelieved > 0:
            log.warning(
                "the wall clock says that %.0f s more than half of durable have passed while this durable socket was"
                " not there: they are not counted",
                unbelieved,
            )
        for holder in self._claims.holders():
            self._keep_to_limit_each(holder)
        self._keep_to_limit()
        self.expire()

    def away_since(self, peer: object) -> float | None:
        """Return when a peer went away, in seconds since the epoch; None if it did not."""
        identity = self._of.get(peer)  # type: ignore[call-overload]  # peers of other kinds are not in it
        return None if identity is None or identity.name not in self._away else identity.since_epoch

    def detached(self, peer: object) -> None:
        """A peer is gone for good: nothing of it is kept. When the socket is closed a store keeps what it has."""
        identity = self._of.get(peer)  # type: ignore[call-overload]  # as above
        if identity is not None:
            self._strike_out(identity)

    def expire(self) -> None:
        """Forget who has been away for too long, and look again when the next one will have been."""
        self._follow_wall_clock()
        late = self._clock() - self.retention
        for identity in tuple(self._away.values()):
            if identity.since > late:
                break
            self._forget(identity, f"it was away for over {self.retention:g} s")
        self._set_timer()

    def close(self) -> None:
        """The socket is closed: nobody comes back, and what is queued for those who are away is left to the store."""
        commit = () if self.ledger is None else (self.ledger.commit,)
        closings = (identity.peer.close for identity in self._away.values())
        run_all(self._stop_timer, self._follow_wall_clock, *commit, *closings)

    def finish(self) -> None:
        """Nothing of the socket is left: let go of the store."""
        ledger = self.ledger
        run_all(self._stop_timer, *(() if ledger is None else (lambda: ledger.close(self._epoch_clock()),)))

    # -- called by the ledger ----------------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Call back when this turn of the loop is over."""
        self._owner.loop.call_soon(callback)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in so many seconds; never, if the loop has ended by then."""
        if not self._owner.loop.is_closed():
            self._owner.loop.call_later(seconds, callback)

    def topics_of(self, peer: StreamPeer) -> Sequence[bytes]:
        """Return the subscriptions of a peer."""
        return self._owner.topics_of(peer)

    def store_failed(self) -> None:
        """The store does not take what it should: nothing more may be queued."""
        self._owner.store_failed()

    def store_recovered(self) -> None:
        """It has taken all of it."""
        self._owner.store_recovered()

    # -- who is remembered -------------------------------------------------------------------------------------------

    def _enter(self, identity: _Identity) -> None:
        identity.number = self._entered
        self._entered += 1
        self._identities[identity.name] = identity
        self._of[identity.peer] = identity

    def _add_away(self, identity: _Identity) -> None:
        self._away[identity.name] = identity
        self._claims.add(identity)

    def _sort_away(self) -> None:
        """Put who has been away longest first again."""
        self._away = {each.name: each for each in sorted(self._away.values(), key=lambda one: one.since)}

    def _follow_wall_clock(self) -> None:
        """If it was set, say anew when those went who are away: a restart is to find what the monotonic clock says."""
        now, now_epoch = self._clock(), self._epoch_clock()
        apart = now_epoch - now
        if abs(apart - self._clocks_apart) < JUMP_SECONDS:
            return
        log.info("the wall clock was set by %.0f s: times of peers that are away follow it", apart - self._clocks_apart)
        self._clocks_apart = apart
        for identity in self._away.values():
            identity.since_epoch = now_epoch - (now - identity.since)
            if self.ledger is not None:
                self.ledger.moved(identity.peer, identity.since_epoch)

    def _strike_out(self, identity: _Identity) -> None:
        del self._identities[identity.name]
        del self._of[identity.peer]
        self._away.pop(identity.name, None)
        self._claims.discard(identity)
        if self.ledger is not None and not self._owner.closed:
            self.ledger.forget(identity.peer)

    def _keep_to_limit(self) -> None:
        while len(self._claims) > self.limit:
            self._forget(self._claims.worst(), f"durable_limit lets {self.limit} be away at a time")

    def _keep_to_limit_each(self, holder: str) -> None:
        limit = self.limit_each
        while limit is not None and self._claims.count(holder) > limit:
            why = f"durable_limit_each lets {limit} of {holder} be away at a time"
            self._forget(self._claims.worst_of(holder), why)

    def _forget(self, identity: _Identity, why: str) -> None:
        """Give up on a peer that is away, and drop what is queued for it."""
        lost = identity.peer.queued_out
        self.dropped += lost
        identity.peer.dropped += lost
        self.forgotten += 1
        log.log(
            logging.WARNING if lost else logging.INFO,
            "forgot the peer with the routing id %r, and dropped %d messages for it: %s",
            identity.name,
            lost,
            why,
        )
        identity.peer.close()

    def _set_timer(self) -> None:
        self._stop_timer()
        longest = next(iter(self._away.values()), None)
        if longest is not None and self.retention < math.inf:
            seconds = max(0.0, longest.since + self.retention - self._clock())
            self._timer = self._owner.loop.call_later(min(seconds, _LONGEST_TIMER), self.expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __repr__(self) -> str:
        return f"<Durability {self.retention:g} s, identities={len(self._identities)} away={len(self._away)}>"


def retention_of(value: object) -> float:
    """Return the seconds that a user gave for `durable`; 0 for off.

    Raises:
        TypeError: it is no number.
        ZMQError: EINVAL if it is negative, or not a number at all.
    """
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"durable takes seconds, math.inf or None, not {value!r}")
    if math.isnan(value) or value < 0:
        raise ZMQError(errno.EINVAL, f"durable takes seconds from 0 (off) to math.inf, not {value!r}")
    return float(value)

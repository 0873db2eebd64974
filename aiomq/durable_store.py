"""Where a durable socket keeps what its own restart must not lose: the interface, and one in SQLite.

A store remembers identities, the subscriptions of each, and the messages that wait for each, under numbers that rise by
one. It decides nothing: what to keep and when to let go is up to the ledger of the socket.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, Protocol
from zlib import crc32

import msgspec

from aiomq.durable_schema import COUNTED, check_length, count, damaged, message_sum, peer_sum, prepare, topic_sum
from aiomq.errors import ZMQError
from aiomq.message import Frames, Message, frames_of, message_of

__all__ = ["SqliteStore", "Store", "StoredPeer"]

log = logging.getLogger("aiomq.socket")

_OPEN_SECONDS: Final = 0.2
"""How long opening waits for whoever has the file: a process that is just ending."""

_ERRNOS: Final = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_BUSY": errno.EBUSY,
    "SQLITE_LOCKED": errno.EBUSY,
    "SQLITE_NOMEM": errno.ENOMEM,
}

_MAGIC: Final = b"SQLite format 3\0"
"""How each of its files begins."""


class StoredPeer(msgspec.Struct, frozen=True, kw_only=True):
    """What a store knows of one identity.

    Attributes:
        identity: its routing id.
        user_id: who it was for the authenticator, or which key of CURVE it had if that named nobody (octets that begin
            with a zero then); None if it proved nothing. To be given back as it was.
        since: when it went away, in seconds since the epoch; None if it was there to the last.
        topics: what it is subscribed to.
        first: the number of the first message.
        messages: those that wait for it, in their order.
    """

    identity: bytes
    user_id: bytes | None = None
    since: float | None = None
    topics: Sequence[bytes] = ()
    first: int = 0
    messages: Sequence[Message] = ()


class Store(Protocol):
    """What `durable_store` takes besides a path.

    All calls come from the socket's event loop and hold it up for as long as they take. What is called between two
    commits takes effect with the second one, all of it or nothing; it fails there and nowhere else. After a commit that
    failed the socket calls what is still true again, and then `commit`. Nothing is called after `close`.

    A store may have an attribute `written`, too: when it was written last before it was opened, in seconds since the
    epoch. What the wall clock says of the time after that is believed up to half of `durable`; without it that holds
    of all the time that a peer was away.
    """

    def load(self) -> Sequence[StoredPeer]:
        """Return all that is known, in any order; called once, first of all."""

    def remember(self, identity: bytes, user_id: bytes | None, since: float | None) -> None:
        """Keep an identity, or replace what is known of when it went away; see `StoredPeer`."""

    def forget(self, identity: bytes) -> None:
        """Drop an identity with its topics and messages."""

    def subscribe(self, identity: bytes, topics: Iterable[bytes]) -> None:
        """Keep these topics for an identity."""

    def cancel(self, identity: bytes, topics: Iterable[bytes]) -> None:
        """Drop these topics of an identity."""

    def append(self, identity: bytes, number: int, messages: Iterable[Message]) -> None:
        """Keep messages for an identity: the first under this number, the others under those after it."""

    def remove(self, identity: bytes, up_to: int) -> None:
        """Drop the messages of an identity up to this number, that one included."""

    def commit(self) -> None:
        """Make everything called since the last commit lasting, or raise and leave all as it was then.

        Raises:
            Exception: it was not possible; `errno`, if the exception has one, goes to the user.
        """

    def close(self) -> None:
        """Let go of what is held. What was not committed is lost."""


class SqliteStore:
    """A store in one file of SQLite, for one socket of one process at a time.

    A commit outlives the death of the process. Whether it outlives that of the machine is the choice of `fsync`.

    Attributes:
        path: of the file.
        written: when the file was written before it was opened, in seconds since the epoch; None if it is new.
    """

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = False) -> None:
        """Open the file, or make it.

        Args:
            path: of the file; `path-wal` beside it belongs to it.
            fsync: whether each commit waits until the disk has it (milliseconds). If not, a loss of power may undo the
                last ones, never break the file.

        Raises:
            ZMQError: EBUSY if another socket has the file, EINVAL if it is something else, EIO if it is damaged, EROFS
                if it or its folder cannot be written to, or the number of what else the system says.
        """
        self.path = os.fspath(path)
        check_length(self.path)
        self.written = _written(self.path)
        self._steps: list[tuple[str, list[tuple[Any, ...]]]] = []
        self._has_changed = False
        """Whether there was a commit; the file does not say then how many rows it has."""
        try:
            self._database = sqlite3.connect(
                self.path, timeout=_OPEN_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise _failure("open", self.path, error) from error
        try:
            prepare(self._database, self.path, fsync=fsync)
        except _FAILURES as error:
            failure = _failure("open", self.path, error)  # asks the file, which closing may make
            self._database.close()
            raise failure from error
        except BaseException:  # raised again; nobody else would close it
            self._database.close()
            raise
        _open_here.add(self)

    def load(self) -> Sequence[StoredPeer]:
        """Return all that is known.

        Raises:
            ZMQError: EIO if the file is damaged: none of it is given then.
        """
        try:
            peers = self._load_peers()
            topics, messages = self._load_topics(peers), self._load_messages(peers)
            self._check_count()
        except _FAILURES as error:
            raise _failure("read", self.path, error) from error
        return [self._stored(*peer, topics[peer[0]], messages[peer[0]]) for peer in peers.values()]

    def _check_count(self) -> None:
        counts = self._database.execute(f"SELECT {', '.join(COUNTED)} FROM closed").fetchall()
        if counts and (len(counts) > 1 or list(counts[0]) != count(self._database)):
            raise damaged(self.path, "it has not as many rows as it had")

    def _load_peers(self) -> dict[bytes, tuple[bytes, bytes | None, float | None]]:
        peers = {}
        for identity, user_id, since, total in self._database.execute("SELECT * FROM peers"):
            self._check(_is_blob(identity) and (user_id is None or _is_blob(user_id)), identity)
            self._check(since is None or type(since) is float, identity)
            self._check(total == peer_sum(identity, user_id, since) and identity not in peers, identity)
            peers[identity] = (identity, user_id, since)
        return peers

    def _load_topics(self, peers: Collection[bytes]) -> dict[bytes, list[bytes]]:
        topics: dict[bytes, list[bytes]] = {identity: [] for identity in peers}
        for identity, topic, total in self._database.execute("SELECT * FROM topics"):
            self._check(_is_blob(identity) and _is_blob(topic) and identity in topics, identity)
            self._check(total == topic_sum(identity, topic), identity)
            topics[identity].append(topic)
        return topics

    def _load_messages(self, peers: Collection[bytes]) -> dict[bytes, list[tuple[int, Message]]]:
        messages: dict[bytes, list[tuple[int, Message]]] = {identity: [] for identity in peers}
        for identity, number, total, frames in self._database.execute("SELECT * FROM messages"):
            self._check(_is_blob(identity) and _is_blob(frames) and type(number) is int, identity)
            self._check(identity in messages and total == message_sum(identity, number, frames), identity)
            waiting = messages[identity]
            if waiting and number != waiting[-1][0] + 1:
                raise damaged(self.path, f"messages for {identity!r} are missing in it")
            waiting.append((number, _unpacked(frames)))
        return messages

    def _check(self, holds: bool, identity: object) -> None:
        if not holds:
            raise damaged(self.path, f"what it has of {identity!r} is not what was written")

    @staticmethod
    def _stored(
        identity: bytes,
        user_id: bytes | None,
        since: float | None,
        topics: Sequence[bytes],
        messages: Sequence[tuple[int, Message]],
    ) -> StoredPeer:
        return StoredPeer(
            identity=identity,
            user_id=user_id,
            since=since,
            topics=topics,
            first=messages[0][0] if messages else 0,
            messages=[message for _, message in messages],
        )

    # -- what the next commit is to do -------------------------------------------------------------------------------

    def _add(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._steps.append((statement, list(rows)))

    def remember(self, identity: bytes, user_id: bytes | None, since: float | None) -> None:
        """Keep an identity, or replace what is known of when it went away."""
        moment = None if since is None else float(since)
        total = peer_sum(identity, user_id, moment)
        self._add("INSERT OR REPLACE INTO peers VALUES (?, ?, ?, ?)", [(identity, user_id, moment, total)])

    def forget(self, identity: bytes) -> None:
        """Drop an identity with its topics and messages."""
        for table in ("peers", "topics", "messages"):
            self._add(f"DELETE FROM {table} WHERE identity = ?", [(identity,)])

    def subscribe(self, identity: bytes, topics: Iterable[bytes]) -> None:
        """Keep these topics for an identity."""
        rows = ((identity, topic, topic_sum(identity, topic)) for topic in topics)
        self._add("INSERT OR IGNORE INTO topics VALUES (?, ?, ?)", rows)

    def cancel(self, identity: bytes, topics: Iterable[bytes]) -> None:
        """Drop these topics of an identity."""
        self._add("DELETE FROM topics WHERE identity = ? AND topic = ?", ((identity, topic) for topic in topics))

    def append(self, identity: bytes, number: int, messages: Iterable[Message]) -> None:
        """Keep messages for an identity: the first under this number, the others under those after it."""
        start = crc32(identity)  # this is `message_sum`, with what is the same for all done once
        rows = [
            (identity, at, crc32(frames := _packed(message), (start ^ at) & 0xFFFFFFFF), frames)
            for at, message in enumerate(messages, number)
        ]
        self._steps.append(("INSERT OR REPLACE INTO messages VALUES (?, ?, ?, ?)", rows))

    def remove(self, identity: bytes, up_to: int) -> None:
        """Drop the messages of an identity up to this number, that one included."""
        self._add("DELETE FROM messages WHERE identity = ? AND number <= ?", [(identity, up_to)])

    def commit(self) -> None:
        """Do all that was called since the last commit, in one transaction.

        Raises:
            ZMQError: ENOSPC if the disk is full, EIO or the like for what else may be; nothing was done.
        """
        steps, self._steps = self._steps, []
        if not steps:
            return
        run = self._database.execute
        try:
            run("BEGIN IMMEDIATE")
            if not self._has_changed:
                run("DELETE FROM closed")
            for statement, rows in steps:
                self._database.executemany(statement, rows)
            run("COMMIT")
        except _FAILURES as error:
            self._roll_back()
            raise _failure("write to", self.path, error) from error
        self._has_changed = True

    def _roll_back(self) -> None:
        if self._database.in_transaction:  # some failures have rolled back already
            self._database.rollback()

    def close(self) -> None:
        """Close the file; `path-wal` is emptied into it and goes."""
        _open_here.discard(self)
        if self._has_changed:
            self._count()
        self._database.close()

    def _count(self) -> None:
        """Write how many rows there are. A file without it is as good as one of a process that died."""
        run = self._database.execute
        try:
            run("BEGIN IMMEDIATE")
            run("INSERT INTO closed VALUES (?, ?, ?)", count(self._database))
            run("COMMIT")
        except _FAILURES as error:
            log.warning("cannot write to the store %s how many rows it has: %s", self.path, error)
            self._roll_back()

    def __repr__(self) -> str:
        return f"<SqliteStore {self.path}>"


def _packed(message: Message) -> bytes:
    return message if type(message) is bytes and message[:1] != _SEVERAL else _pack(message)


_SEVERAL: Final = b"\xc1"
"""How several frames begin in the file: an octet that MessagePack has no use for. One frame stands as it is, unless it
begins so itself."""


def _pack(message: Message) -> bytes:
    return _SEVERAL + msgspec.msgpack.encode(frames_of(message))


_unpack_frames: Final[Callable[[bytes], Frames]] = msgspec.msgpack.Decoder(tuple[bytes, ...]).decode


def _unpacked(data: bytes) -> Message:
    return message_of(_unpack_frames(data[1:])) if data[:1] == _SEVERAL else data


def _is_blob(value: object) -> bool:
    return type(value) is bytes


def _written(path: str) -> float | None:
    """Return when a file was written last, as the system noted it; None if it is none yet."""
    times = []
    for name in (path, f"{path}-wal"):
        with contextlib.suppress(OSError):  # it is not there
            times.append(os.stat(name).st_mtime)
    return max(times, default=None)


_FAILURES: Final = (sqlite3.Error, msgspec.MsgspecError, MemoryError, UnicodeError)
"""What reading and writing a file may raise that is damaged, or on a disk that is."""


def _failure(what: str, path: str, error: Exception) -> ZMQError:
    name = "SQLITE_NOMEM" if isinstance(error, MemoryError) else getattr(error, "sqlite_errorname", "")
    number = next((_ERRNOS[each] for each in _ERRNOS if name.startswith(each)), 0) or _errno_of(name, path)
    hint = ": another socket or program has it open" if number == errno.EBUSY else ""
    return ZMQError(number, f"cannot {what} the store {path}{hint}: {error}")


def _errno_of(name: str, path: str) -> int:
    """Return what the system, or a look at the file, says to an error of SQLite that may have several reasons."""
    if name.startswith("SQLITE_NOTADB"):
        return errno.EIO if _begins_as_a_database(path) else errno.EINVAL
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")):
        return _refusal(path)
    return errno.EIO


def _begins_as_a_database(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            start = file.read(len(_MAGIC))
    except OSError:
        return False
    same = [mine == its for mine, its in zip(start, _MAGIC, strict=False)]
    return sum(same) > len(_MAGIC) // 2  # the rest is damage


def _refusal(path: str) -> int:
    """Return why the system lets nobody write to a file, or into its folder; EIO if it does."""
    folder = os.path.dirname(os.path.abspath(path))
    try:
        if os.path.exists(path):
            with open(path, "r+b"):
                return errno.EIO if os.access(folder, os.W_OK) else errno.EROFS
        os.stat(folder)
    except PermissionError:
        return errno.EROFS
    except OSError as error:
        return error.errno or errno.EIO
    return errno.EIO if os.access(folder, os.W_OK) else errno.EROFS


_open_here: Final[set[SqliteStore]] = set()
"""The stores of this process."""


def _leave_to_parent() -> None:
    """This is a forked child: closing its copy of a database would empty the parent's log under its feet.

    So the copies are never closed here; an extra reference outlives the end of the interpreter.
    """
    copies = tuple(_open_here)
    _open_here.clear()
    if copies and sys.implementation.name == "cpython":
        import ctypes  # noqa: PLC0415  # only a child that inherits a store needs it

        for copy in copies:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(copy._database))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)

"""Where a durable socket keeps what its own restart must not lose: the interface, and one in SQLite.

A store remembers identities, the subscriptions of each, and the messages that wait for each, under numbers that rise by
one. It decides nothing: what to keep and when to let go is up to the ledger of the socket.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import msgspec

from aiomq.errors import ZMQError
from aiomq.message import Frames, Message, frames_of, message_of

__all__ = ["SqliteStore", "Store", "StoredPeer"]

_SCHEMA_VERSION: Final = 1
_OPEN_SECONDS: Final = 0.2
"""How long opening waits for whoever has the file: a process that is just ending."""

_ERRNOS: Final = {
    "SQLITE_FULL": errno.ENOSPC,
    "SQLITE_BUSY": errno.EBUSY,
    "SQLITE_LOCKED": errno.EBUSY,
    "SQLITE_READONLY": errno.EROFS,
    "SQLITE_CANTOPEN": errno.ENOENT,
    "SQLITE_NOTADB": errno.EINVAL,
}

_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS peers (identity BLOB PRIMARY KEY, user_id BLOB, since REAL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS topics (identity BLOB, topic BLOB, PRIMARY KEY (identity, topic)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS messages"
    " (identity BLOB, number INTEGER, frames BLOB, PRIMARY KEY (identity, number)) WITHOUT ROWID",
    f"PRAGMA user_version = {_SCHEMA_VERSION}",
)


class StoredPeer(msgspec.Struct, frozen=True, kw_only=True):
    """What a store knows of one identity.

    Attributes:
        identity: its routing id.
        user_id: who it was for the authenticator; None if there was none.
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
    """

    def __init__(self, path: str | os.PathLike[str], *, fsync: bool = False) -> None:
        """Open the file, or make it.

        Args:
            path: of the file; `path-wal` beside it belongs to it.
            fsync: whether each commit waits until the disk has it (milliseconds). If not, a loss of power may undo the
                last ones, never break the file.

        Raises:
            ZMQError: EBUSY if another socket has the file, EINVAL if it is something else, or the number of what the
                system says.
        """
        self.path = os.fspath(path)
        self._steps: list[tuple[str, list[tuple[Any, ...]]]] = []
        try:
            self._database = sqlite3.connect(
                self.path, timeout=_OPEN_SECONDS, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise _failure("open", self.path, error) from error
        try:
            self._prepare(fsync=fsync)
        except sqlite3.Error as error:
            self._database.close()
            raise _failure("open", self.path, error) from error
        except BaseException:  # raised again; nobody else would close it
            self._database.close()
            raise
        _open_here.add(self)

    def _prepare(self, *, fsync: bool) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("BEGIN EXCLUSIVE")  # and nobody else gets at it before it is closed
        version = run("PRAGMA user_version").fetchone()[0]
        tables = run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if version != _SCHEMA_VERSION and (version or tables):
            raise ZMQError(errno.EINVAL, f"{self.path} is a database, but not one of a durable socket of this version")
        run("COMMIT")
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
        run("BEGIN")
        for statement in _SCHEMA:
            run(statement)
        run("COMMIT")

    def load(self) -> Sequence[StoredPeer]:
        """Return all that is known.

        Raises:
            ZMQError: EIO if the file is damaged.
        """
        try:
            rows = self._database.execute("SELECT identity, user_id, since FROM peers").fetchall()
            return [self._load_peer(*row) for row in rows]
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise _failure("read", self.path, error) from error

    def _load_peer(self, identity: bytes, user_id: bytes | None, since: float | None) -> StoredPeer:
        topics = self._database.execute("SELECT topic FROM topics WHERE identity = ?", (identity,)).fetchall()
        query = "SELECT number, frames FROM messages WHERE identity = ? ORDER BY number"
        rows = self._database.execute(query, (identity,)).fetchall()
        first = rows[0][0] if rows else 0
        if rows and rows[-1][0] - first + 1 != len(rows):
            raise ZMQError(errno.EIO, f"{self.path} is damaged: messages for {identity!r} are missing in it")
        return StoredPeer(
            identity=identity,
            user_id=user_id,
            since=since,
            topics=[topic for (topic,) in topics],
            first=first,
            messages=[_unpacked(frames) for _, frames in rows],
        )

    # -- what the next commit is to do -------------------------------------------------------------------------------

    def _add(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._steps.append((statement, list(rows)))

    def remember(self, identity: bytes, user_id: bytes | None, since: float | None) -> None:
        """Keep an identity, or replace what is known of when it went away."""
        self._add("INSERT OR REPLACE INTO peers VALUES (?, ?, ?)", [(identity, user_id, since)])

    def forget(self, identity: bytes) -> None:
        """Drop an identity with its topics and messages."""
        for table in ("peers", "topics", "messages"):
            self._add(f"DELETE FROM {table} WHERE identity = ?", [(identity,)])

    def subscribe(self, identity: bytes, topics: Iterable[bytes]) -> None:
        """Keep these topics for an identity."""
        self._add("INSERT OR IGNORE INTO topics VALUES (?, ?)", ((identity, topic) for topic in topics))

    def cancel(self, identity: bytes, topics: Iterable[bytes]) -> None:
        """Drop these topics of an identity."""
        self._add("DELETE FROM topics WHERE identity = ? AND topic = ?", ((identity, topic) for topic in topics))

    def append(self, identity: bytes, number: int, messages: Iterable[Message]) -> None:
        """Keep messages for an identity: the first under this number, the others under those after it."""
        rows = ((identity, at, _packed(message)) for at, message in enumerate(messages, number))
        self._add("INSERT OR REPLACE INTO messages VALUES (?, ?, ?)", rows)

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
            for statement, rows in steps:
                self._database.executemany(statement, rows)
            run("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            raise _failure("write to", self.path, error) from error

    def _roll_back(self) -> None:
        if self._database.in_transaction:  # some failures have rolled back already
            self._database.rollback()

    def close(self) -> None:
        """Close the file; `path-wal` is emptied into it and goes."""
        _open_here.discard(self)
        self._database.close()

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


def _failure(what: str, path: str, error: Exception) -> ZMQError:
    name = getattr(error, "sqlite_errorname", "")
    number = next((_ERRNOS[each] for each in _ERRNOS if name.startswith(each)), errno.EIO)
    hint = ": another socket or program has it open" if number == errno.EBUSY else ""
    return ZMQError(number, f"cannot {what} the store {path}{hint}: {error}")


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

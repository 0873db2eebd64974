"""The tables of a durable socket's file: how they are made, brought up to date, and checked before they are believed.

Each row has a checksum, as SQLite has none: what a disk or a cable changed is found when it is read. A socket that ends
writes how many rows there are, so that a row that is missing at either end of a queue is found, too.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import struct
from typing import Final
from zlib import crc32

from aiomq.errors import ZMQError

__all__ = ["COUNTED", "check_length", "count", "damaged", "message_sum", "peer_sum", "prepare", "topic_sum"]

_VERSION: Final = 2
_FIRST_VERSION: Final = 1
"""Had no checksums and no counts."""

_APPLICATION_ID: Final = 0x41494F51
"""Tells a damaged store from another program's database."""

COUNTED: Final = ("peers", "topics", "messages")

_OLD_TABLES: Final = {
    "peers": "CREATE TABLE peers (identity BLOB PRIMARY KEY, user_id BLOB, since REAL) WITHOUT ROWID",
    "topics": "CREATE TABLE topics (identity BLOB, topic BLOB, PRIMARY KEY (identity, topic)) WITHOUT ROWID",
    "messages": "CREATE TABLE messages"
    " (identity BLOB, number INTEGER, frames BLOB, PRIMARY KEY (identity, number)) WITHOUT ROWID",
}

_TABLES: Final = {
    "peers": "CREATE TABLE peers (identity BLOB PRIMARY KEY, user_id BLOB, since REAL, sum INTEGER) WITHOUT ROWID",
    "topics": "CREATE TABLE topics"
    " (identity BLOB, topic BLOB, sum INTEGER, PRIMARY KEY (identity, topic)) WITHOUT ROWID",
    "messages": "CREATE TABLE messages"
    " (identity BLOB, number INTEGER, sum INTEGER, frames BLOB, PRIMARY KEY (identity, number)) WITHOUT ROWID",
    "closed": "CREATE TABLE closed (peers INTEGER, topics INTEGER, messages INTEGER)",
}
"""Which, by their names, with the text that SQLite keeps of them."""

_WRONG_TYPES: Final = {
    "peers": "typeof(identity) != 'blob' OR typeof(user_id) NOT IN ('blob', 'null')"
    " OR typeof(since) NOT IN ('real', 'null')",
    "topics": "typeof(identity) != 'blob' OR typeof(topic) != 'blob'",
    "messages": "typeof(identity) != 'blob' OR typeof(number) != 'integer' OR typeof(frames) != 'blob'",
}

_MOVED: Final = {
    "peers": "identity, user_id, since, peer_sum(identity, user_id, since)",
    "topics": "identity, topic, topic_sum(identity, topic)",
    "messages": "identity, number, message_sum(identity, number, frames), frames",
}


# -- checksums --------------------------------------------------------------------------------------------------------


def peer_sum(identity: bytes, user_id: bytes | None, since: float | None) -> int:
    """Return the checksum of a row of peers."""
    user = b"" if user_id is None else b"\1" + user_id
    moment = b"" if since is None else struct.pack(">d", since)
    return crc32(b"%d %d %b%b%b" % (len(user), len(moment), user, moment, identity))


def topic_sum(identity: bytes, topic: bytes) -> int:
    """Return the checksum of a row of topics."""
    return crc32(topic, crc32(identity, len(identity)))


def message_sum(identity: bytes, number: int, frames: bytes) -> int:
    """Return the checksum of a row of messages."""
    return crc32(frames, (crc32(identity) ^ number) & 0xFFFFFFFF)


# -- making and checking ----------------------------------------------------------------------------------------------


def damaged(path: str, what: str) -> ZMQError:
    """Return the error of a store that cannot be believed."""
    hint = "move it away, or put a copy in its place"
    return ZMQError(errno.EIO, f"cannot read the store {path}: it is damaged: {what}; {hint}")


def check_length(path: str) -> None:
    """Check a file for what SQLite, which is still to open it, would take for a new one, and write over.

    Raises:
        ZMQError: EIO if so little is left of it that something was lost.
    """
    size, size_of_log = map(_size, (path, f"{path}-wal"))
    if size == 1 or (not size and size_of_log):  # nothing gets into the log before the file has its first page
        what = "one byte is left of it" if size else f"nothing is left of it but {path}-wal"
        raise damaged(path, what)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:  # it is not there, or SQLite will say what is wrong with it
        return 0


def prepare(database: sqlite3.Connection, path: str, *, fsync: bool) -> None:
    """Take the file for this process alone, check it, and bring it up to date or make its tables.

    Raises:
        ZMQError: EINVAL if it is something else, EIO if it is damaged.
        sqlite3.Error: the same, or what the system says.
    """
    run = database.execute
    run("PRAGMA locking_mode = EXCLUSIVE")
    run("BEGIN EXCLUSIVE")  # and nobody else gets at it before it is closed
    version = _version_of(database, path)
    if version:
        _check_pages(database, path)
    run("COMMIT")
    run("PRAGMA journal_mode = WAL")
    run(f"PRAGMA synchronous = {'FULL' if fsync else 'NORMAL'}")
    run("BEGIN IMMEDIATE")
    if version == _FIRST_VERSION:
        _bring_up_to_date(database, path)
    elif not version:
        _make_tables(database)
    run("COMMIT")


def count(database: sqlite3.Connection) -> list[int]:
    """Return how many rows each table has."""
    return [database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in COUNTED]


def _version_of(database: sqlite3.Connection, path: str) -> int:
    """Return the version of a store, 0 for an empty file.

    Raises:
        ZMQError: EINVAL if it is something else, EIO if it was a store.
    """
    run = database.execute
    version: int = run("PRAGMA user_version").fetchone()[0]
    mark: int = run("PRAGMA application_id").fetchone()[0]
    found = run("SELECT name, sql, type, tbl_name FROM sqlite_master").fetchall()
    if not (version or found or mark):
        return 0
    tables = {name: sql for name, sql, kind, of in found if (kind, of) == ("table", name)}
    if len(tables) == len(found):
        if version == _FIRST_VERSION and not mark and tables == _OLD_TABLES:
            return version
        if version == _VERSION and mark == _APPLICATION_ID and tables == _TABLES:
            return version
    if tables in (_OLD_TABLES, _TABLES) or (mark == _APPLICATION_ID and version <= _VERSION):
        raise damaged(path, "its tables are not what they should be")
    raise ZMQError(errno.EINVAL, f"{path} is a database, but not one of a durable socket of this version")


def _check_pages(database: sqlite3.Connection, path: str) -> None:
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise damaged(path, str(verdict).replace("\n", " "))


def _make_tables(database: sqlite3.Connection) -> None:
    for statement in _TABLES.values():
        database.execute(statement)
    database.execute(f"PRAGMA user_version = {_VERSION}")
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


def _bring_up_to_date(database: sqlite3.Connection, path: str) -> None:
    """Make a store of the first version one of this version, in the transaction that is open."""
    run = database.execute
    for function, arguments in ((peer_sum, 3), (topic_sum, 2), (message_sum, 3)):
        database.create_function(function.__name__, arguments, function, deterministic=True)
    for table, wrong in _WRONG_TYPES.items():
        if run(f"SELECT count(*) FROM {table} WHERE {wrong}").fetchone()[0]:
            raise damaged(path, f"there are {table} of a wrong type")
        run(f"ALTER TABLE {table} RENAME TO old_{table}")
    _make_tables(database)
    for table, columns in _MOVED.items():
        run(f"INSERT INTO {table} SELECT {columns} FROM old_{table}")
        run(f"DROP TABLE old_{table}")

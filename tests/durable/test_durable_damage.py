"""Stores that a disk has damaged: nothing of them is believed, lost or changed in silence."""

from __future__ import annotations

import errno
import os
import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

import aiomq
from aiomq import SqliteStore, StoredPeer, ZMQError
from tests.durable.damage import PEERS, fill, flip, loaded, outcome

COPIES = 300

OLD_SCHEMA = """
    CREATE TABLE peers (identity BLOB PRIMARY KEY, user_id BLOB, since REAL) WITHOUT ROWID;
    CREATE TABLE topics (identity BLOB, topic BLOB, PRIMARY KEY (identity, topic)) WITHOUT ROWID;
    CREATE TABLE messages (identity BLOB, number INTEGER, frames BLOB, PRIMARY KEY (identity, number)) WITHOUT ROWID;
    PRAGMA user_version = 1;
"""


@pytest.fixture
def written(store_path: Path) -> bytes:
    """Return what a store that was closed is on the disk."""
    store = SqliteStore(store_path)
    fill(store)
    store.close()
    return store_path.read_bytes()


def change(path: Path, statement: str) -> None:
    """Change a store behind its back."""
    with sqlite3.connect(path) as database:
        database.execute(statement)
    database.close()


@pytest.mark.parametrize("bits", [1, 2, 20])
def test_damaged_copy_is_the_same_or_refused(store_path: Path, written: bytes, bits: int) -> None:
    outcomes = Counter[str]()
    for seed in range(COPIES):
        copy = store_path.with_name(f"{seed}.db")
        copy.write_bytes(flip(written, random.Random(f"{bits} {seed}"), bits))
        outcomes[outcome(copy, PEERS)] += 1

    assert outcomes["refused"] > COPIES // 2, outcomes
    assert outcomes.total() == COPIES


def test_each_bit_of_the_first_hundred_bytes_may_be_turned(store_path: Path, written: bytes) -> None:
    for bit in range(800):
        damaged = bytearray(written)
        damaged[bit // 8] ^= 1 << bit % 8
        copy = store_path.with_name(f"{bit}.db")
        copy.write_bytes(damaged)
        assert outcome(copy, PEERS) in {"same", "refused"}


def test_file_that_was_cut_off_is_refused(store_path: Path, written: bytes) -> None:
    for size in range(4096, len(written), 4096):
        copy = store_path.with_name(f"{size}.db")
        copy.write_bytes(written[:size])
        assert outcome(copy, PEERS) == "refused"


def test_file_that_was_cut_off_in_its_first_page_is_refused(store_path: Path, written: bytes) -> None:
    for size in (1, 2, 15, 16, 99, 100, 511, 512, 4095):
        store_path.write_bytes(written[:size])
        with pytest.raises(ZMQError, match=r"cannot (open|read) the store") as refused:
            loaded(store_path)
        assert refused.value.errno in {errno.EIO, errno.EINVAL}
        assert store_path.read_bytes() == written[:size]


@pytest.mark.parametrize("is_there", [True, False])
def test_file_of_which_only_the_log_is_left_is_refused(store_path: Path, *, is_there: bool) -> None:
    store = SqliteStore(store_path)
    fill(store)
    copy = store_path.with_name("copy.db")
    log = Path(f"{copy}-wal")
    log.write_bytes(Path(f"{store_path}-wal").read_bytes())
    store.close()
    if is_there:
        copy.touch()

    for _ in range(2):
        with pytest.raises(ZMQError, match="nothing is left of it but") as refused:
            loaded(copy)
        assert refused.value.errno == errno.EIO
    assert log.stat().st_size
    copy.touch()
    log.write_bytes(b"")
    assert loaded(copy) == []


def test_damaged_file_stays_as_it_is(store_path: Path, written: bytes) -> None:
    damaged = written.replace(b"only", b"0nly")
    store_path.write_bytes(damaged)
    with pytest.raises(ZMQError, match=r"damaged: what it has of b'one' .* move it away") as refused:
        loaded(store_path)

    assert refused.value.errno == errno.EIO
    with pytest.raises(ZMQError, match="damaged"):
        loaded(store_path)


def test_socket_refuses_a_damaged_store_and_lets_go_of_it(store_path: Path, written: bytes) -> None:
    store_path.write_bytes(written.replace(b"only", b"0nly"))
    with aiomq.Context() as context, pytest.raises(ZMQError, match="damaged") as refused:
        context.socket(aiomq.PUSH, durable=60.0, durable_store=store_path)

    assert refused.value.errno == errno.EIO
    store_path.write_bytes(written)
    assert loaded(store_path) == PEERS


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE peers SET identity = 'one' WHERE identity = x'6f6e65'",
        "UPDATE peers SET user_id = 5 WHERE user_id IS NOT NULL",
        "UPDATE peers SET since = 'soon' WHERE since IS NOT NULL",
        "UPDATE peers SET since = since + 1",
        "UPDATE topics SET topic = 'x' WHERE topic = x'78'",
        "UPDATE topics SET topic = x'79' WHERE topic = x'78'",
        "UPDATE messages SET frames = NULL WHERE number = 3",
        "UPDATE messages SET frames = 7 WHERE number = 3",
        "UPDATE messages SET frames = CAST(frames AS TEXT) WHERE number = 0",
        "UPDATE messages SET number = number + 1000",
        "UPDATE messages SET identity = x'656d707479' WHERE number = 0",
        "DELETE FROM peers WHERE identity = x'6f6e65'",
        "DELETE FROM topics WHERE topic = x'78'",
        "DELETE FROM messages WHERE number = 3",
        "DELETE FROM messages WHERE number = 90399",
        "DELETE FROM messages WHERE identity = x'6d616e79'",
        "INSERT INTO closed VALUES (4, 4, 406)",
        "DROP TABLE topics",
        "CREATE TABLE other (x)",
        "PRAGMA user_version = 1",
        "PRAGMA user_version = 0",
        "PRAGMA application_id = 0",
    ],
)
@pytest.mark.usefixtures("written")
def test_row_that_is_not_what_was_written_is_found_out(store_path: Path, statement: str) -> None:
    change(store_path, statement)

    assert outcome(store_path, PEERS) == "refused"


@pytest.mark.usefixtures("written")
def test_store_that_was_read_and_written_again_is_as_good(store_path: Path) -> None:
    store = SqliteStore(store_path)
    store.load()
    store.append(b"one", 1, [b"second"])
    store.commit()
    store.remove(b"big", 5)
    store.commit()
    store.close()
    store = SqliteStore(store_path)
    assert len(store.load()) == 4
    store.close()

    assert [peer.messages for peer in loaded(store_path) if peer.identity == b"one"] == [[b"only", b"second"]]
    change(store_path, "DELETE FROM messages WHERE number = 1")
    with pytest.raises(ZMQError, match="not as many rows"):
        loaded(store_path)


# -- stores of the first version --------------------------------------------------------------------------------------


def make_old(path: Path) -> None:
    """Make a store as it was before there were checksums, with what `PEERS` says."""
    make_rows = SqliteStore(path.with_name("new.db"))
    fill(make_rows)
    make_rows.close()
    with sqlite3.connect(path) as database:
        database.executescript(OLD_SCHEMA)
        database.execute("ATTACH ? AS new", (str(path.with_name("new.db")),))
        database.execute("INSERT INTO peers SELECT identity, user_id, since FROM new.peers")
        database.execute("INSERT INTO topics SELECT identity, topic FROM new.topics")
        database.execute("INSERT INTO messages SELECT identity, number, frames FROM new.messages")
    database.close()


def test_store_without_checksums_is_read_and_gets_them(store_path: Path) -> None:
    make_old(store_path)

    assert loaded(store_path) == PEERS
    assert loaded(store_path) == PEERS
    change(store_path, "UPDATE messages SET frames = x'00' WHERE number = 0")
    assert outcome(store_path, PEERS) == "refused"


def test_damaged_store_without_checksums_gives_no_wrong_types(store_path: Path) -> None:
    make_old(store_path)
    change(store_path, "UPDATE messages SET frames = NULL WHERE number = 3")
    before = store_path.read_bytes()

    with pytest.raises(ZMQError, match="messages of a wrong type") as refused:
        loaded(store_path)
    assert refused.value.errno == errno.EIO
    with pytest.raises(ZMQError, match="messages of a wrong type"):
        loaded(store_path)
    assert len(store_path.read_bytes()) == len(before)


def test_damaged_copies_of_a_store_without_checksums_raise_nothing_else(store_path: Path) -> None:
    make_old(store_path)
    data = store_path.read_bytes()
    outcomes = Counter[int | None]()
    for seed in range(COPIES):
        copy = store_path.with_name(f"{seed}.db")
        copy.write_bytes(flip(data, random.Random(seed), 2))
        try:
            peers = loaded(copy)
        except ZMQError as error:
            outcomes[error.errno] += 1
        else:
            assert all(type(peer.identity) is bytes for peer in peers)

    assert set(outcomes) <= {errno.EIO, errno.EINVAL}


# -- what else the system may say -------------------------------------------------------------------------------------


class Refused:
    """Stands for the file in a system that lets nobody write to it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, *_arguments: object) -> object:
        raise OSError(self.number, os.strerror(self.number))


@pytest.mark.usefixtures("written")
@pytest.mark.parametrize(
    ("number", "said"), [(errno.EROFS, errno.EROFS), (errno.EACCES, errno.EROFS), (errno.ENOSPC, errno.ENOSPC)]
)
def test_file_that_cannot_be_written_is_no_damage(
    store_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: int
) -> None:
    store = SqliteStore(store_path)
    store._database.execute("PRAGMA query_only = 1")
    store.remove(b"one", 0)
    monkeypatch.setattr("builtins.open", Refused(number))
    with pytest.raises(ZMQError, match="cannot write to the store") as failed:
        store.commit()
    monkeypatch.undo()

    assert failed.value.errno == said
    store.close()
    assert loaded(store_path) == PEERS


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write to any file")
@pytest.mark.usefixtures("written")
def test_file_that_is_only_for_reading_is_erofs(store_path: Path) -> None:
    store_path.chmod(0o444)
    with pytest.raises(ZMQError, match="cannot open the store") as refused:
        SqliteStore(store_path)

    assert refused.value.errno == errno.EROFS


def test_folder_that_is_missing_is_enoent(tmp_path: Path) -> None:
    with pytest.raises(ZMQError, match="cannot open the store") as refused:
        SqliteStore(tmp_path / "nowhere" / "queues.db")

    assert refused.value.errno == errno.ENOENT


def test_peer_without_anything_is_kept(store_path: Path) -> None:
    peer = StoredPeer(identity=b"", user_id=None, since=None, topics=[], messages=[])
    store = SqliteStore(store_path)
    fill(store, [peer])
    store.close()

    assert loaded(store_path) == [peer]

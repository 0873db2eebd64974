"""The store in SQLite: what it keeps, and how it fails."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from aiomq import SqliteStore, StoredPeer, ZMQError
from aiomq.message import Message
from tests.faults.processes import program

MESSAGES: list[Message] = [
    b"",
    b"one",
    b"\xc1 like several",
    (b"two", b"frames"),
    (b"", b""),
    (b"\xc1", b"x", bytes(100_000)),
]


def filled(path: Path) -> None:
    """Make a store with one peer."""
    store = SqliteStore(path)
    store.remember(b"one", b"user", 5.5)
    store.subscribe(b"one", [b"", b"topic"])
    store.append(b"one", 7, MESSAGES)
    store.commit()
    store.close()


def loaded(path: Path) -> list[StoredPeer]:
    """Return what a store has."""
    store = SqliteStore(path)
    try:
        return list(store.load())
    finally:
        store.close()


def test_store_has_after_closing_what_was_committed(store_path: Path) -> None:
    filled(store_path)

    (peer,) = loaded(store_path)

    assert (peer.identity, peer.user_id, peer.since) == (b"one", b"user", 5.5)
    assert sorted(peer.topics) == [b"", b"topic"]
    assert (peer.first, peer.messages) == (7, MESSAGES)


def test_store_forgets_what_was_not_committed(store_path: Path) -> None:
    store = SqliteStore(store_path)
    store.remember(b"one", None, None)
    store.close()

    assert loaded(store_path) == []


def test_store_removes_up_to_a_number_and_cancels_topics(store_path: Path) -> None:
    filled(store_path)
    store = SqliteStore(store_path)
    store.remove(b"one", 8)
    store.cancel(b"one", [b"", b"unknown"])
    store.remember(b"one", None, None)
    store.commit()
    store.close()

    assert loaded(store_path) == [
        StoredPeer(identity=b"one", topics=[b"topic"], first=9, messages=MESSAGES[2:]),
    ]


def test_store_forgets_an_identity_with_all_it_had(store_path: Path) -> None:
    filled(store_path)
    store = SqliteStore(store_path)
    store.forget(b"one")
    store.remember(b"one", None, 1.0)
    store.commit()
    store.close()

    assert loaded(store_path) == [StoredPeer(identity=b"one", since=1.0, topics=[], messages=[])]


@pytest.mark.parametrize("fsync", [False, True])
def test_store_survives_the_death_of_its_process(store_path: Path, fsync: bool) -> None:
    source = """
        import os, sys
        from aiomq import SqliteStore

        store = SqliteStore(sys.argv[1], fsync=sys.argv[2] == "True")
        store.remember(b"one", None, None)
        store.append(b"one", 0, [b"kept"])
        store.commit()
        store.append(b"one", 1, [b"not committed"])
        os.kill(os.getpid(), 9)
    """
    with program(source, str(store_path), str(fsync)) as process:
        assert process.finish()[0] == -9

    assert [peer.messages for peer in loaded(store_path)] == [[b"kept"]]


# -- failures ---------------------------------------------------------------------------------------------------------


def test_store_that_another_socket_has_is_refused(store_path: Path) -> None:
    store = SqliteStore(store_path)
    with pytest.raises(ZMQError, match="another socket or program has it open") as refused:
        SqliteStore(store_path)
    store.close()

    assert refused.value.errno == errno.EBUSY
    SqliteStore(store_path).close()


def text(path: Path) -> None:
    path.write_text("this is no database " * 100)


def other_database(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE other (x)")
    database.close()


def later_version(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()


@pytest.mark.parametrize("make", [text, other_database, later_version])
def test_file_that_is_something_else_is_refused_and_left_alone(store_path: Path, make: Callable[[Path], None]) -> None:
    make(store_path)
    before = store_path.read_bytes()
    with pytest.raises(ZMQError, match=r"queues\.db") as refused:
        SqliteStore(store_path)

    assert refused.value.errno == errno.EINVAL
    assert store_path.read_bytes() == before


def test_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ZMQError, match="cannot open the store"):
        SqliteStore(tmp_path / "nowhere" / "queues.db")


def test_damaged_file_is_found_out_when_it_is_read(store_path: Path) -> None:
    filled(store_path)
    data = bytearray(store_path.read_bytes())
    for page in range(4096, len(data), 4096):
        data[page : page + 200] = os.urandom(200)
    store_path.write_bytes(data)

    with pytest.raises(ZMQError, match=r"cannot (open|read) the store") as refused:
        loaded(store_path)
    assert refused.value.errno in {errno.EIO, errno.EINVAL}


def test_gap_in_the_numbers_is_found_out_when_it_is_read(store_path: Path) -> None:
    filled(store_path)
    with sqlite3.connect(store_path) as database:
        database.execute("DELETE FROM messages WHERE number = 9")
    database.close()

    with pytest.raises(ZMQError, match="damaged: messages for b'one' are missing"):
        loaded(store_path)


def test_full_disk_fails_the_commit_and_leaves_what_was_there(store_path: Path) -> None:
    filled(store_path)
    store = SqliteStore(store_path)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    store.remove(b"one", 7)
    store.append(b"one", 13, [bytes(1_000_000)])
    with pytest.raises(ZMQError, match="full") as failed:
        store.commit()

    assert failed.value.errno == errno.ENOSPC
    store._database.execute("PRAGMA max_page_count = 1000000")
    store.append(b"one", 13, [b"now"])
    store.commit()
    store.close()
    assert [(peer.first, peer.messages) for peer in loaded(store_path)] == [(7, [*MESSAGES, b"now"])]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a fork is what is tested")
def test_forked_child_leaves_its_copy_of_the_store_alone(store_path: Path) -> None:
    source = """
        import os, sys
        from aiomq import SqliteStore

        store = SqliteStore(sys.argv[1])
        store.remember(b"one", None, None)
        store.commit()
        pid = os.fork()
        if not pid:
            sys.exit()  # the end of the interpreter, with all that it drops
        assert os.waitpid(pid, 0)[1] == 0
        assert os.path.getsize(sys.argv[1] + "-wal") > 0
        store.append(b"one", 0, [b"kept"])
        store.commit()
        os.kill(os.getpid(), 9)
    """
    with program(source, str(store_path)) as process:
        assert process.finish() == (-9, "", "")

    assert [peer.messages for peer in loaded(store_path)] == [[b"kept"]]

"""Files of durable sockets with octets changed: what is read is what was written, or it is refused."""

from __future__ import annotations

import atexit
import errno
import functools
import shutil
import tempfile
from pathlib import Path
from typing import Final

from aiomq import SqliteStore, StoredPeer, ZMQError
from tests.fuzz.target import Draw

__all__ = ["store_files"]

PEERS: Final = [
    StoredPeer(identity=b"a", user_id=None, since=5.25, topics=[b""], first=3, messages=[b"x" * 30, (b"y", b"", b"z")]),
    StoredPeer(identity=b"b", user_id=b"ada", since=None, topics=[b"t", b"u" * 40], first=0, messages=[]),
    StoredPeer(identity=b"c", user_id=b"", since=1e9, topics=[], first=90_000, messages=[b"%d" % n for n in range(20)]),
]

_EXPECTED: Final = {errno.EIO, errno.EINVAL}


@functools.cache
def _folder() -> str:
    """Return a folder to write to, which goes with the process; that of the runner is in memory."""
    folder = tempfile.mkdtemp(prefix="fuzz-stores-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _written() -> bytes:
    """Return what a store that was closed is on the disk."""
    path = Path(_folder(), "written.db")
    store = SqliteStore(path)
    for peer in PEERS:
        store.remember(peer.identity, peer.user_id, peer.since)
        store.subscribe(peer.identity, peer.topics)
        store.append(peer.identity, peer.first, peer.messages)
        store.commit()
    store.close()
    return path.read_bytes()


def store_files(data: bytes) -> None:
    """Read a file that is changed in places: each four octets are where, and how."""
    draw = Draw(data)
    octets = bytearray(_written())
    if draw.number(8) == 7:
        octets = bytearray(draw.rest())  # not a store at all
    while edit := draw.piece(4):
        if len(edit) < 4:
            break
        octets[int.from_bytes(edit[:3]) % len(octets)] ^= edit[3]
    path = Path(_folder(), "changed.db")
    for each in (f"{path}-wal", f"{path}-journal"):
        Path(each).unlink(missing_ok=True)
    path.write_bytes(octets)
    _read(path, is_whole=octets == _written(), is_empty=not octets)


def _read(path: Path, *, is_whole: bool, is_empty: bool) -> None:
    try:
        store = SqliteStore(path)
    except ZMQError as error:
        assert error.errno in _EXPECTED, error
        assert not is_whole
        return
    try:
        found = sorted(store.load(), key=lambda peer: peer.identity)
    except ZMQError as error:
        assert error.errno in _EXPECTED, error
        assert not is_whole
    else:
        assert found == PEERS or (is_empty and not found), "a damaged store lost or changed something, and said nothing"
    finally:
        store.close()

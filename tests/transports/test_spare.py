"""The descriptor that is kept for when there are none, and how many are left."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from aiomq.transports.spare import DescriptorLimit, Spare


def test_limit_is_asked_for_once_a_second() -> None:
    limits, now = [100, None, 50], [0.0]
    limit = DescriptorLimit(lambda: limits.pop(0), lambda: now[0])

    assert [limit.left_above(number) for number in (0, 98, 99)] == [99, 1, 0]
    now[0] = 1.0
    assert limit.left_above(10**6) is None
    now[0] = 1.9
    assert limit.left_above(3) is None
    now[0] = 2.0
    assert limit.left_above(49) == 0


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="this system has no limit of descriptors for sockets")
def test_spare_is_there_again_after_somebody_was_turned_away() -> None:
    kept = Spare()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        kept.hold()
        kept.hold()
        with socket.create_connection(listening.getsockname()) as sock:
            assert kept.turn_away(listening) == sock.getsockname()
            assert sock.recv(1) == b""
        with pytest.raises(BlockingIOError):
            kept.turn_away(listening)
    os.close(kept._descriptor)  # it was open


def test_spare_that_cannot_be_had_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str, flags: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr("os.open", fail)
    kept = Spare()
    kept.hold()
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as sock:
        kept.turn_away(listening)
        assert sock.recv(1) == b""

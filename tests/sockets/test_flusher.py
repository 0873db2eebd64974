"""`Flusher`: the first message of a turn leaves at once, the rest of the turn in one batch."""

from __future__ import annotations

import asyncio

import pytest

from aiomq.flusher import SLICE, Flusher


class Peer:
    """Writes down what it is told."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log
        self.corked = False

    def flush(self) -> None:
        self.log.append(f"flush {self.name}")

    def uncork(self) -> None:
        self.corked = False
        self.log.append(f"uncork {self.name}")


def make(log: list[str]) -> Flusher:
    return Flusher(asyncio.get_running_loop(), lambda: log.append("turn ended"))


async def test_touch_writes_the_first_of_a_turn_at_once_and_corks_it() -> None:
    log: list[str] = []
    peer = Peer("A", log)

    make(log).touch(peer)

    assert log == ["flush A"]
    assert peer.corked
    await asyncio.sleep(0)
    assert log == ["flush A", "turn ended", "uncork A"]
    assert not peer.corked


async def test_touch_of_a_second_peer_in_a_turn_waits_for_its_end() -> None:
    log: list[str] = []
    flusher = make(log)
    for name in "ABC":
        flusher.touch(Peer(name, log))

    assert log == ["flush A"]
    await asyncio.sleep(0)

    assert log == ["flush A", "turn ended", "uncork A", "uncork B", "uncork C"]


async def test_touch_in_the_next_turn_is_a_first_one_again() -> None:
    log: list[str] = []
    flusher, peer = make(log), Peer("A", log)
    flusher.touch(peer)
    await asyncio.sleep(0)
    log.clear()

    flusher.touch(peer)

    assert log == ["flush A"]
    await asyncio.sleep(0)


async def test_flush_writes_all_without_ending_the_turn() -> None:
    log: list[str] = []
    flusher = make(log)
    for name in "AB":
        flusher.touch(Peer(name, log))
    log.clear()

    flusher.flush()

    assert log == ["flush A", "flush B"]
    await asyncio.sleep(0)
    assert log[2:] == ["turn ended", "uncork A", "uncork B"]


async def test_end_turn_serves_a_peer_that_is_touched_meanwhile_in_the_next_turn() -> None:
    log: list[str] = []
    flusher = make(log)
    late = Peer("late", log)

    class Touching(Peer):
        def uncork(self) -> None:
            super().uncork()
            flusher.touch(late)

    flusher.touch(Touching("A", log))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert log == ["flush A", "turn ended", "uncork A", "flush late", "turn ended", "uncork late"]


def crowd(flusher: Flusher, log: list[str], count: int) -> list[Peer]:
    """Let so many peers get a message in this turn."""
    peers = [Peer(str(number), log) for number in range(count)]
    for peer in peers:
        flusher.touch(peer)
    log.clear()
    return peers


async def test_end_turn_with_a_crowd_writes_a_slice_and_another_one_after_each_turn() -> None:
    log: list[str] = []
    crowd(make(log), log, 2 * SLICE + 10)
    written: list[int] = []
    for _ in range(4):
        await asyncio.sleep(0)
        written.append(sum(line.startswith("uncork") for line in log))

    assert written == [SLICE, 2 * SLICE, 2 * SLICE + 10, 2 * SLICE + 10]
    assert log == ["turn ended", *(f"uncork {number}" for number in range(2 * SLICE + 10))]


async def test_is_behind_until_the_last_slice_is_written() -> None:
    log: list[str] = []
    flusher = make(log)
    crowd(flusher, log, SLICE + 1)
    seen = [flusher.is_behind]
    for _ in range(2):
        await asyncio.sleep(0)
        seen.append(flusher.is_behind)

    assert seen == [False, True, False]


async def test_end_turn_while_slices_are_left_puts_later_peers_behind_them() -> None:
    log: list[str] = []
    flusher = make(log)
    peers = crowd(flusher, log, 2 * SLICE)
    await asyncio.sleep(0)
    log.clear()
    assert [peers[0].corked, peers[-1].corked] == [False, True]

    flusher.touch(peers[0])
    assert log == ["flush 0"]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    order = [line for line in log if line.startswith("uncork")]
    assert order == [*(f"uncork {number}" for number in range(SLICE, 2 * SLICE)), "uncork 0"]
    assert not any(peer.corked for peer in peers)


async def test_flush_writes_to_no_more_peers_than_a_slice_has() -> None:
    log: list[str] = []
    flusher = make(log)
    crowd(flusher, log, SLICE + 5)

    flusher.flush()

    assert log == [f"flush {number}" for number in range(SLICE)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_hold_writes_nothing_before_the_turn_ends() -> None:
    log: list[str] = []
    flusher, peer = make(log), Peer("A", log)

    flusher.hold(peer)

    assert peer.corked
    assert log == []
    await asyncio.sleep(0)
    assert log == ["turn ended", "uncork A"]


class BrokenPeer(Peer):
    """Fails when it is to write."""

    def flush(self) -> None:
        super().flush()
        raise OSError("broken")

    def uncork(self) -> None:
        super().uncork()
        raise OSError("broken")


async def test_peer_that_fails_at_the_end_of_a_turn_holds_up_nobody_else() -> None:
    log: list[str] = []
    failures: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: failures.append(about["exception"]))
    flusher = make(log)
    for peer in (Peer("A", log), BrokenPeer("B", log), Peer("C", log)):
        flusher.touch(peer)

    for _ in range(3):
        await asyncio.sleep(0)

    assert log == ["flush A", "turn ended", "uncork A", "uncork B", "uncork C"]
    assert [str(failure) for failure in failures] == ["broken"]
    assert flusher.last_batch is None


async def test_first_peer_of_a_turn_that_fails_leaves_the_turn_to_end() -> None:
    log: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    flusher = make(log)

    with pytest.raises(OSError, match="broken"):
        flusher.touch(BrokenPeer("A", log))
    await asyncio.sleep(0)

    assert log == ["flush A", "turn ended", "uncork A"]

"""Large frames on their way: how much memory they get, and which of them have to go."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from aiomq.message import Item
from aiomq.zmtp import large_frames
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import FrameDecoder
from aiomq.zmtp.large_frames import FIRST_GRANT, SPARE_BYTES, Budget, LargeFrame
from aiomq.zmtp.legacy_frames import LegacyFrameDecoder
from tests.transports.scripted import frame

KIB = 1024
HUGE = 2**63 - 1


@pytest.fixture(autouse=True)
def budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Budget]:
    """Return a budget of 256 KiB, in the place of the process's; no buffer is in stock."""
    made = Budget(256 * KIB)
    monkeypatch.setattr(large_frames, "budget", made)
    large_frames._spare.clear()
    yield made
    large_frames._spare.clear()


def given_up(large: LargeFrame) -> list[str]:
    """Return a list that gets the reasons for which a frame has to go."""
    reasons: list[str] = []
    large.given_up = lambda error: reasons.append(str(error))
    return reasons


def feed(decoder: FrameDecoder | LegacyFrameDecoder, data: bytes, most: int = 50_000) -> tuple[list[Item], list[int]]:
    """Return what a decoder makes of data, and how much room it asked for each time."""
    items: list[Item] = []
    rooms: list[int] = []
    left = memoryview(data)
    while left:
        room = decoder.assembly.room
        if room is None:
            size = min(len(left), most)
            decoder.feed(left[:size])
            items += decoder.take(1000)
        else:
            rooms.append(len(room))
            size = min(len(left), len(room), most)
            room[:size] = left[:size]
            item, whole = decoder.assembly.fill_large(size)
            assert whole or item is None
            if item is not None:
                items.append(item)
        left = left[size:]
    return items, rooms


def legacy(body: bytes) -> bytes:
    return b"\xff" + (len(body) + 1).to_bytes(8, "big") + b"\0" + body


# -- how much ---------------------------------------------------------------------------------------------------------


def test_first_grant_is_at_most_64_kib() -> None:
    assert FIRST_GRANT <= 64 * KIB


@pytest.mark.parametrize("make", [FrameDecoder, LegacyFrameDecoder])
def test_ten_bytes_get_no_more_than_the_first_grant(
    make: type[FrameDecoder | LegacyFrameDecoder], budget: Budget
) -> None:
    decoder = make()
    size = HUGE.to_bytes(8, "big")
    decoder.feed(b"\x02" + size + b"x" if make is FrameDecoder else b"\xff" + size + b"\0x")
    assert decoder.take(1) == []
    assert budget.held == FIRST_GRANT
    assert decoder.assembly.room is not None
    assert 0 < len(decoder.assembly.room) < FIRST_GRANT


@pytest.mark.parametrize("size", [8192, 16 * KIB, 16 * KIB + 1, 100_000, 200_000, 256 * KIB, 1 << 20, 9_000_001])
@pytest.mark.parametrize("most", [999, 4096, 50_000, 1 << 20])
@pytest.mark.parametrize("form", ["2.0", "1.0"])
def test_frame_grows_as_its_bytes_come_and_is_whole_in_the_end(size: int, most: int, form: str, budget: Budget) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]
    data = frame(body) if form == "2.0" else legacy(body)
    decoder = FrameDecoder() if form == "2.0" else LegacyFrameDecoder()
    items, rooms = feed(decoder, data * 2, most)
    assert items == [body, body]
    assert all(rooms)
    assert budget.held == 0


def test_buffer_is_never_more_than_double_of_what_arrived(budget: Budget) -> None:
    decoder = FrameDecoder()
    sent = 100
    feed(decoder, b"\x02" + HUGE.to_bytes(8, "big") + bytes(sent))
    while sent < 250_000:
        assert budget.held <= max(FIRST_GRANT, 2 * sent)
        feed(decoder, bytes(1000))
        sent += 1000


def test_stock_serves_the_next_frame_at_once(budget: Budget) -> None:
    body = bytes(100_000)
    decoder = FrameDecoder()
    assert feed(decoder, frame(body), 20_000)[0] == [body]
    assert feed(decoder, frame(body), 20_000)[1][0] == 100_000 - (20_000 - 9)


def test_frame_over_the_size_of_the_stock_leaves_the_largest_buffer_that_fits_there() -> None:
    feed(FrameDecoder(), frame(bytes(2 * SPARE_BYTES)), 1 << 20)
    assert [len(each) for each in large_frames._spare] == [SPARE_BYTES]


# -- the budget -------------------------------------------------------------------------------------------------------


def test_over_the_budget_the_frame_that_has_not_grown_for_longest_goes(budget: Budget) -> None:
    frames = [LargeFrame() for _ in range(17)]
    reasons = [given_up(each) for each in frames]
    for each in frames[:16]:
        each.start(0, HUGE, b"x")
    assert budget.held == budget.limit == 16 * FIRST_GRANT
    frames[0].fill(FIRST_GRANT - 1)  # it grows, and is the newest: the next one has to go for it
    assert [bool(each) for each in reasons] == [False, True, *[False] * 15]
    frames[16].start(0, HUGE, b"x")
    assert [bool(each) for each in reasons] == [False, True, True, *[False] * 14]
    assert budget.held == budget.limit
    assert f"unfinished messages and large frames hold more than {budget.limit} bytes in this process" in reasons[1][0]


def test_over_the_budget_a_frame_with_more_than_half_of_it_goes_itself(budget: Budget) -> None:
    small, hog = LargeFrame(), LargeFrame()
    reasons = given_up(small)
    small.start(0, HUGE, b"x")
    hog.start(0, HUGE, bytes(60 * KIB))
    hog.fill(60 * KIB)  # 240 KiB
    with pytest.raises(ZmtpError, match="raise AIOMQ_LARGE_FRAMES to allow more") as caught:
        hog.fill(120 * KIB)
    assert not caught.value.fatal  # a dialer comes again
    assert reasons == []


def test_frame_alone_may_be_larger_than_the_budget(budget: Budget) -> None:
    body = bytes(1 << 20)
    assert feed(FrameDecoder(), frame(body))[0] == [body]
    assert budget.held == 0


def test_discarded_frame_gives_back_what_it_held(budget: Budget) -> None:
    decoder = FrameDecoder()
    feed(decoder, b"\x01\x01a\x02" + HUGE.to_bytes(8, "big") + bytes(100_000))
    assert budget.held >= 100_000
    decoder.assembly.discard()
    assert budget.held == 0
    assert decoder.assembly.room is None
    assert decoder.assembly.parts == []


def test_forgotten_frame_gives_back_what_it_held(budget: Budget) -> None:
    decoder = FrameDecoder()
    feed(decoder, b"\x02" + HUGE.to_bytes(8, "big") + bytes(100_000))
    del decoder
    gc.collect()
    assert budget.held == 0
    LargeFrame().start(0, HUGE, b"x")


@pytest.mark.parametrize(("text", "limit"), [("123456789", 123_456_789), ("", None), ("much", None), ("-1", None)])
def test_budget_comes_from_the_environment_or_from_the_memory_there_is(
    monkeypatch: pytest.MonkeyPatch, text: str, limit: int | None
) -> None:
    monkeypatch.setenv("AIOMQ_LARGE_FRAMES", text)
    monkeypatch.setattr(large_frames, "memory_for_process", lambda: 4 << 30)
    assert Budget().find_limit() == (1 << 29 if limit is None else limit)


def test_budget_of_little_memory_is_64_mib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIOMQ_LARGE_FRAMES", raising=False)
    monkeypatch.setattr(large_frames, "memory_for_process", lambda: 1 << 20)
    assert Budget().find_limit() == 64 << 20

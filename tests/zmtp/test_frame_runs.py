"""Runs of messages of one shape are cut out and joined all at once: the result is as if it were done one by one."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiomq.message import Item, Message
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import FrameDecoder, FrameEncoder
from aiomq.zmtp.runs import take_frames, take_messages

SIZES = st.sampled_from([0, 1, 2, 64, 255, 256, 300])
SHAPES = st.one_of(SIZES, st.lists(SIZES, min_size=2, max_size=4).map(tuple))
RUNS = st.lists(st.tuples(SHAPES, st.integers(1, 80)), min_size=1, max_size=6)


def wire(message: Message) -> bytes:
    """Return a message as RFC 37 has it, frame by frame."""
    frames = message if isinstance(message, tuple) else (message,)
    data = b""
    for place, frame in enumerate(frames):
        more = int(place < len(frames) - 1)
        if len(frame) < 256:
            data += bytes((more, len(frame))) + frame
        else:
            data += bytes((more | 2,)) + len(frame).to_bytes(8, "big") + frame
    return data


def made_of(runs: list[tuple[int | tuple[int, ...], int]]) -> list[Message]:
    messages: list[Message] = []
    for shape, count in runs:
        for _ in range(count):
            letter = bytes((len(messages) % 251,))
            messages.append(letter * shape if isinstance(shape, int) else tuple(letter * size for size in shape))
    return messages


def decoded(decoder: FrameDecoder, limit: int) -> list[Item]:
    items: list[Item] = []
    while not decoder.starved:
        items += decoder.take(limit)
    return items


@given(runs=RUNS, chunk=st.integers(1, 5000), limit=st.integers(1, 100))
@settings(max_examples=150, deadline=None)
def test_decoder_of_runs_gives_every_message_in_order(
    runs: list[tuple[int | tuple[int, ...], int]], chunk: int, limit: int
) -> None:
    messages = made_of(runs)
    data = b"".join(map(wire, messages))
    decoder = FrameDecoder()
    items: list[Item] = []
    for start in range(0, len(data), chunk):
        decoder.feed(data[start : start + chunk])
        items += decoded(decoder, limit)
    assert items == messages


@given(runs=RUNS)
@settings(max_examples=150, deadline=None)
def test_encoder_of_runs_gives_the_frames_one_by_one(runs: list[tuple[int | tuple[int, ...], int]]) -> None:
    messages = made_of(runs)
    encoder = FrameEncoder(subscription_commands=True)
    queue: deque[Item] = deque(messages)
    data = b""
    while queue:
        buffers, count = encoder.encode(queue)
        data += b"".join(buffers)
        for _ in range(count):
            queue.popleft()
    assert data == b"".join(map(wire, messages))


def test_take_frames_ends_at_another_header() -> None:
    data = b"\x00\x01a" * 7 + b"\x00\x02bb" + b"\x00\x01a" * 9
    assert take_frames(data, 0, b"\x00\x01", 1, 100) == [b"a"] * 7


def test_take_frames_keeps_to_the_limit() -> None:
    assert take_frames(b"\x00\x01a" * 50, 3, b"\x00\x01", 1, 40) == [b"a"] * 40


def test_take_frames_leaves_a_frame_that_is_not_whole() -> None:
    assert take_frames(b"\x00\x03abc" * 6 + b"\x00\x03ab", 0, b"\x00\x03", 3, 100) == [b"abc"] * 6


def test_take_messages_ends_where_a_frame_has_another_size_or_flag() -> None:
    whole = b"\x01\x01a\x00\x02bc"
    assert take_messages(whole * 8 + b"\x01\x01a\x00\x03bcd", 0, (1, 2), 100) == [(b"a", b"bc")] * 8
    assert take_messages(whole * 6 + b"\x01\x01a\x01\x02bc" + whole * 6, 0, (1, 2), 100) == [(b"a", b"bc")] * 6


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_take_of_a_run_too_short_to_be_worth_it_gives_nothing(count: int) -> None:
    assert take_frames(b"\x00\x01a" * count, 0, b"\x00\x01", 1, 100) == []
    assert take_messages(b"\x01\x01a\x00\x01b" * count, 0, (1, 1), 100) == []


def test_decoder_with_a_size_limit_refuses_the_frame_in_a_run_and_gives_those_before() -> None:
    decoder = FrameDecoder(max_frame_size=3)
    decoder.feed(wire((b"a", b"bcd")) * 20 + wire((b"a", b"bcde")))
    assert decoder.take(100) == [(b"a", b"bcd")] * 20
    with pytest.raises(ZmtpError, match="MAXMSGSIZE"):
        decoder.take(100)


@pytest.mark.parametrize("message", [b"", b"x", bytes(255), (b"", b"x"), (b"id", b""), (bytes(255), bytes(255))])
def test_lone_message_of_short_frames_is_known(message: Message) -> None:
    assert FrameDecoder().lone(wire(message)) == message


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"\x01",
        b"\x00\x02a",
        b"\x01\x01a",
        b"\x01\x01a\x00",
        b"\x01\x01a\x00\x05bc",
        wire(b"a") * 2,
        wire((b"a", b"b")) + b"\x00",
        wire((b"a", b"b", b"c")),
        wire((b"a", bytes(256))),
        wire(bytes(256)),
        b"\x04\x05\x04PING",
        b"\x01\x00\x04\x05\x04PING",
    ],
)
def test_lone_leaves_everything_else_to_feed(data: bytes) -> None:
    assert FrameDecoder().lone(data) is None


def test_lone_is_none_in_the_middle_of_something() -> None:
    decoder = FrameDecoder()
    decoder.feed(b"\x00\x05ab")
    assert decoder.take(10) == []
    assert decoder.lone(wire(b"cde")) is None
    decoder = FrameDecoder()
    decoder.feed(b"\x01\x01a")
    assert decoder.take(10) == []
    assert decoder.lone(wire(b"b")) is None


def test_lone_with_a_limit_on_short_frames_is_none() -> None:
    assert FrameDecoder(max_frame_size=10).lone(wire(b"a")) is None


@given(data=st.binary(min_size=1, max_size=40))
@settings(max_examples=300, deadline=None)
def test_lone_gives_what_the_decoder_gives(data: bytes) -> None:
    message = FrameDecoder().lone(data)
    if message is not None:
        decoder = FrameDecoder()
        decoder.feed(data)
        assert decoder.take(10) == [message]

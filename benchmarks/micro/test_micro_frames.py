"""The frame codec: what every message over a wire costs."""

from __future__ import annotations

from collections import deque

import pytest

from aiomq.message import Item
from aiomq.zmtp.frames import FrameDecoder, FrameEncoder
from benchmarks.micro.ready_peer import OPERATIONS, Benchmark


def queue_of(size: int, count: int) -> deque[Item]:
    return deque([b"x" * size for _ in range(count)])


def mixed_queue(count: int) -> deque[Item]:
    return deque([b"x" * (1 + number * 37 % 200) for number in range(count)])


def encoded(queue: deque[Item]) -> bytes:
    rest, encoder, stream = deque(queue), FrameEncoder(subscription_commands=True), bytearray()
    while rest:
        buffers, count = encoder.encode(rest)
        stream += b"".join(buffers)
        for _ in range(count):
            rest.popleft()
    return bytes(stream)


@pytest.mark.parametrize("size", [16, 256, 1024])
def test_encode_batch_of_small_frames(benchmark: Benchmark, size: int) -> None:
    queue = queue_of(size, OPERATIONS)
    buffers, count = benchmark(FrameEncoder(subscription_commands=True).encode, queue)
    assert len(buffers) == 1
    assert 0 < count <= OPERATIONS


def test_encode_one_small_frame(benchmark: Benchmark) -> None:
    buffers, count = benchmark(FrameEncoder(subscription_commands=True).encode, queue_of(16, 1))
    assert (buffers, count) == ([b"\x00\x10" + b"x" * 16], 1)


def test_encode_large_frames(benchmark: Benchmark) -> None:
    buffers, count = benchmark(FrameEncoder(subscription_commands=True).encode, queue_of(65536, 4))
    assert sum(map(len, buffers)) == count * (65536 + 9)


def test_encode_messages_of_two_frames(benchmark: Benchmark) -> None:
    queue: deque[Item] = deque([(b"x" * 16, b"y" * 64)] * OPERATIONS)
    buffers, count = benchmark(FrameEncoder(subscription_commands=True).encode, queue)
    assert (len(buffers), count) == (1, OPERATIONS)


def decode(chunk: bytes | memoryview, limit: int) -> int:
    decoder = FrameDecoder()
    decoder.feed(chunk)
    return len(decoder.take(limit))


@pytest.mark.parametrize("size", [16, 200, 1024])
def test_decode_small_frames_of_one_size(benchmark: Benchmark, size: int) -> None:
    assert benchmark(decode, encoded(queue_of(size, OPERATIONS)), OPERATIONS) == OPERATIONS


def test_decode_small_frames_of_many_sizes(benchmark: Benchmark) -> None:
    assert benchmark(decode, encoded(mixed_queue(OPERATIONS)), OPERATIONS) == OPERATIONS


def test_decode_one_small_frame(benchmark: Benchmark) -> None:
    assert benchmark(decode, encoded(queue_of(16, 1)), OPERATIONS) == 1


def test_decode_large_frames(benchmark: Benchmark) -> None:
    assert benchmark(decode, memoryview(encoded(queue_of(65536, 4))), OPERATIONS) == 4

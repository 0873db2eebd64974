"""Runs of messages of one shape: found without looking at the same octets again and again."""

from __future__ import annotations

from typing import Any

import pytest

from aiomq.zmtp import runs
from aiomq.zmtp.frames import FrameDecoder

CHUNK = 1 << 18

LONG = b"\2" + (300).to_bytes(8) + bytes(300)

SHAPES = {
    "A A B": b"\0\1x" * 2 + b"\0\2xy",
    "six A, B": b"\0\1x" * 6 + b"\0\2xy",
    "seventy A, B": b"\0\0" * 70 + b"\0\1x",
    "three hundred A, B": b"\0\0" * 300 + b"\0\1x",
    "A A B of parts": b"\1\1x\0\1y" * 2 + b"\1\2xx\0\1y",
    "seventy A, B of parts": b"\1\0\0\0" * 70 + b"\1\1x\0\0",
    "long A A B": LONG * 2 + b"\2" + (301).to_bytes(8) + bytes(301),
    "all A": b"\0\1x",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_looked_at_for_runs_grows_with_the_chunk_and_not_with_its_square(
    monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    looked = 0
    count = runs._count

    def counting(data: bytes, position: int, stride: int, octets: Any, width: int) -> int:
        nonlocal looked
        looked += width * len(octets)
        return count(data, position, stride, octets, width)

    monkeypatch.setattr(runs, "_count", counting)
    data = SHAPES[shape] * (CHUNK // len(SHAPES[shape]))
    decoder = FrameDecoder()
    decoder.feed(data)
    items = decoder.take(1 << 60)

    assert decoder.starved
    assert len(items) > 100
    assert looked <= 10 * len(data)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 6, 63, 64, 65, 255, 256, 257, 5000])
@pytest.mark.parametrize("limit", [3, 64, 100, 10_000])
def test_run_of_any_length_is_cut_where_it_ends(count: int, limit: int) -> None:
    decoder = FrameDecoder()
    decoder.feed(b"\0\2ab" * count + b"\0\3xyz")
    taken: list[Any] = []
    while not decoder.starved:
        taken += decoder.take(limit)

    assert taken == [b"ab"] * count + [b"xyz"]

"""Freed memory that stays with the process: what `docs/explanation/decisions/010-freed-memory-stays.md` says of it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from aiomq.transports import allocator

KEEPS = """
import ctypes, sys
from aiomq.transports.allocator import keep_freed_blocks


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 >> 20


keep_freed_blocks()
frames = [bytes([1]) * SIZE for _ in range((200 << 20) // SIZE)]
last = [bytes([2]) * SIZE for _ in range(3)]
del frames
kept = resident()
ctypes.CDLL(None).malloc_trim(0)
print(kept, resident())
"""
"""Two hundred MiB of frames are freed, and what came after them is still in use."""


def is_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim") and os.sysconf("SC_PAGE_SIZE") == 4096


@pytest.mark.skipif(not is_glibc(), reason="the C library is not glibc")
@pytest.mark.parametrize("size", [20_000, 65_536, 1 << 20])
def test_freed_frames_below_one_in_use_stay_until_the_heap_is_trimmed(size: int) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_", "LD_"))}
    done = subprocess.run(
        [sys.executable, "-c", KEEPS.replace("SIZE", str(size))],
        env=environ | {"AIOMQ_KEEP_MALLOC": "0"},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )

    kept, trimmed = map(int, done.stdout.split())
    assert kept > 150
    assert trimmed < 100


@pytest.mark.parametrize(("platform", "value", "asked"), [("linux", "", 1), ("linux", "1", 0), ("darwin", "", 0)])
def test_thresholds_are_raised_once_where_that_helps_and_is_wanted(
    monkeypatch: pytest.MonkeyPatch, platform: str, value: str, asked: int
) -> None:
    blocks: list[int] = []
    monkeypatch.setattr(allocator, "_done", False)
    monkeypatch.setattr(allocator, "bytes", blocks.append, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("AIOMQ_KEEP_MALLOC", value)

    allocator.keep_freed_blocks()
    allocator.keep_freed_blocks()

    assert len(blocks) == asked

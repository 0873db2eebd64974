"""Runs one target: by atheris, which looks for inputs that reach new code, or by plain mutation of the corpus.

It is a process of its own, `python -m tests.fuzz.engine TARGET ENGINE RUNS SECONDS`, started by the runner: libFuzzer
ends the process it runs in. What it found out so far is in a line of JSON on standard output, again and again.
"""

from __future__ import annotations

import gc
import json
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["CORPUS", "kept", "mutated", "report"]

CORPUS: Final = Path(__file__).with_name("corpus")

_REPORTS: Final = 20
_OCTETS: Final = b"\x00\x01\x02\x03\x04\x05\x06\x07\x09\x10\x7f\x80\xfe\xff"


class Counted:
    """A target that counts its executions, and what the process holds after each twentieth of them."""

    def __init__(self, run: Callable[[bytes], None], runs: int) -> None:
        self._run = run
        self._count = 0
        self._step = max(1, runs // _REPORTS)
        self._began = time.perf_counter()
        self._blocks: list[int] = []

    def __call__(self, data: bytes) -> None:
        """Do one execution."""
        self._count += 1
        self._run(data)
        if self._count % self._step == 0:
            self.report()

    def report(self) -> None:
        """Say how far this is."""
        gc.collect()
        self._blocks.append(sys.getallocatedblocks())
        print(report(self._count, time.perf_counter() - self._began, self._blocks), flush=True)


def report(count: int, seconds: float, blocks: list[int]) -> str:
    """Return a line that the runner reads; `growth` is that of the second half, in blocks of memory."""
    growth = blocks[-1] - blocks[len(blocks) // 2] if len(blocks) > 3 else 0
    return json.dumps({"executions": count, "seconds": round(seconds, 2), "growth": growth})


def kept(name: str) -> list[bytes]:
    """Return the corpus of a target."""
    return [path.read_bytes() for path in sorted((CORPUS / name).iterdir())]


def mutated(draw: random.Random, corpus: list[bytes], max_size: int) -> bytes:
    """Return one of the corpus with a few things wrong."""
    data = bytearray(draw.choice(corpus))
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        at = draw.randrange(len(data) + 1)
        match draw.randrange(7):
            case 0:
                data[at : at + 1] = bytes((draw.randrange(256),))
            case 1:
                data[at : at + 1] = bytes((draw.choice(_OCTETS),))
            case 2:
                del data[at : at + draw.choice((1, 1, 2, 9, 100))]
            case 3:
                data[at:at] = draw.randbytes(draw.choice((1, 2, 9, 30)))
            case 4:
                data[at:at] = data[at : at + draw.choice((1, 4, 30, 300))] * draw.choice((1, 1, 8))
            case 5:
                other = draw.choice(corpus)
                data[at:] = other[draw.randrange(len(other) + 1) :]
            case _:
                if at < len(data):
                    data[at] ^= 1 << draw.randrange(8)
    return bytes(data[:max_size])


def _mutate(name: str, runs: int, seconds: float, seed: str) -> None:
    from tests.fuzz.targets import TARGETS

    target = TARGETS[name]
    corpus = [*kept(name), b""]
    run = Counted(target.run, runs)
    draw = random.Random(seed)
    ends = time.perf_counter() + seconds
    for number in range(runs):
        data = corpus[number] if number < len(corpus) else mutated(draw, corpus, target.max_size)
        began = time.thread_time()
        try:
            run(data)
        except BaseException:
            print(json.dumps({"input": data.hex()}), flush=True)
            raise
        if (seconds_taken := time.thread_time() - began) > target.limit:
            print(json.dumps({"input": data.hex()}), flush=True)
            raise TimeoutError(f"one execution took {seconds_taken:.1f} s")
        if time.perf_counter() > ends:
            break
    run.report()


def _explore(name: str, runs: int, seconds: float, seed: str) -> None:
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # of the extra `fuzz`

    with atheris.instrument_imports(include=["aiomq"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    scratch = Path(sys.argv[5])
    found = scratch / f"{name}-found"
    found.mkdir(exist_ok=True)
    arguments = [
        f"-runs={runs}",
        f"-max_total_time={int(seconds)}",
        f"-seed={random.Random(seed).randrange(1, 2**31)}",
        f"-max_len={target.max_size}",
        f"-timeout={int(4 * target.limit)}",
        "-rss_limit_mb=1024",
        "-print_final_stats=0",
        f"-artifact_prefix={scratch}/{name}-",
        str(found),
        str(CORPUS / name),
    ]
    atheris.Setup(["fuzz", *arguments], Counted(target.run, runs))
    atheris.Fuzz()


def main() -> None:
    """Run the target that the command line names."""
    name, engine, runs, seconds, _, seed = sys.argv[1:7]
    {"atheris": _explore, "plain": _mutate}[engine](name, int(runs), float(seconds), seed)


if __name__ == "__main__":
    main()

"""The stop-watches inside a worker. Plain iterators, so that blocking and asyncio code share them."""

from __future__ import annotations

import importlib
import os
import sys
import time
from collections.abc import Iterator

from benchmarks.spec import Report, Spec
from benchmarks.stats import percentiles, quantile

__all__ = ["FlowMeter", "RoundTripMeter", "resident_bytes"]


class FlowMeter:
    """Counts chunks of messages in a steady flow until the time is up.

    The first chunk is waited for without limit (the other end is still starting), then the flow runs unmeasured for
    the warm-up, and only then the clock starts: start-up, connecting and the first filling of queues stay outside.
    """

    def __init__(self, spec: Spec) -> None:
        self._warmup_seconds = spec.warmup_seconds
        self._duration_seconds = spec.duration_seconds
        self.chunk_count = 0
        self.is_measuring = False
        self.seconds = 0.0
        self.cpu_seconds = 0.0

    def chunks(self) -> Iterator[None]:
        """Yield once for each chunk the caller has to receive."""
        clock = time.perf_counter
        yield
        warm = clock() + self._warmup_seconds
        while clock() < warm:
            yield
        self.is_measuring = True
        cpu, start = time.process_time(), clock()
        while self.seconds < self._duration_seconds:
            yield
            self.chunk_count += 1
            self.seconds = clock() - start
        self.cpu_seconds = time.process_time() - cpu

    def metrics(self, name: str, messages_per_chunk: int) -> dict[str, float]:
        """Return the rate under this name, and the CPU that this process spent on it."""
        return {
            name: self.chunk_count * messages_per_chunk / self.seconds,
            "cpu_percent": 100 * self.cpu_seconds / self.seconds,
        }


class RoundTripMeter:
    """Collects single round trips until the time is up, within a least and a greatest number of them."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self.nanoseconds: list[int] = []

    def warmups(self) -> Iterator[None]:
        """Yield for each round trip that is made but not timed."""
        yield
        warm = time.perf_counter() + self._spec.warmup_seconds
        while time.perf_counter() < warm:
            yield

    def rounds(self) -> Iterator[None]:
        """Yield for each round trip that the caller times and appends to `nanoseconds`."""
        spec, taken = self._spec, self.nanoseconds
        end = time.perf_counter() + spec.duration_seconds
        while len(taken) < spec.max_round_trips:
            if len(taken) >= spec.min_round_trips and time.perf_counter() >= end:
                return
            yield

    def metrics(self) -> dict[str, float]:
        """Return the median and the 99th percentile in microseconds."""
        return {"p50_us": quantile(self.nanoseconds, 0.5) / 1e3, "p99_us": quantile(self.nanoseconds, 0.99) / 1e3}

    def report(self) -> Report:
        """Return the metrics and the whole distribution."""
        points = [nanoseconds / 1e3 for nanoseconds in percentiles(self.nanoseconds)]
        return Report(metrics=self.metrics(), percentiles=points)


def resident_bytes() -> int:
    """Return the memory that this process holds now (Linux), or held at most (elsewhere)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            pages = int(statm.read().split()[1])
    except FileNotFoundError:
        return _peak_resident_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_resident_bytes() -> int:
    resource = importlib.import_module("resource")
    peak = int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return peak if sys.platform == "darwin" else peak * 1024

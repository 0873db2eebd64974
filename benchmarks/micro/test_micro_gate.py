"""The gate: what a grant costs, and what an operation under one costs."""

from __future__ import annotations

from collections import deque

from aiomq.gate import BUDGET, GRANT_MIN, Gate
from benchmarks.micro.ready_peer import Benchmark

MESSAGE = b"x" * 16


def always() -> bool:
    return True


def test_gate_grant_and_end_of_turn(benchmark: Benchmark) -> None:
    gate, queue = Gate(always), deque[bytes]()

    def grant() -> None:
        gate.grant(queue.append, GRANT_MIN)
        gate.end_turn()

    benchmark(grant)
    assert gate.granted == 0
    assert gate.budget == BUDGET


def test_gate_operations_under_a_grant(benchmark: Benchmark) -> None:
    gate, queue = Gate(always), deque[bytes](maxlen=BUDGET)

    def operate() -> None:
        gate.grant(queue.append, BUDGET)
        while gate.granted > 0:
            gate.granted -= 1
            gate.operation(MESSAGE)
        gate.end_turn()

    benchmark(operate)
    assert len(queue) == BUDGET

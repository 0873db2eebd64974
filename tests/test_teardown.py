"""`run_all`: all steps are taken, whatever comes of each."""

from __future__ import annotations

import gc
import weakref

import pytest

from aiomq.teardown import run_all


def test_all_steps_are_taken_in_order() -> None:
    taken: list[int] = []
    run_all(lambda: taken.append(1), lambda: taken.append(2))
    assert taken == [1, 2]


def test_steps_after_one_that_failed_are_taken_and_the_first_error_is_raised() -> None:
    taken: list[int] = []

    def fail(error: BaseException) -> None:
        raise error

    first = MemoryError("first")
    with pytest.raises(MemoryError) as caught:
        run_all(lambda: fail(first), lambda: taken.append(1), lambda: fail(KeyError("second")), lambda: taken.append(2))
    assert caught.value is first
    assert first.__notes__ == ["and then: KeyError('second')"]
    assert taken == [1, 2]


def test_error_keeps_no_cycle_alive() -> None:
    class Held:
        def fail(self) -> None:
            raise MemoryError

    gc.disable()
    try:
        held = Held()
        gone = weakref.ref(held)
        with pytest.raises(MemoryError):
            run_all(held.fail)
        del held
        assert gone() is None
    finally:
        gc.enable()

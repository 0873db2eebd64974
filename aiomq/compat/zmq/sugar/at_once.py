"""Calls that do not wait, made of coroutines that would."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiomq.compat.zmq.error import Again

__all__ = ["Started", "at_once", "loop_runs"]

Started = Coroutine[Any, Any, Any]

_MOST_TURNS: Final = 8
"""Suspensions of a call that does not wait: for turns of the event loop."""


def at_once(operation: Callable[[], Started]) -> Any:
    """Return the result of a coroutine that does not wait.

    Args:
        operation: makes the coroutine. With DONTWAIT, or a timeout of 0, it suspends only to let the event loop have
            its turn: then another one is tried instead.

    Raises:
        Again: the event loop needs a turn first. Otherwise as the coroutine.
    """
    for _ in range(_MOST_TURNS):
        coroutine = operation()
        try:
            coroutine.send(None)
        except StopIteration as result:
            return result.value
        coroutine.close()
    raise Again("the event loop needs a turn before this call can do anything")


def loop_runs() -> bool:
    """Return whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

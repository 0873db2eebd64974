"""The event loops that coroutines are measured on. Imported by name, as a machine may have only some of them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from typing import Any

__all__ = ["RunMain", "run_on_aiomq", "run_on_asyncio", "run_on_uvloop"]

RunMain = Callable[[Coroutine[Any, Any, None]], None]


def run_on_asyncio(main: Coroutine[Any, Any, None]) -> None:
    """Run on the loop that asyncio makes by itself."""
    asyncio.run(main)


def run_on_uvloop(main: Coroutine[Any, Any, None]) -> None:
    """Run on uvloop."""
    with asyncio.Runner(loop_factory=importlib.import_module("uvloop").new_event_loop) as runner:
        runner.run(main)


def run_on_aiomq(main: Coroutine[Any, Any, None]) -> None:
    """Run as an aiomq program does, which takes uvloop where there is one."""
    importlib.import_module("aiomq").run(main)

"""Running a program: the fastest event loop there is, signals that end it cleanly, and messages that still leave."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiomq.context import own_contexts, start_waiting

__all__ = ["loop_factory", "run"]

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the best event loop on this machine: uvloop's where it is installed, else asyncio's."""
    try:
        import uvloop  # noqa: PLC0415  # there is none on Windows
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def run(main: Coroutine[Any, Any, T], *, debug: bool | None = None) -> T:
    """Run a coroutine as a program, as `asyncio.run` does, on uvloop where there is one.

    SIGINT and SIGTERM cancel `main`; a second one ends the program at once. When `main` is over, contexts that this
    thread made and left open are terminated: what is queued has the time that LINGER allows to leave.

    Args:
        main: the program.
        debug: asyncio's debug mode; None leaves it as it is.

    Returns:
        What `main` returned.

    Raises:
        KeyboardInterrupt: SIGINT came, and `main` let itself be cancelled.
        SystemExit: SIGTERM came, and `main` let itself be cancelled; the status is 143, as a shell would say it.
        RuntimeError: an event loop runs in this thread already.
        BaseException: whatever `main` raised.
    """
    if _is_running():
        raise RuntimeError("aiomq.run starts an event loop, but one runs here already: await the coroutine instead")
    with asyncio.Runner(debug=debug, loop_factory=loop_factory()) as runner:
        return runner.run(_supervise(main))


def _is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _supervise(main: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    start_waiting()
    task = loop.create_task(main, name="main")
    received: list[int] = []
    restore = _on_sigterm(loop, task, received)
    try:
        return await _await_main(task, received)
    finally:
        restore()
        if len(received) > 1:  # nobody wants to wait for what lingers
            for context in own_contexts():
                context.destroy(0)
        await asyncio.gather(*(context.term() for context in own_contexts()))


async def _await_main(task: asyncio.Task[T], received: list[int]) -> T:
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:  # SIGINT: asyncio's runner cancelled us, so that we cancel main
            received.append(signal.SIGINT)
            task.cancel()
    if task.cancelled() and signal.SIGTERM in received:
        raise SystemExit(128 + signal.SIGTERM)
    return task.result()


def _on_sigterm(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], received: list[int]) -> Callable[[], None]:
    """Let SIGTERM cancel the task once; return what takes that back. Off the main thread signals are not ours."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def cancel() -> None:
        received.append(signal.SIGTERM)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        task.cancel()

    previous = signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(cancel))

    def restore() -> None:
        signal.signal(signal.SIGTERM, previous)

    return restore

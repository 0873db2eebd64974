"""What is common to workers in threads and in processes: the handle by which the program that started one holds it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from functools import partial
from types import TracebackType
from typing import Generic, Self, TypeVar

from aiomq.errors import ContextTerminated

__all__ = ["Worker"]

log = logging.getLogger("aiomq.workers")

T_co = TypeVar("T_co", covariant=True)


class Worker(Generic[T_co]):
    """A coroutine that runs in an event loop of its own, elsewhere.

    The handle may be used from any thread, with an event loop or without, and with `async with`, which stops the worker
    at the end of the block.

    Attributes:
        name: of its thread or process.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._outcome: Future[T_co] = Future()
        self._outcome.set_running_or_notify_cancel()  # nobody's waiting can take it back
        self._asked_for = False
        self._joining: set[Callable[[], None]] = set()
        """What tells those who wait now."""
        self._outcome.add_done_callback(partial(_tell, self._joining))  # not self: the two would keep each other

    # -- its end -----------------------------------------------------------------------------------------------------

    async def join(self) -> T_co:
        """Wait for the end of the worker.

        Returns:
            What the coroutine returned.

        Raises:
            concurrent.futures.CancelledError: the worker was cancelled. (Not asyncio's, which would mean the caller.)
            ChildProcessError: its process ended without a word.
            BaseException: whatever the coroutine raised; what it was in another process is told in a note.

        Cancellation: ends the waiting, not the worker.
        """
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits there any longer
                loop.call_soon_threadsafe(_set, ended)

        self._joining.add(tell)
        try:
            if not self._outcome.done():
                await ended
        finally:
            self._joining.discard(tell)
        return self.join_sync()

    def join_sync(self, timeout: float | None = None) -> T_co:
        """Wait as `join`, in a thread that has no event loop: in one that has, everything would stand still.

        Args:
            timeout: seconds to wait at most; None is no limit.

        Raises:
            TimeoutError: it was not enough.
            RuntimeError: an event loop runs in this thread, and the worker has not ended.
            BaseException: as of `join`.
        """
        if not self._outcome.done():
            _check_no_loop()
            self._wait(timeout)
        self._asked_for = True
        self._gone()
        return self._outcome.result()

    def _wait(self, timeout: float | None) -> None:
        try:
            self._outcome.exception(timeout)
        except TimeoutError:
            if not self._outcome.done():
                raise TimeoutError(f"worker {self.name} has not ended within {timeout:g} seconds") from None

    async def stop(self) -> None:
        """Cancel the worker and wait for its end. To be cancelled is no error then, nor is a terminated context.

        Raises:
            BaseException: what the worker raised else, before or on its way out.

        Cancellation: ends the waiting; the worker was told already.
        """
        self.cancel()
        with contextlib.suppress(CancelledError, ContextTerminated):
            await self.join()

    def cancel(self) -> None:
        """Cancel the coroutine, as `asyncio.Task.cancel` does. Returns at once; without effect if it has ended."""
        raise NotImplementedError

    def done(self) -> bool:
        """Return whether the worker has ended."""
        return self._outcome.done()

    def _gone(self) -> None:
        """The outcome is known: let the thread or process, which has nothing left to do, end."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    def __del__(self) -> None:
        outcome = getattr(self, "_outcome", None)
        if outcome is None or self._asked_for or not outcome.done() or sys.is_finalizing():
            return
        error = outcome.exception()
        if error is not None and not isinstance(error, CancelledError | ContextTerminated):
            log.error("worker %s failed, and nobody joined it", self.name, exc_info=error)

    def __repr__(self) -> str:
        state = "running"
        if self._outcome.done():
            error = self._outcome.exception()
            cancelled = isinstance(error, CancelledError)
            state = "cancelled" if cancelled else "ended" if error is None else f"failed: {error!r}"
        return f"<aiomq.{type(self).__name__} {self.name} {state}>"


def _tell(joining: set[Callable[[], None]], _: object) -> None:
    for tell in tuple(joining):
        tell()


def _set(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _check_no_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError("an event loop runs in this thread, and would stand still: await join() instead of join_sync()")

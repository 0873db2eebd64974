"""The thread in which blocking sockets live: like libzmq's, it moves messages while the program computes.

There is one for a process, made when it is needed first. What is called in it is short, or waits in its event loop; so
whoever calls from another thread gets an answer soon, or waits as he asked to.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable
from typing import Any, Final, TypeVar

from aiomq.compat.zmq.error import BlockingCallError, ContextTerminated
from aiomq.compat.zmq.sugar.at_once import Started, at_once
from aiomq.compat.zmq.sugar.waiters import ThreadWaiter, Waiter, native
from aiomq.constants import PollEvent
from aiomq.forking import in_children
from aiomq.poller import Pollable, wait_ready
from aiomq.runner import loop_factory

__all__ = ["IoThread", "end_io_thread", "io_thread", "serves"]

T = TypeVar("T")

_STOP_WITHIN: Final = 2.0
"""Seconds that the thread has to stop when the program ends."""


_OVER: Final = "the program ends, and with it the thread of its sockets"


class _Call:
    """Something that another thread wants to be done, and what came of it."""

    __slots__ = ("_error", "_result", "_task", "_waiter", "ended")

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter
        self.ended = ThreadWaiter()
        """Woken when the waiter was, which may be closed then."""
        self._result: Any = None
        self._error: BaseException | None = None
        self._task: asyncio.Task[Any] | None = None

    def do(self, function: Callable[[], Any]) -> None:
        """Call a function."""
        try:
            self._result = function()
        except BaseException as error:  # it is raised where it was called from
            self._error = error
        self._waiter.wake()
        self.ended.wake()

    def begin(self, operation: Callable[[], Started]) -> None:
        """Run a coroutine in a task."""
        self._task = asyncio.get_running_loop().create_task(operation())
        self._task.add_done_callback(self._end)

    def cancel(self) -> None:
        """Cancel the task, if there is one yet."""
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._error = ContextTerminated(_OVER)
        elif (error := task.exception()) is not None:
            self._error = error
        else:
            self._result = task.result()
        self._waiter.wake()
        self.ended.wake()

    def result(self) -> Any:
        """Return or raise what came of it."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # the traceback refers to this
        return self._result


class IoThread:
    """A daemon thread with an event loop of its own."""

    def __init__(self) -> None:
        self.loop = loop_factory()()
        self._stopped = ThreadWaiter()
        started = ThreadWaiter()
        native("_thread", "start_new_thread")(self._run, (started,))
        started.wait()

    def _run(self, started: ThreadWaiter) -> None:
        self.loop.call_soon(started.wake)
        try:
            self.loop.run_forever()
            self._end_tasks()
        finally:
            self.loop.close()
            self._stopped.wake()

    def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        if tasks:
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=_STOP_WITHIN / 2))

    def stop(self) -> None:
        """End the thread, and with it what its sockets have still to send: `Context.term` waits for that."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._stopped.wait_at_most(_STOP_WITHIN)

    @property
    def is_here(self) -> bool:
        """Whether this is called in that thread."""
        return asyncio._get_running_loop() is self.loop

    def do(self, function: Callable[[], T]) -> T:
        """Return what a function that does not wait returns in that thread."""
        if self.is_here or self.loop.is_closed():  # the program ends: nobody uses the sockets but this
            return function()
        waiter = ThreadWaiter()
        call = _Call(waiter)
        self.loop.call_soon_threadsafe(call.do, function)
        waiter.wait()
        result: T = call.result()
        return result

    def attempt(self, operation: Callable[[], Started]) -> Any:
        """Return the result of a coroutine that does not wait; see `at_once`."""
        return self.do(lambda: at_once(operation))

    def wait(self, operation: Callable[[], Started], waiter: Waiter, name: str) -> Any:
        """Return the result of a coroutine that runs in that thread, however long it takes.

        Whatever ends the wait here, such as Ctrl-C, cancels the coroutine.

        Raises:
            BlockingCallError: this is called in that thread.
        """
        if self.is_here:
            raise BlockingCallError(name, "a callback that runs in the thread of the sockets must not wait for them")
        call = _Call(waiter)
        if self.loop.is_closed():
            waiter.close()
            raise ContextTerminated(_OVER)
        try:
            self.loop.call_soon_threadsafe(call.begin, operation)
            waiter.wait()
        except BaseException:  # raised again
            self.loop.call_soon_threadsafe(call.cancel)
            call.ended.wait()
            raise
        finally:
            waiter.close()
        return call.result()

    def poll(
        self, wanted: list[tuple[Pollable, PollEvent]], timeout: float | None, waiter: Waiter
    ) -> list[tuple[Pollable, PollEvent]]:
        """Wait until something is ready; see `aiomq.poller.wait_ready`."""
        found: list[tuple[Pollable, PollEvent]] = self.wait(lambda: wait_ready(wanted, timeout), waiter, "poll")
        return found


class _Shared:
    """The one thread of this process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: a forked child has no thread but its own."""
        self._lock = native("_thread", "allocate_lock")()
        self._thread: IoThread | None = None

    def serves(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Return whether this loop is the thread's."""
        return self._thread is not None and self._thread.loop is loop

    def stop(self) -> None:
        """End the thread, if there is one. It is kept: what is closed later at exit is closed without it."""
        if self._thread is not None:
            self._thread.stop()

    def get(self) -> IoThread:
        """Return the thread; it is made at the first call."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = IoThread()
        return self._thread


_shared = _Shared()
in_children(_shared.forget)
atexit.register(_shared.stop)  # so early that what a program does at its exit comes before


def io_thread() -> IoThread:
    """Return the thread of this process."""
    return _shared.get()


def end_io_thread() -> None:
    """End the thread of this process, after all that used it: its sockets are of no use any longer."""
    _shared.stop()
    _shared.forget()


def serves(loop: asyncio.AbstractEventLoop) -> bool:
    """Return whether this event loop is that of the I/O thread."""
    return _shared.serves(loop)

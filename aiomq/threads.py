"""Workers in threads: each with an event loop of its own, joined to the others by inproc."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import inspect
import itertools
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, Final, ParamSpec, TypeVar

from aiomq.runner import run
from aiomq.workers import Worker

__all__ = ["ThreadWorker", "check_worker", "run_in_thread"]

P = ParamSpec("P")
T = TypeVar("T")

_numbers: Final = itertools.count(1)


def run_in_thread(worker: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> ThreadWorker[T]:
    """Run a coroutine function in a new thread, in the best event loop there is.

    A context may be passed to it: the worker makes its own sockets from that, and reaches the others by inproc.
    Contexts that the worker makes are terminated at its end, as `aiomq.run` does; one that was passed is not, nor is
    `Context.instance()`. The program does not end before its threads have.

    Args:
        worker: the coroutine function.
        args: what to call it with.
        kwargs: the same, by name.

    Returns:
        A handle on the worker, which runs already.

    Raises:
        TypeError: `worker` is no coroutine function.
    """
    check_worker(worker)
    return ThreadWorker(worker, args, kwargs)


def check_worker(worker: object) -> None:
    """Check that this can be called for a coroutine.

    Raises:
        TypeError: it can't.
    """
    if inspect.iscoroutine(worker):
        worker.close()
        raise TypeError("a worker is a coroutine function, and this is a coroutine: leave out the call")
    called = type(worker).__call__ if callable(worker) else None
    if not inspect.iscoroutinefunction(worker) and not inspect.iscoroutinefunction(called):
        raise TypeError(f"a worker is a coroutine function (async def), not {worker!r}")


class ThreadWorker(Worker[T]):
    """A worker in a thread; made by `run_in_thread`."""

    def __init__(
        self, worker: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(f"{getattr(worker, '__name__', 'worker')}-{next(_numbers)}")
        self._lock = threading.Lock()
        self._cancelled = False
        self._task: asyncio.Task[Any] | None = None
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._run, worker, args, kwargs), name=self.name)
        self._thread.daemon = False  # also where a daemon starts it: its contexts are to end
        self._thread.start()

    def cancel(self) -> None:
        """Cancel the coroutine, as `asyncio.Task.cancel` does. Returns at once; without effect if it has ended."""
        with self._lock:
            self._cancelled = True
            if self._task is not None:
                with contextlib.suppress(RuntimeError):  # its loop was closed since
                    self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def _gone(self) -> None:
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(
        self, worker: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        try:
            result = run(self._main(worker, args, kwargs))
        except asyncio.CancelledError:
            self._outcome.set_exception(CancelledError(f"worker {self.name} was cancelled"))
        except BaseException as error:  # it is raised again in whoever joins
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(result)

    async def _main(
        self, worker: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> T:
        with self._lock:
            if self._cancelled:
                raise asyncio.CancelledError
            self._task = asyncio.current_task()
        try:
            return await worker(*args, **kwargs)
        finally:
            with self._lock:
                self._task = None

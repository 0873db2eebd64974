"""Workers in processes: each with an interpreter, and a core, of its own, joined to the others by ipc or tcp."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pickle
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from multiprocessing.connection import Connection
from typing import Any, Final, ParamSpec, TypeVar

from aiomq.process_worker import Outcome, serve
from aiomq.threads import check_worker
from aiomq.workers import Worker

__all__ = ["ProcessWorker", "run_in_process"]

P = ParamSpec("P")
T = TypeVar("T")

_spawning: Final = multiprocessing.get_context("spawn")
"""A new interpreter each time: what fork copies, sockets and loops among it, is of no use there."""

_numbers: Final = itertools.count(1)


def run_in_process(worker: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> ProcessWorker[T]:
    """Run a coroutine function in a new process, in the best event loop there is.

    The worker makes a context of its own and connects to endpoints that it is told, over ipc or tcp. What it is called
    with, what it returns and what it raises travel by pickle, so the function has a name at the top level of a module,
    and a program starts its workers under `if __name__ == "__main__":`. A worker whose parent is gone is cancelled. The
    program does not end before its processes have.

    Args:
        worker: the coroutine function.
        args: what to call it with.
        kwargs: the same, by name.

    Returns:
        A handle on the worker, which is starting.

    Raises:
        TypeError: `worker` is no coroutine function, or it or an argument cannot be sent to another process.
        OSError: no process can be started.
    """
    check_worker(worker)
    try:
        pickle.dumps((worker, args, kwargs))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            "a worker in a process, and what it is called with, are sent by pickle, and these cannot be"
            f" (use a function at the top level of a module, and endpoints in place of sockets): {error}"
        ) from error
    return ProcessWorker(worker, args, kwargs)


class ProcessWorker(Worker[T]):
    """A worker in a process; made by `run_in_process`.

    Attributes:
        pid: of the process.
    """

    def __init__(
        self, worker: Callable[..., Coroutine[Any, Any, T]], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        super().__init__(f"{getattr(worker, '__name__', 'worker')}-{next(_numbers)}")
        self._lock = threading.Lock()
        self._link, theirs = _spawning.Pipe()
        self._process = _spawning.Process(target=serve, args=(theirs, worker, args, kwargs), name=self.name)
        self._process.daemon = False
        try:
            self._process.start()
        except BaseException:  # raised again; nobody else would close it
            self._link.close()
            raise
        finally:
            theirs.close()
        self.pid = self._process.pid or 0
        watching = threading.Thread(target=self._watch, args=(self._link,), name=f"end of {self.name}", daemon=True)
        watching.start()

    def cancel(self) -> None:
        """Cancel the coroutine, as `asyncio.Task.cancel` does. Returns at once; without effect if it has ended.

        One that never awaits does not notice; `kill` ends it.
        """
        with self._lock, contextlib.suppress(OSError):  # it has just ended
            if not self._link.closed:
                self._link.send_bytes(b"cancel")

    def kill(self) -> None:
        """End the process at once; what its sockets hold is lost. `join` then raises ChildProcessError."""
        with contextlib.suppress(ValueError):  # it has ended, and was closed
            self._process.kill()

    def _gone(self) -> None:
        """The watching thread has seen the end of the process."""

    def _watch(self, link: Connection) -> None:
        """Wait for the outcome, and for the end of the process."""
        outcome = _received(link)
        self._process.join()
        status = self._process.exitcode
        with self._lock:
            link.close()
        self._process.close()
        if outcome is None:
            told = f"worker {self.name} ended with status {status} and no result"
            outcome = Outcome(error=ChildProcessError(told))
        if outcome.cancelled:
            self._outcome.set_exception(CancelledError(f"worker {self.name} was cancelled"))
        elif outcome.error is not None:
            self._outcome.set_exception(outcome.error)
        else:
            self._outcome.set_result(outcome.result)


def _received(link: Connection) -> Outcome | None:
    """Wait for the outcome of a worker; return None if its process ended without one."""
    try:
        outcome: Outcome = pickle.loads(link.recv_bytes())
    except (EOFError, OSError):
        return None
    except Exception as error:  # what was sent may have classes that say anything when they are made here
        return Outcome(error=ChildProcessError(f"what came from the worker makes no sense here: {error!r}"))
    return outcome

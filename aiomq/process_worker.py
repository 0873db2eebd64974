"""The process of a worker: what `run_in_process` starts, and how its result comes back."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import threading
import traceback
from collections.abc import Callable, Coroutine
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from aiomq.runner import run

__all__ = ["Outcome", "serve"]


class Outcome(msgspec.Struct, frozen=True):
    """How a worker ended.

    Attributes:
        result: what it returned.
        error: what it raised.
        cancelled: whether it was cancelled.
    """

    result: Any = None
    error: BaseException | None = None
    cancelled: bool = False


def serve(
    link: Connection, worker: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Run the worker, and send its outcome.

    Args:
        link: to the process that started this one: whatever comes from there, its end included, cancels the worker.
        worker: the coroutine function.
        args: what to call it with.
        kwargs: the same, by name.
    """
    outcome = _outcome_of(link, worker, args, kwargs)
    with contextlib.suppress(OSError):  # nobody is there to be told
        link.send_bytes(_packed(outcome))


def _outcome_of(
    link: Connection, worker: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Outcome:
    try:
        return Outcome(result=run(_main(link, worker, args, kwargs)))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return Outcome(cancelled=True)
    except SystemExit as end:  # SIGTERM, or the worker's own wish: it is not to end whoever joins
        return Outcome(error=ChildProcessError(f"the worker ended its process with status {end.code}"))
    except BaseException as error:  # it is raised again in whoever joins
        error.add_note(f"In the process of the worker:\n{''.join(traceback.format_exception(error)).rstrip()}")
        return Outcome(error=error)


async def _main(
    link: Connection, worker: Callable[..., Coroutine[Any, Any, Any]], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def listen() -> None:
        with contextlib.suppress(EOFError, OSError):  # the other process is gone
            link.recv_bytes()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker has ended
            loop.call_soon_threadsafe(task.cancel)

    threading.Thread(target=listen, name="cancelling", daemon=True).start()
    return await worker(*args, **kwargs)


def _packed(outcome: Outcome) -> bytes:
    """Return the outcome in pickle, or another one that tells why it has none."""
    try:
        packed = pickle.dumps(outcome)
        pickle.loads(packed)  # some go in that do not come out
    except Exception as error:  # classes may raise anything here
        what = "raised" if outcome.error is not None else "returned"
        told = outcome.result if outcome.error is None else outcome.error
        text = f"what the worker {what} cannot be sent to another process ({error}): {told!r}"
        notes = getattr(outcome.error, "__notes__", [])
        replacement: Exception = TypeError(text) if outcome.error is None else ChildProcessError(text)
        for note in notes:
            replacement.add_note(note)
        return pickle.dumps(Outcome(error=replacement))
    return packed

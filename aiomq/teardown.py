"""Ends that are made of steps, none of which may be left out because another one failed."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["run_all"]


def run_all(*steps: Callable[[], object]) -> None:
    """Take all steps, one after the other, whatever comes of each.

    Raises:
        BaseException: the first one that a step raised, once the others are done. What further steps raised is told in
            its notes.
    """
    first: BaseException | None = None
    for step in steps:
        try:
            step()
        except BaseException as error:  # raised again, below
            if first is None:
                first = error
            else:
                first.add_note(f"and then: {error!r}")
    if first is not None:
        try:
            raise first
        finally:
            del first  # with its traceback, it would keep this frame alive, and the frame it

"""After a fork: the child has copies of its parent's sockets, and must neither use nor disturb what they stand for.

A copy shares its connections with the parent: what one side reads the other never sees, and a connection that the
parent closes stays open as long as the child holds it. So in the child every copy is given up at once, whoever forked:
its calls are refused, its descriptors let go, and nothing is sent, closed, or removed from the file system in the
parent's name. The parent notices nothing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Final, Protocol, runtime_checkable

from aiomq.core import SocketCore
from aiomq.errors import WrongLoopError

__all__ = ["give_up", "in_children", "text_for"]

_NOTHING: Final = os.devnull
"""What takes the place of a descriptor: its number stays taken, so that whoever closes it later closes nothing else."""


@runtime_checkable
class _Holder(Protocol):
    """An endpoint that holds descriptors."""

    def descriptors(self) -> tuple[int, ...]:
        """Return those that it holds now."""


def in_children(what: Callable[[], None]) -> None:
    """Call this in each child that is forked from now on, before anything else of the package runs there."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=what)


def text_for(what: str, pid: int) -> str:
    """Return what to say of something that belongs to another process."""
    return (
        f"this {what} was made in process {pid}, and this is process {os.getpid()}, forked from it: sockets do not"
        " survive a fork. Make a context here, or start the process with aiomq.run_in_process"
    )


def give_up(cores: Iterable[SocketCore], pid: int) -> None:
    """Give up copies of sockets.

    Args:
        cores: of the sockets.
        pid: of the process that made them.
    """
    descriptors: set[int] = set()
    for core in cores:
        for endpoint in tuple(core.endpoints.values()):
            if isinstance(endpoint, _Holder):
                descriptors.update(endpoint.descriptors())
        core.foreign = text_for(f"{core.pattern.name} socket", pid)
        core.closed = core.finished = True
        core.endpoints.clear()
        core.leaving.clear()
        core.peers.clear()
        core.parts_in.clear()
        for gate in (core.send_gate, core.recv_gate):
            gate.forsake(WrongLoopError(core.foreign))
    _let_go(descriptors)


def _let_go(descriptors: Iterable[int]) -> None:
    with contextlib.suppress(OSError):  # no descriptor is free: then they are held until the child ends
        nothing = os.open(_NOTHING, os.O_RDWR | os.O_CLOEXEC)
        for each in descriptors:
            os.dup2(nothing, each, inheritable=False)
        os.close(nothing)

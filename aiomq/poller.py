"""Waiting for one of several sockets, or file descriptors, to be ready; nothing is taken from any of them."""

from __future__ import annotations

import asyncio
import errno
import weakref
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol, TypeAlias, runtime_checkable

from aiomq.constants import PollEvent
from aiomq.errors import ZMQError
from aiomq.gate import Gate

__all__ = ["HasFileno", "Pollable", "PollableSocket", "Poller", "wait_ready"]


@runtime_checkable
class PollableSocket(Protocol):
    """What the poller needs of a `Socket`."""

    def ready_events(self) -> PollEvent:
        """Return what could be done now without waiting."""

    def gates(self, events: PollEvent) -> list[Gate]:
        """Return the gates to watch for these events."""


class HasFileno(Protocol):
    """A plain socket, pipe or file."""

    def fileno(self) -> int:
        """Return the file descriptor."""


Pollable: TypeAlias = PollableSocket | HasFileno | int
"""A `Socket`, a file descriptor, or something that has one."""

_BOTH = PollEvent.POLLIN | PollEvent.POLLOUT


class Poller:
    """A set of sockets and descriptors, with the events to wait for of each."""

    def __init__(self) -> None:
        self._registered: dict[Pollable, PollEvent] = {}

    def register(self, socket: Pollable, flags: int = _BOTH) -> None:
        """Add a socket or descriptor, or change its events; no events is the same as `unregister`.

        Raises:
            ZMQError: EINVAL for other events than POLLIN, POLLOUT, POLLERR and POLLPRI, and for a descriptor with
                neither of the first two, which event loops do not watch for.
            TypeError: it is neither a socket nor has it a file descriptor.
        """
        events = _events(flags)
        if not isinstance(socket, (int, PollableSocket)) and not hasattr(socket, "fileno"):
            raise TypeError(f"a poller takes sockets and file descriptors, not {type(socket).__name__}")
        if events and not events & _BOTH and not isinstance(socket, PollableSocket):
            raise ZMQError(errno.EINVAL, f"a descriptor is polled for POLLIN or POLLOUT, not for {events!r} alone")
        if events:
            self._registered[socket] = events
        else:
            self._registered.pop(socket, None)

    def modify(self, socket: Pollable, flags: int = _BOTH) -> None:
        """Change the events of a socket or descriptor that is registered.

        Raises:
            KeyError: it is not.
        """
        if socket not in self._registered:
            raise KeyError(f"{socket!r} is not registered")
        self.register(socket, flags)

    def unregister(self, socket: Pollable) -> None:
        """Remove a socket or descriptor.

        Raises:
            KeyError: it is not registered.
        """
        if socket not in self._registered:
            raise KeyError(f"{socket!r} is not registered")
        del self._registered[socket]

    def __contains__(self, socket: Pollable) -> bool:
        return socket in self._registered

    def __len__(self) -> int:
        return len(self._registered)

    async def poll(self, timeout: float | None = None) -> list[tuple[Pollable, PollEvent]]:
        """Wait until something registered is ready.

        Args:
            timeout: milliseconds; None or negative waits for ever, 0 only looks.

        Returns:
            What is ready, and for what; empty if the time was over first.

        Raises:
            ContextTerminated, ZMQError: a socket cannot be used any longer.

        Cancellation: nothing was taken, nothing is lost.
        """
        return await wait_ready(list(self._registered.items()), timeout)

    def __repr__(self) -> str:
        return f"<aiomq.Poller registered={len(self._registered)}>"


def _events(flags: int) -> PollEvent:
    known = int(_BOTH | PollEvent.POLLERR | PollEvent.POLLPRI)
    if flags & ~known:
        raise ZMQError(errno.EINVAL, f"a poller takes POLLIN, POLLOUT, POLLERR and POLLPRI, not {flags}")
    return PollEvent(flags)


async def wait_ready(
    registered: Sequence[tuple[Pollable, PollEvent]], timeout: float | None
) -> list[tuple[Pollable, PollEvent]]:
    """Wait until something is ready; see `Poller.poll`."""
    loop = asyncio.get_running_loop()
    sockets = [(each, events) for each, events in registered if isinstance(each, PollableSocket)]
    plain = [(each, events) for each, events in registered if not isinstance(each, PollableSocket)]
    deadline = None if timeout is None or timeout < 0 else loop.time() + timeout / 1000
    gates = [gate for socket, events in sockets for gate in socket.gates(events)]
    descriptors = _Descriptors(loop, plain)
    try:
        if descriptors:
            await asyncio.sleep(0)  # the selector reports what is ready already within one turn
            await asyncio.sleep(0)
        elif timeout == 0:
            await asyncio.sleep(0)  # nothing arrives without a turn of the loop, and who only looks may look for ever
        while True:
            ready: list[tuple[Pollable, PollEvent]] = [
                (socket, now) for socket, events in sockets if (now := socket.ready_events() & events)
            ]
            ready += descriptors.ready()
            left = None if deadline is None else deadline - loop.time()
            if ready or (left is not None and left <= 0):
                return ready
            futures = {gate.watch(loop) for gate in gates} | descriptors.futures()
            if not futures:
                await _sleep(left)
                continue
            await asyncio.wait(futures, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for socket, events in sockets:
                socket.gates(events)  # raises if it was closed meanwhile
    finally:
        descriptors.close()


async def _sleep(seconds: float | None) -> None:
    if seconds is None:
        raise ZMQError(errno.EINVAL, "nothing is registered: this poll would wait for ever")
    await asyncio.sleep(seconds)


class _Descriptors:
    """Plain file descriptors, watched by the event loop for the time of one poll."""

    def __init__(self, loop: asyncio.AbstractEventLoop, plain: Iterable[tuple[Pollable, PollEvent]]) -> None:
        self._loop = loop
        self._ready: dict[Pollable, PollEvent] = {}
        self._future: asyncio.Future[None] = loop.create_future()
        self._marks: list[tuple[int, PollEvent, Callable[[], None]]] = []
        try:
            for each, events in plain:
                self._watch(each, events)
        except BaseException:  # raised again; nobody else would close it
            self.close()
            raise

    def _watch(self, each: Pollable, events: PollEvent) -> None:
        fd = each if isinstance(each, int) else each.fileno()  # type: ignore[union-attr]  # checked by `register`
        watched = _watched.setdefault(self._loop, _Watched(self._loop))
        for event in events & _BOTH:
            mark = partial(self._mark, each, event)
            watched.add(fd, event, mark)
            self._marks.append((fd, event, mark))

    def __bool__(self) -> bool:
        return bool(self._marks)

    def _mark(self, which: Pollable, event: PollEvent) -> None:
        self._ready[which] = self._ready.get(which, PollEvent(0)) | event
        if not self._future.done():
            self._future.set_result(None)

    def ready(self) -> list[tuple[Pollable, PollEvent]]:
        return list(self._ready.items())

    def futures(self) -> set[asyncio.Future[None]]:
        return {self._future} if self._marks else set()

    def close(self) -> None:
        for fd, event, mark in self._marks:
            _watched[self._loop].remove(fd, event, mark)


class _Watched:
    """The descriptors that polls of one loop watch: it takes one reader and one writer of each, for all of them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)  # this is kept as long as the loop is
        self._marks: dict[tuple[int, PollEvent], list[Callable[[], None]]] = {}

    def add(self, fd: int, event: PollEvent, mark: Callable[[], None]) -> None:
        marks = self._marks.setdefault((fd, event), [])
        if not marks:
            loop = self._loop()
            assert loop is not None
            try:
                (loop.add_reader if event == PollEvent.POLLIN else loop.add_writer)(fd, self._tell, fd, event)
            except BaseException:  # raised again; the next poll of it is a first one
                del self._marks[fd, event]
                raise
        marks.append(mark)

    def remove(self, fd: int, event: PollEvent, mark: Callable[[], None]) -> None:
        marks = self._marks[fd, event]
        marks.remove(mark)
        if not marks:
            del self._marks[fd, event]
            loop = self._loop()
            assert loop is not None
            (loop.remove_reader if event == PollEvent.POLLIN else loop.remove_writer)(fd)

    def _tell(self, fd: int, event: PollEvent) -> None:
        for mark in tuple(self._marks[fd, event]):
            mark()


_watched: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Watched] = weakref.WeakKeyDictionary()

"""Waiting for one of several sockets, or file descriptors, to be ready; nothing is taken from any of them."""

from __future__ import annotations

import asyncio
import errno
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeAlias, runtime_checkable

from aiomq.constants import PollEvent
from aiomq.errors import ZMQError
from aiomq.gate import Gate

__all__ = [
    "Changes",
    "HasFileno",
    "Pollable",
    "PollableSocket",
    "Poller",
    "Registered",
    "follow_ready",
    "refuse_libzmq",
    "wait_ready",
]


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
    """A set of sockets and descriptors, with the events to wait for of each.

    A poll follows the set while it waits: what is registered, modified or unregistered meanwhile counts from then on.
    """

    def __init__(self) -> None:
        self._registered: dict[Pollable, PollEvent] = {}
        self._changes = Changes()

    def register(self, socket: Pollable, flags: int = _BOTH) -> None:
        """Add a socket or descriptor, or change its events; no events is the same as `unregister`.

        Raises:
            ZMQError: EINVAL for other events than POLLIN, POLLOUT, POLLERR and POLLPRI, and for a descriptor with
                neither of the first two, which event loops do not watch for.
            TypeError: it is neither a socket nor has it a file descriptor; or it is a socket of libzmq, whose
                descriptor is none to poll.
        """
        events = _events(flags)
        if not isinstance(socket, (int, PollableSocket)):
            refuse_libzmq(socket)
            if not hasattr(socket, "fileno"):
                raise TypeError(f"a poller takes sockets and file descriptors, not {type(socket).__name__}")
        if events and not events & _BOTH and not isinstance(socket, PollableSocket):
            raise ZMQError(errno.EINVAL, f"a descriptor is polled for POLLIN or POLLOUT, not for {events!r} alone")
        if events:
            self._registered[socket] = events
        else:
            self._registered.pop(socket, None)
        self._changes.tell()

    def modify(self, socket: Pollable, flags: int = _BOTH) -> None:
        """Change the events of a socket or descriptor that is registered.

        Raises:
            KeyError: it is not.
        """
        if socket not in self._registered:
            raise KeyError(f"{socket!r} is not registered")
        self.register(socket, flags)

    def unregister(self, socket: Pollable) -> None:
        """Remove a socket or descriptor. It may be closed at once, also while a poll waits.

        Raises:
            KeyError: it is not registered.
        """
        if socket not in self._registered:
            raise KeyError(f"{socket!r} is not registered")
        del self._registered[socket]
        self._changes.tell()

    def __contains__(self, socket: Pollable) -> bool:
        return socket in self._registered

    def __len__(self) -> int:
        return len(self._registered)

    async def poll(self, timeout: float | None = None) -> list[tuple[Pollable, PollEvent]]:
        """Wait until something registered is ready.

        A poll whose last socket is unregistered while it waits goes on: for the next one to be registered, or until its
        time is over.

        Args:
            timeout: milliseconds; None or negative waits for ever, 0 only looks.

        Returns:
            What is ready, and for what; empty if the time was over first.

        Raises:
            ContextTerminated: the context of a socket that is registered was terminated.
            ZMQError: a socket that is registered is closed, or of another event loop; EINVAL if nothing is registered
                to begin with, and no timeout would end the wait.

        Cancellation: nothing was taken, nothing is lost.
        """
        return await follow_ready(self._registered.items, timeout, self._changes)

    def __repr__(self) -> str:
        return f"<aiomq.Poller registered={len(self._registered)}>"


def refuse_libzmq(socket: object) -> None:
    """Refuse a socket of libzmq: its descriptor tells of a change once, and then says nothing of what is left.

    Raises:
        TypeError: it is one.
    """
    for each in type(socket).__mro__:
        if each.__name__ == "Socket" and each.__module__.partition(".")[0] == "zmq":
            name = f"{type(socket).__module__}.{type(socket).__qualname__}"
            raise TypeError(
                f"a poller cannot watch {name}, a socket of libzmq: its descriptor reports a message once and never"
                " again. Poll it with zmq.asyncio.Poller, or make the socket with aiomq.Context or aiomq.compat.zmq"
            )


def _events(flags: int) -> PollEvent:
    known = int(_BOTH | PollEvent.POLLERR | PollEvent.POLLPRI)
    if flags & ~known:
        raise ZMQError(errno.EINVAL, f"a poller takes POLLIN, POLLOUT, POLLERR and POLLPRI, not {flags}")
    return PollEvent(flags)


Registered: TypeAlias = Callable[[], Iterable[tuple[Pollable, PollEvent]]]
"""Tells what is to be polled as things stand."""


class Follower(Protocol):
    """A poll that waits for one set."""

    def changed(self) -> None:
        """The set is another one now."""


class Changes:
    """The polls that wait for one set, each of which is told of every change to it."""

    def __init__(self) -> None:
        self._waits: set[Follower] = set()

    def tell(self) -> None:
        """The set is another one now. Nothing is watched for any longer that it does not hold, once this returns."""
        for wait in tuple(self._waits):
            wait.changed()

    def add(self, wait: Follower) -> None:
        """Tell this one too."""
        self._waits.add(wait)

    def remove(self, wait: Follower) -> None:
        """Tell this one no longer."""
        self._waits.remove(wait)


async def wait_ready(
    registered: Sequence[tuple[Pollable, PollEvent]], timeout: float | None
) -> list[tuple[Pollable, PollEvent]]:
    """Wait until something is ready; see `Poller.poll`."""
    return await follow_ready(lambda: registered, timeout, None)


async def follow_ready(
    registered: Registered, timeout: float | None, changes: Changes | None
) -> list[tuple[Pollable, PollEvent]]:
    """Wait until something is ready of a set that may change meanwhile; see `Poller.poll`."""
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None or timeout < 0 else loop.time() + timeout / 1000
    wait = _Wait(loop, registered, can_change=changes is not None)
    if changes is not None:
        changes.add(wait)
    try:
        wait.look_up()
        if deadline is None and not wait.can_end():
            raise ZMQError(errno.EINVAL, "nothing is registered: this poll would wait for ever")
        if wait.descriptors:
            await asyncio.sleep(0)  # the selector reports what is ready already within one turn
            await asyncio.sleep(0)
        elif timeout == 0:
            await asyncio.sleep(0)  # nothing arrives without a turn of the loop, and who only looks may look for ever
        while True:
            if wait.is_stale:
                wait.look_up()
            ready = wait.ready()
            left = None if deadline is None else deadline - loop.time()
            if ready or (left is not None and left <= 0):
                return ready
            await _until(wait.futures(), left)
            wait.is_stale = True  # raises if one was closed meanwhile
    finally:
        if changes is not None:
            changes.remove(wait)
        wait.descriptors.close()


async def _until(futures: set[asyncio.Future[None]], seconds: float | None) -> None:
    """Wait for one of these; for none of them, let the time go by."""
    if futures:
        await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    else:
        await asyncio.sleep(seconds or 0)


class _Wait:
    """One poll: what it waits for, as of its last look at the set."""

    def __init__(self, loop: asyncio.AbstractEventLoop, registered: Registered, *, can_change: bool) -> None:
        self._loop = loop
        self._registered = registered
        self._sockets: list[tuple[PollableSocket, PollEvent]] = []
        self._gates: list[Gate] = []
        self._change: asyncio.Future[None] | None = loop.create_future() if can_change else None
        self.is_stale = True
        """What it knows may be out of date: look before the next answer."""
        self.descriptors = _Descriptors(loop)

    def look_up(self) -> None:
        """Look at the set.

        Raises:
            ContextTerminated, ZMQError: one of its sockets cannot be used (any longer).
        """
        self.is_stale = False
        registered = tuple(self._registered())
        self._sockets = [(each, events) for each, events in registered if isinstance(each, PollableSocket)]
        self._gates = [gate for socket, events in self._sockets for gate in socket.gates(events)]
        self.descriptors.watch(_plain(registered))
        if self._change is not None and self._change.done():
            self._change = self._loop.create_future()

    def changed(self) -> None:
        """The set has changed: leave alone what is no longer in it, which may be closed next, and look again."""
        self.is_stale = True
        self.descriptors.unwatch_others(_plain(self._registered()))
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def can_end(self) -> bool:
        """Whether there is anything to wait for."""
        return bool(self._gates) or bool(self.descriptors)

    def ready(self) -> list[tuple[Pollable, PollEvent]]:
        """Return what is ready now, and for what."""
        ready: list[tuple[Pollable, PollEvent]] = [
            (socket, now) for socket, events in self._sockets if (now := socket.ready_events() & events)
        ]
        return ready + self.descriptors.ready()

    def futures(self) -> set[asyncio.Future[None]]:
        """Return what to wait for before the next look."""
        futures = {gate.watch(self._loop) for gate in self._gates} | self.descriptors.futures()
        if self._change is not None:
            futures.add(self._change)
        return futures


def _plain(registered: Iterable[tuple[Pollable, PollEvent]]) -> dict[Pollable, PollEvent]:
    """Return the descriptors of a set."""
    return {each: events for each, events in registered if not isinstance(each, PollableSocket)}


class _Descriptors:
    """Plain file descriptors, watched by the event loop for the time of one poll."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: dict[Pollable, PollEvent] = {}
        self._future: asyncio.Future[None] = loop.create_future()
        self._watched: dict[Pollable, PollEvent] = {}
        self._marks: dict[Pollable, list[tuple[int, PollEvent, Callable[[], None]]]] = {}

    def watch(self, wanted: Mapping[Pollable, PollEvent]) -> None:
        """Watch these and no others."""
        self.unwatch_others(wanted)
        for each, events in wanted.items():
            if each not in self._watched:
                self._watch(each, events)

    def unwatch_others(self, wanted: Mapping[Pollable, PollEvent]) -> None:
        """Watch no longer what is not among these, nor what is with other events."""
        for each, events in tuple(self._watched.items()):
            if wanted.get(each) != events:
                self._unwatch(each)

    def _watch(self, each: Pollable, events: PollEvent) -> None:
        fd = each if isinstance(each, int) else each.fileno()  # type: ignore[union-attr]  # checked by `register`
        watched = _watched.setdefault(self._loop, _Watched(self._loop))
        self._watched[each] = events
        marks = self._marks[each] = []
        for event in events & _BOTH:
            mark = partial(self._mark, each, event)
            watched.add(fd, event, mark)
            marks.append((fd, event, mark))

    def _unwatch(self, each: Pollable) -> None:
        del self._watched[each]
        self._ready.pop(each, None)
        for fd, event, mark in self._marks.pop(each):
            _watched[self._loop].remove(fd, event, mark)

    def __bool__(self) -> bool:
        return bool(self._watched)

    def _mark(self, which: Pollable, event: PollEvent) -> None:
        self._ready[which] = self._ready.get(which, PollEvent(0)) | event
        if not self._future.done():
            self._future.set_result(None)

    def ready(self) -> list[tuple[Pollable, PollEvent]]:
        return list(self._ready.items())

    def futures(self) -> set[asyncio.Future[None]]:
        if self._future.done():  # told of one that is unregistered now
            self._future = self._loop.create_future()
        return {self._future} if self._watched else set()

    def close(self) -> None:
        for each in tuple(self._watched):
            self._unwatch(each)


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

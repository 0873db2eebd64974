"""Names looked up in a few threads of our own, for all sockets and loops of the process.

An event loop's own look-ups run in the threads that a program shares with `asyncio.to_thread`, and both the loop and
the interpreter wait for them at the end. A name server that never answers then holds up things that have nothing to do
with it. So here the threads are daemons, of which nobody waits for one; a name is asked for once at a time, however
many want to know; and who does not want to wait any longer leaves without a trace.

Nothing is remembered: an answer goes to those who wait for it, and whoever asks later makes a new look-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

__all__ = ["MAX_THREADS", "AddressInfo", "Answer", "Name", "Request", "is_numeric", "look_up", "numeric", "resolve"]

MAX_THREADS: Final = 8
"""So many names are looked up at once; further ones wait for their turn."""

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[Any, ...]]
"""What `socket.getaddrinfo` gives: family, type, protocol, canonical name, address."""

Answer: TypeAlias = Sequence[AddressInfo] | Exception


class Name(NamedTuple):
    """What is to be looked up, as `socket.getaddrinfo` takes it."""

    host: str
    port: int
    family: int
    kind: int
    """SOCK_STREAM or SOCK_DGRAM."""


class Request:
    """Somebody who waits for an answer."""

    __slots__ = ("_answered", "_lookup", "_loop", "_port")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, port: int, answered: Callable[[Answer], None], lookup: _Lookup
    ) -> None:
        self._loop = loop
        self._port = port
        self._answered: Callable[[Answer], None] | None = answered
        self._lookup = lookup

    def cancel(self) -> None:
        """Wait no longer: from now on the answer is for others, if there are any."""
        self._answered = None
        self._lookup.requests.discard(self)

    def deliver(self, answer: Answer) -> None:
        """Give the answer to the loop that waits for it; called in a thread."""
        if not isinstance(answer, Exception) and self._port != self._lookup.name.port:
            answer = [_at_port(info, self._port) for info in answer]
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody is there
            self._loop.call_soon_threadsafe(self._give, answer)

    def _give(self, answer: Answer) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(answer)


class _Lookup:
    """One look-up, under way or waiting for a thread, and who wants its answer."""

    __slots__ = ("name", "requests")

    def __init__(self, name: Name) -> None:
        self.name = name
        self.requests: set[Request] = set()

    @property
    def key(self) -> tuple[str, int, int]:
        """What those who share it have in common. The port is not looked up: one host takes one thread."""
        return self.name.host, self.name.family, self.name.kind


class _Lookups:
    """The look-ups of a process, and the threads that make them: each ends when there is nothing left to look up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, int, int], _Lookup] = {}
        self._queue: deque[_Lookup] = deque()
        self._threads = 0

    def ask(self, loop: asyncio.AbstractEventLoop, name: Name, answered: Callable[[Answer], None]) -> Request:
        """Join the look-up of a name that is under way, or begin one."""
        new = _Lookup(name)
        with self._lock:
            lookup = self._known.setdefault(new.key, new)
            request = Request(loop, name.port, answered, lookup)
            lookup.requests.add(request)
            if lookup is new:
                self._queue.append(new)
            is_short = lookup is new and self._threads < MAX_THREADS
            self._threads += is_short
        if is_short:
            self._start_thread()
        return request

    def _start_thread(self) -> None:
        try:
            threading.Thread(target=self._work, name="aiomq look-up", daemon=True).start()
        except RuntimeError as error:  # the system gives no more of them, or the interpreter ends
            self._fail_if_alone(OSError(errno.EAGAIN, f"no thread can be started to look a name up: {error}"))

    def _fail_if_alone(self, error: OSError) -> None:
        """There is one thread less than counted: if there is no other, nobody will look up what waits."""
        with self._lock:
            self._threads -= 1
            orphans = [] if self._threads else [*self._queue]
            for lookup in orphans:
                self._queue.remove(lookup)
                del self._known[lookup.key]
        for lookup in orphans:
            _tell(lookup, error)

    def _work(self) -> None:
        while (lookup := self._next()) is not None:
            answer = _ask_system(lookup.name)
            with self._lock:
                del self._known[lookup.key]
            _tell(lookup, answer)

    def _next(self) -> _Lookup | None:
        with self._lock:
            while self._queue:
                lookup = self._queue.popleft()
                if lookup.requests:
                    return lookup
                del self._known[lookup.key]  # all who wanted it have left
            self._threads -= 1
            return None


def _tell(lookup: _Lookup, answer: Answer) -> None:
    for request in tuple(lookup.requests):
        request.deliver(answer)


def _ask_system(name: Name) -> Answer:
    host, port, family, kind = name
    try:
        return socket.getaddrinfo(host, port, family, kind)
    except UnicodeError as error:  # a label over 63 characters, from the IDNA codec
        return OSError(errno.ENODEV, f"{host!r} is not a host name: {error}")
    except Exception as error:  # whatever it is, it is for those who asked
        return error


def _at_port(info: AddressInfo, port: int) -> AddressInfo:
    family, kind, protocol, canonical, address = info
    return family, kind, protocol, canonical, (address[0], port, *address[2:])


_lookups = _Lookups()


def _begin_afresh() -> None:
    """Forget the threads of the parent: a forked process has none of them."""
    global _lookups  # noqa: PLW0603  # one for the process
    _lookups = _Lookups()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_afresh)


def look_up(loop: asyncio.AbstractEventLoop, name: Name, answered: Callable[[Answer], None]) -> Request:
    """Look a name up.

    Args:
        loop: where `answered` is to be called.
        name: what to look up.
        answered: is called once, in a turn of the loop, with what was found, or with what went wrong: usually an
            OSError. It is not called if the loop is closed before.

    Returns:
        The request, to be cancelled by whoever does not want to wait any longer.
    """
    return _lookups.ask(loop, name, answered)


async def resolve(loop: asyncio.AbstractEventLoop, name: Name) -> Sequence[AddressInfo]:
    """Look a name up, and wait for it; to be cancelled at will.

    Raises:
        OSError: the name means nothing, or nobody could say.
    """
    future: asyncio.Future[Answer] = loop.create_future()
    request = look_up(loop, name, partial(_settle, future))
    try:
        answer = await future
    finally:
        request.cancel()
    if isinstance(answer, Exception):
        raise answer
    return answer


def _settle(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def is_numeric(host: str) -> bool:
    """Tell whether a host is an address, of whatever form, that nobody has to be asked for."""
    if ":" in host:
        return True
    try:
        socket.inet_aton(host)
    except (OSError, ValueError):
        return False
    return True


def numeric(name: Name) -> Sequence[AddressInfo]:
    """Return what a host means that is numeric.

    Raises:
        OSError: nothing: it is no address, or of another family.
    """
    host, port, family, kind = name
    try:
        return socket.getaddrinfo(host, port, family, kind, flags=socket.AI_NUMERICHOST)
    except UnicodeError as error:
        raise OSError(errno.ENODEV, f"{host!r} is not a host name: {error}") from error

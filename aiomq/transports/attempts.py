"""One attempt to connect: the look-up, every address in turn, what a proxy is told, and the connection at the end.

A dead peer is tried several times a second for as long as a program runs, by each socket that wants it: an attempt that
fails is driven by callbacks alone, and costs a few system calls. There is a task only once the system has connected, or
where the event loop cannot say when a descriptor can be written to (Windows' Proactor).
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final, Generic

from aiomq.options import SocketOptions
from aiomq.teardown import run_all
from aiomq.transports.base import Address, ConnectionFactory, StreamTransport, TargetT_contra
from aiomq.transports.handover import can_watch, hand_over
from aiomq.transports.lookups import AddressInfo, Answer, Name, Request, look_up

__all__ = ["Attempt", "Way"]

_UNDER_WAY: Final = frozenset({errno.EINPROGRESS, errno.EINTR, *((errno.EWOULDBLOCK,) * (sys.platform == "win32"))})
"""What a `connect` says that takes time. Elsewhere EWOULDBLOCK is a refusal: the queue of an ipc listener is full."""


class Way(Generic[TargetT_contra]):
    """What all attempts of a dialer have in common."""

    __slots__ = ("_lasting", "begun", "factory", "label", "loop", "names", "options", "target", "transport", "watches")

    def __init__(  # noqa: PLR0917  # of one caller, which knows them all
        self,
        loop: asyncio.AbstractEventLoop,
        transport: StreamTransport[TargetT_contra],
        target: TargetT_contra,
        options: SocketOptions,
        factory: ConnectionFactory,
        begun: Callable[[bool], None],
        label: str,
    ) -> None:
        """Prepare.

        Args:
            loop: the loop that the connections are for.
            transport: how to connect.
            target: where to.
            options: of the socket.
            factory: makes the protocol of a connection.
            begun: is called in each attempt once there is a system socket that begins to connect, and told whether that
                takes time.
            label: for the names of tasks.
        """
        self.loop = loop
        self.transport = transport
        self.target = target
        self.options = options
        self.factory = factory
        self.begun = begun
        self.label = label
        self.names = transport.names(target, options)
        self.watches = can_watch(loop)
        self._lasting: Sequence[Address] | None = None

    def addresses(self, found: dict[Name, Sequence[AddressInfo]]) -> Sequence[Address]:
        """Return where to connect to.

        Raises:
            OSError: there is no such address.
        """
        if self._lasting is not None:
            return self._lasting
        addresses = self.transport.addresses(self.target, self.options, found)
        if self.transport.is_lasting(self.target, self.options):
            self._lasting = addresses
        return addresses


class Attempt(Generic[TargetT_contra]):
    """One attempt. It ends once: with a connection, with an error, or cancelled."""

    __slots__ = (
        "_addresses",
        "_done",
        "_failure",
        "_found",
        "_has_begun",
        "_is_late",
        "_requests",
        "_sock",
        "_task",
        "_timer",
        "_watched",
        "_way",
        "is_made",
    )

    def __init__(
        self,
        way: Way[TargetT_contra],
        done: Callable[[Attempt[TargetT_contra], BaseException | None], None],
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            way: what is to be tried.
            done: is called at the end, maybe by `start` or `cancel`, with nothing if there is a connection, with a
                CancelledError, or with what went wrong: of the first address, if none of several answered.
        """
        self.is_made = False
        """There is a connection, which may not have been handed on yet, and may be lost again; for its host to set."""
        self._way = way
        self._done = done
        self._addresses: Iterator[Address]
        self._failure: OSError | None = None
        self._found: dict[Name, Sequence[AddressInfo]] = {}
        self._has_begun = False
        self._is_late = False
        self._requests: list[Request] = []
        self._sock: socket.socket | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watched = -1
        """The descriptor that the loop watches for us."""

    def start(self) -> None:
        """Look up what has to be, then connect."""
        if not self._way.names:
            self._connect()
        for name in self._way.names:
            self._requests.append(look_up(self._way.loop, name, partial(self._answered, name)))

    def cancel(self) -> None:
        """Give it up: at once, except for a connection that the loop is just making."""
        if self._task is not None:
            self._task.cancel()
        else:
            self._end(asyncio.CancelledError())

    def abandon(self) -> None:
        """The loop does not run any more, and nobody is told: give the system back what is its own."""
        if self._sock is not None:
            self._sock.close()

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptor that it holds, if any."""
        return () if self._sock is None or self._sock.fileno() < 0 else (self._sock.fileno(),)

    # -- the look-up -------------------------------------------------------------------------------------------------

    def _answered(self, name: Name, answer: Answer) -> None:
        if isinstance(answer, Exception):
            self._end(answer)
            return
        self._found[name] = answer
        if len(self._found) == len(self._way.names):
            self._connect()

    # -- address by address ------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        try:
            self._addresses = iter(self._way.addresses(self._found))
        except OSError as error:
            self._end(error)
        else:
            self._try_next()

    def _try_next(self) -> None:
        """Try one address after the other, until one takes time; end when there is none left."""
        failure: Exception | None
        try:
            if any(map(self._is_open, self._addresses)):
                return
            failure = self._failure
        except Exception as error:  # no failure of the network: whoever is told knows what to do with it
            failure = error
        self._end(failure)

    def _is_open(self, address: Address) -> bool:
        """Begin to connect; return False if it has failed already."""
        try:
            self._open(address)
        except OSError as error:
            self._failed(error)
            return False
        return True

    def _open(self, address: Address) -> None:
        way = self._way
        self._sock = sock = way.transport.open_socket(address.family)
        if not self._has_begun:
            self._has_begun = True
            way.begun(way.transport.takes_time)
        way.transport.prepare(sock, way.target, way.options, self._found)
        if not way.watches:
            self._start_timer()
            self._start_task(address)
            return
        number = sock.connect_ex(address.where)
        if number in _UNDER_WAY:
            # On this machine a refusal is there already, and nobody has to wait for it.
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if not number:
                self._watched = sock.fileno()
                way.loop.add_writer(self._watched, self._writable, address)
                self._start_timer()
                return
        self._settle(number, address)

    def _writable(self, address: Address) -> None:
        """The system has connected, or failed to."""
        self._unwatch()
        assert self._sock is not None
        try:
            self._settle(self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), address)
        except OSError as error:
            self._failed(error)
            self._try_next()

    def _settle(self, number: int, address: Address) -> None:
        if number:
            raise OSError(number, f"{os.strerror(number)}: connect call failed {address.where}")
        assert self._sock is not None
        self._way.transport.check(self._sock, self._way.target)
        if not self._way.options.socks_proxy:  # a proxy can still take its time
            self._stop_timer()
        self._start_task(None)

    def _failed(self, error: OSError) -> None:
        self._failure = self._failure or error
        self._drop_socket()

    # -- CONNECT_TIMEOUT: from the first address that takes time ------------------------------------------------------

    def _start_timer(self) -> None:
        limit = self._way.options.connect_timeout
        if limit and self._timer is None:
            self._timer = self._way.loop.call_later(limit / 1000, self._late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._is_late = True
        if self._task is not None:
            self._task.cancel()
        else:
            self._end(self._too_late())

    def _too_late(self) -> OSError:
        return TimeoutError(
            errno.ETIMEDOUT, f"no connection within {self._way.options.connect_timeout} ms (CONNECT_TIMEOUT)"
        )

    # -- connected ---------------------------------------------------------------------------------------------------

    def _start_task(self, address: Address | None) -> None:
        """Do what has to be awaited: connect to an address, where the loop has no other way, and all that follows."""
        self._task = self._way.loop.create_task(self._finish(address), name=f"aiomq connect {self._way.label}")
        # Not a `finally` in the task: one that is cancelled before it ever ran has none.
        self._task.add_done_callback(self._finished)

    async def _finish(self, address: Address | None) -> None:
        way, sock = self._way, self._sock
        assert sock is not None
        try:
            if address is not None:
                await way.loop.sock_connect(sock, address.where)
                way.transport.check(sock, way.target)
            await way.transport.introduce(way.loop, sock, way.target, way.options)
            self._stop_timer()
            await hand_over(way.loop, sock, way.factory)
        except BaseException:  # raised again; in the next turn the number may be that of somebody else's socket
            self._drop_socket()
            raise

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            self._end(self._too_late() if self._is_late else asyncio.CancelledError())
            return
        error = task.exception()
        if error is None:
            self._sock = None  # the loop's own
            self._end(None)
        elif isinstance(error, OSError) and not self.is_made:
            self._failed(error)
            self._try_next()
        else:
            self._end(error)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _unwatch(self) -> None:
        watched, self._watched = self._watched, -1
        if watched >= 0:
            self._way.loop.remove_writer(watched)

    def _drop_socket(self) -> None:
        sock, self._sock = self._sock, None
        run_all(self._unwatch, *(() if sock is None else (sock.close,)))

    def _end(self, error: BaseException | None) -> None:
        requests = [request.cancel for request in self._requests]
        run_all(*requests, self._stop_timer, self._drop_socket, lambda: self._done(self, error))

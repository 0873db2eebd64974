"""`zmq.asyncio`: sockets whose calls return futures.

A call begins at once, in the order it was made, whether its future is awaited or not: what can be done without waiting
is done when the call returns. Only the rest is a task.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeVar

import aiomq
from aiomq.compat.zmq.constants import POLLIN, POLLOUT, RCVTIMEO, SNDTIMEO, Flag, PollEvent
from aiomq.compat.zmq.error import Again
from aiomq.compat.zmq.sugar.at_once import loop_runs
from aiomq.compat.zmq.sugar.context import Context as _Context
from aiomq.compat.zmq.sugar.homes import moved
from aiomq.compat.zmq.sugar.io_thread import io_thread
from aiomq.compat.zmq.sugar.messages import Load, Operation
from aiomq.compat.zmq.sugar.poll import Poller as _Poller
from aiomq.compat.zmq.sugar.poll import zmq_poll
from aiomq.compat.zmq.sugar.socket import Socket as _Socket
from aiomq.poller import Changes, follow_ready, refuse_libzmq, wait_ready

__all__ = ["Context", "Poller", "Socket", "ZMQEventLoop", "install"]

T = TypeVar("T")


class _Begun(Coroutine[Any, Any, None]):
    """The rest of a call that could not be finished at once, for a task to run.

    It gives the future its result in the very step that takes a message, and makes no step once the future is
    cancelled: so no message is taken for a future that nobody will look at.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], suspended: Any, future: asyncio.Future[Any]) -> None:
        self._coroutine = coroutine
        self._suspended = suspended
        self._future = future
        self._handed_over = False

    def send(self, value: Any) -> Any:
        if self._future.cancelled():
            return self.throw(asyncio.CancelledError())
        if not self._handed_over:
            self._handed_over = True
            return self._suspended
        return self._step(self._coroutine.send, value)

    def throw(self, *error: Any) -> Any:
        self._handed_over = True
        return self._step(self._coroutine.throw, *error)

    def _step(self, step: Callable[..., Any], *args: Any) -> Any:
        future = self._future
        try:
            return step(*args)
        except StopIteration as result:
            if not future.done():
                future.set_result(result.value)
            raise StopIteration(None) from None
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:  # whatever the call raises belongs to who awaits the future
            if not future.done():
                future.set_exception(error)
            raise StopIteration(None) from None

    def close(self) -> None:
        self._coroutine.close()

    def __await__(self) -> Generator[Any, Any, None]:
        raise TypeError("only a task runs this")


def _begin(
    coroutine: Coroutine[Any, Any, T], pending: set[asyncio.Future[Any]], *, at_once: bool = False
) -> asyncio.Future[T]:
    """Run a coroutine as far as it goes without waiting, and return the future of its result.

    With `at_once` it goes on where it only wanted to give the event loop a turn.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _later(coroutine, pending)
    future: asyncio.Future[T] = loop.create_future()
    try:
        suspended = coroutine.send(None)
        if suspended is None and at_once:
            suspended = coroutine.send(None)
    except StopIteration as result:
        future.set_result(result.value)
    except Exception as error:  # it is the future's, whatever it is
        future.set_exception(error)
    else:
        task = loop.create_task(_Begun(coroutine, suspended, future))
        pending.add(future)
        future.add_done_callback(pending.discard)
        future.add_done_callback(lambda done: task.cancel() if done.cancelled() else None)
    return future


def _later(coroutine: Coroutine[Any, Any, T], pending: set[asyncio.Future[Any]]) -> asyncio.Future[T]:
    """Return a task of the loop that the program will run next, which does it all."""
    try:
        loop = asyncio.get_event_loop()
    except BaseException:  # no loop to run it in: an unawaited coroutine would warn
        coroutine.close()
        raise
    task = loop.create_task(coroutine)
    pending.add(task)
    task.add_done_callback(pending.discard)
    return task


class Socket(_Socket[Any]):
    """A socket whose `send`, `recv` and `poll` return futures."""

    _pending: set[asyncio.Future[Any]]
    _glances: _Glances
    _used: set[str]
    """What has been called once: a socket's first send, and its first recv, would wait for a turn without need."""

    def __init__(
        self, context: Any = None, socket_type: int = -1, io_loop: Any = None, _from_socket: Any = None, **kwargs: Any
    ) -> None:
        if io_loop is not None:
            warnings.warn("the io_loop of a socket is ignored: it is the running one", DeprecationWarning, stacklevel=3)
        self._pending = set()
        self._glances = _Glances()
        self._used = set()
        if _from_socket is not None:
            kwargs["shadow"] = _from_socket
        super().__init__(context, socket_type, **kwargs)

    @classmethod
    def from_socket(cls, socket: _Socket[Any], io_loop: Any = None) -> Self:
        """Return a socket with futures for the connections of another one."""
        return cls(_from_socket=socket, io_loop=io_loop)

    _blocks: ClassVar[bool] = False

    def _run(self, operation: Operation, name: str, flags: int, event: PollEvent, load: Load | None = None) -> Any:
        if self._served:
            return _begin(_bridged(self, operation, flags, event, load), self._pending)
        return self._begin(operation(flags) if load is None else _loaded(operation(flags), load), name)

    def _expect_poller(self) -> None:
        """Move to the I/O thread, if nothing but connecting was done: who polls it so means to stop the event loop."""
        if self._served or self._used or self._shadow or not loop_runs():
            return
        inner = moved(self._inner)
        if inner is not None:
            self._take(inner)

    def _begin(self, coroutine: Coroutine[Any, Any, Any], name: str) -> Any:
        context = self.__dict__.get("context")
        if context is not None and context._unstarted:
            context.start_sockets()
        direction = name[:4]
        first = direction not in self._used
        self._used.add(direction)
        return _begin(coroutine, self._pending, at_once=first)

    def close(self, linger: int | None = None) -> None:
        """Close the socket; what is pending on it is cancelled."""
        for future in tuple(self._pending):
            future.cancel()
        super().close(linger)

    def poll(self, timeout: float | None = None, flags: int = POLLIN) -> Any:
        """Return a future of what the socket is ready for; see `Poller.poll`."""
        ready = self._glances.look([(self, flags)]) if timeout == 0 else None
        if ready is not None:
            return _done(dict(ready).get(self, 0))
        return self._begin(_number(_poll([(self, flags)], timeout)), "poll")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        await self._inner.aclose()


class Poller(_Poller):
    """A poller whose `poll` returns a future. A poll that waits follows what is registered and unregistered."""

    def __init__(self) -> None:
        super().__init__()
        self._pending: set[asyncio.Future[Any]] = set()
        self._glances = _Glances()
        self._changes = Changes()

    def register(self, socket: Any, flags: int = POLLIN | POLLOUT) -> None:
        """Add something, or change its events; no events is the same as `unregister`."""
        refuse_libzmq(socket)
        super().register(socket, flags)
        self._changes.tell()

    def unregister(self, socket: Any) -> None:
        """Remove something; a KeyError if it is not there."""
        super().unregister(socket)
        self._changes.tell()

    def poll(self, timeout: float | None = -1) -> asyncio.Future[list[tuple[Any, int]]]:
        """Return a future of what is ready, and for what.

        Args:
            timeout: milliseconds; None or negative waits for ever, 0 only looks.
        """
        sockets = self.sockets
        if timeout == 0 and all(isinstance(socket, _Socket) for socket, _ in sockets):
            ready = self._glances.look(sockets)
            if ready is not None:
                return _done(ready)
        return _begin(self._poll(timeout), self._pending)

    async def _poll(self, timeout: float | None) -> list[tuple[Any, int]]:
        loop = asyncio.get_running_loop()
        deadline = None if timeout is None or timeout < 0 else loop.time() + timeout / 1000
        while any(_is_served(socket) for socket, _ in self.sockets):
            left = None if deadline is None else max(deadline - loop.time(), 0) * 1000
            ready = await self._poll_until_changed(left)
            if ready is not None:
                return ready
        left = None if deadline is None else max(deadline - loop.time(), 0) * 1000
        return await self._follow(left)

    async def _poll_until_changed(self, timeout: float | None) -> list[tuple[Any, int]] | None:
        """Wait for sockets of which some live in the I/O thread; return None if others are registered meanwhile."""
        change = _Change()
        self._changes.add(change)
        polling = asyncio.ensure_future(_poll(self.sockets, timeout))
        try:
            futures: set[asyncio.Future[Any]] = {polling, change.future}
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            return polling.result() if polling.done() else None
        finally:
            self._changes.remove(change)
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)

    async def _follow(self, timeout: float | None) -> list[tuple[Any, int]]:
        targets: dict[Any, Any] = {}

        def registered() -> list[tuple[Any, PollEvent]]:
            for socket, _ in self.sockets:
                if socket not in targets:  # looked up once: a file that is closed tells its descriptor no more
                    targets[socket] = _target(socket)
            return [(targets[socket], PollEvent(flags)) for socket, flags in self.sockets]

        ready = await follow_ready(registered, timeout, self._changes)
        known = {target: socket for socket, target in targets.items()}
        return [(known[each] if isinstance(each, aiomq.Socket) else each, int(events)) for each, events in ready]


class _Glances:
    """Polls that do not wait: they give their result at once, as in pyzmq.

    But who polls in a loop until something is there would wait for ever, as nothing arrives without a turn of the event
    loop: so of those that find nothing, one in so many has to take the long way.
    """

    def __init__(self) -> None:
        self._in_vain = 0

    def look(self, sockets: list[tuple[Any, int]]) -> list[tuple[Any, int]] | None:
        """Return what is ready; None if it is time for the long way."""
        ready = zmq_poll(sockets, 0)
        self._in_vain = 0 if ready else (self._in_vain + 1) % _GLANCES
        return ready if ready or self._in_vain else None


_GLANCES: Final = 8


async def _number(ready: Awaitable[list[tuple[Any, int]]]) -> int:
    return sum(events for _, events in await ready)


async def _loaded(received: Awaitable[Any], load: Load) -> Any:
    return load(await received)


async def _bridged(socket: Socket, operation: Operation, flags: int, event: PollEvent, load: Load | None) -> Any:
    """Send or receive by a socket of the I/O thread.

    Cancellation: for a message it only waits; it is taken when it is there.
    """
    home = socket._home
    assert home is not None
    option = RCVTIMEO if event is PollEvent.POLLIN else SNDTIMEO
    timeout = 0 if flags & Flag.DONTWAIT else socket._inner.get(option)
    loop = asyncio.get_running_loop()
    deadline = None if timeout < 0 else loop.time() + timeout / 1000
    while True:
        try:
            result = home.attempt(lambda: operation(flags | Flag.DONTWAIT))
        except Again:
            left = None if deadline is None else (deadline - loop.time()) * 1000
            if left is not None and left <= 0:
                raise
            await _ready_elsewhere([(socket._inner, event)], left)
        else:
            return result if load is None else load(result)


async def _ready_elsewhere(wanted: list[tuple[Any, PollEvent]], timeout: float | None) -> list[tuple[Any, PollEvent]]:
    """Wait until sockets of the I/O thread are ready."""
    future = asyncio.run_coroutine_threadsafe(wait_ready(wanted, timeout), io_thread().loop)
    return await asyncio.wrap_future(future)


def _done(result: T) -> asyncio.Future[T]:
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    future.set_result(result)
    return future


async def _poll(sockets: list[tuple[Any, int]], timeout: float | None) -> list[tuple[Any, int]]:
    known = {_target(socket): socket for socket, _ in sockets}
    here = [(_target(socket), PollEvent(flags)) for socket, flags in sockets if not _is_served(socket)]
    elsewhere = [(_target(socket), PollEvent(flags)) for socket, flags in sockets if _is_served(socket)]
    if not here:
        ready = await _ready_elsewhere(elsewhere, timeout)
    else:
        ready = await _first_ready(here, elsewhere, timeout)
    return [(known[target] if isinstance(target, aiomq.Socket) else target, int(events)) for target, events in ready]


def _is_served(socket: Any) -> bool:
    """Return whether a socket lives in the I/O thread."""
    return isinstance(socket, _Socket) and socket._served


class _Change:
    """A poll that is to begin again when what is registered has changed."""

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def changed(self) -> None:
        """Another set is registered now."""
        if not self.future.done():
            self.future.set_result(None)


async def _first_ready(
    here: list[tuple[Any, PollEvent]], elsewhere: list[tuple[Any, PollEvent]], timeout: float | None
) -> list[tuple[Any, PollEvent]]:
    """Wait until something is ready, in this loop or in the I/O thread."""
    tasks = [
        asyncio.ensure_future(wait_ready(here, timeout)),
        asyncio.ensure_future(_ready_elsewhere(elsewhere, timeout)),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not any(
            task.done() and not task.cancelled() and task.exception() is None and task.result() for task in tasks
        ):
            await asyncio.wait(tasks)
        return [each for task in tasks if task.done() for each in task.result()]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _target(socket: Any) -> Any:
    """Return what is polled for something registered; of what is no socket of ours, the descriptor, as in pyzmq."""
    if isinstance(socket, _Socket):
        return socket._inner
    return socket if isinstance(socket, int) else socket.fileno()


class Context(_Context):
    """Makes sockets with futures."""

    _instance: ClassVar[Any] = None
    _socket_class: ClassVar[type[_Socket[Any]]] = Socket

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the sockets, and wait until what they had to send has left, as LINGER allows; pyzmq has no such."""
        for socket in list(self._sockets):
            socket.close()
        await self._inner.term()


class ZMQEventLoop(asyncio.SelectorEventLoop):
    """The event loop of old pyzmq; an ordinary one."""

    def __init__(self, selector: Any = None) -> None:
        _deprecated()
        super().__init__(selector)


def install() -> None:
    """Do nothing, as in pyzmq: no special event loop is needed."""
    _deprecated()


def _deprecated() -> None:
    warnings.warn("special event loop integration is not needed any longer", DeprecationWarning, stacklevel=3)

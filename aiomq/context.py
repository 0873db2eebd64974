"""A context: the sockets made by it, the inproc names they share, and their common end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import sys
import warnings
import weakref
from types import TracebackType
from typing import Any, ClassVar, Final, Self, SupportsIndex

from aiomq.constants import SocketType
from aiomq.core import SocketCore, call_site
from aiomq.errors import ContextTerminated, ZMQError
from aiomq.linger import wait_finished
from aiomq.option_spec import SocketOptions
from aiomq.options import OptionAttributes, checked, load, spec_of, store
from aiomq.patterns.table import PATTERNS
from aiomq.socket import Socket
from aiomq.transports.inproc_names import InprocNames

__all__ = ["Context"]

log = logging.getLogger("aiomq.context")

TERM_GRACE: Final = 5.0
"""Seconds without progress after which `term` gives up messages that linger without limit."""


class Context(OptionAttributes):
    """Makes sockets and ends them together.

    Sockets of one context reach each other by inproc names, also from event loops in different threads. A context may
    be made anywhere, with or without a running loop, and used from any thread.

    Options set on a context (`ctx.linger = 0`) are the defaults of the sockets made later.
    """

    _instance: ClassVar[Context | None] = None
    _instance_pid: ClassVar[int] = -1

    def __init__(self, io_threads: int = 1) -> None:
        """Make a context.

        Args:
            io_threads: accepted for pyzmq's sake, and without effect: the event loop does the input and output.
        """
        if io_threads < 0:
            raise ZMQError(errno.EINVAL, f"io_threads is 0 or more, not {io_threads}")
        self.io_threads = io_threads
        self.inproc_names = InprocNames()
        self._defaults: dict[str, tuple[Any, Any]] = {}
        self._cores: set[SocketCore] = set()
        self._sockets: weakref.WeakSet[Socket] = weakref.WeakSet()
        self._made_at = call_site()
        self._terminated = False
        contexts.add(self)

    @classmethod
    def instance(cls, io_threads: int = 1) -> Context:
        """Return the context that all of this process share; a forked child gets one of its own."""
        shared = Context._instance
        if shared is None or shared.closed or Context._instance_pid != os.getpid():
            shared = Context._instance = cls(io_threads)
            Context._instance_pid = os.getpid()
        return shared

    # -- sockets -----------------------------------------------------------------------------------------------------

    def socket(self, socket_type: int, **options: Any) -> Socket:
        """Make a socket.

        Args:
            socket_type: `aiomq.REQ`, `aiomq.PUB`, ...
            options: options to set on it, by name: `linger=0`.

        Raises:
            ContextTerminated: the context is.
            ZMQError: EINVAL for an unknown type, option or value.
        """
        if self._terminated:
            raise ContextTerminated("this context was terminated: it makes no more sockets")
        core = SocketCore(_type_of(socket_type), call_site())
        socket = Socket(self, core)
        try:
            self._apply_defaults(core)
            for name, value in options.items():
                socket.set(name, value)
        except BaseException:
            core.close()
            raise
        for finished in [each for each in tuple(self._cores) if each.finished]:
            self._cores.discard(finished)
        self._cores.add(core)
        core.finished_callbacks.append(lambda: self._cores.discard(core))
        if self._terminated:  # by another thread, meanwhile
            core.close()
            raise ContextTerminated("this context was terminated: it makes no more sockets")
        return socket

    def _apply_defaults(self, core: SocketCore) -> None:
        for spec, value in self._defaults.values():
            if spec.socket_types is None or core.socket_type in spec.socket_types:
                store(core.options, spec, value)

    def set(self, option: SupportsIndex | str, value: object) -> None:
        """Set the default of an option for the sockets made from now on.

        Raises:
            ZMQError: EINVAL for an unknown option, one that is not stored, or a value out of range.
            TypeError: the value is of the wrong Python type.
        """
        spec = spec_of(option)
        if not spec.attribute:
            raise ZMQError(errno.EINVAL, f"{spec.option.name} has no default that a context could keep")
        self._defaults[spec.name] = (spec, checked(spec, value, None))

    def get(self, option: SupportsIndex | str) -> Any:
        """Return the default of an option for the sockets made from now on.

        Raises:
            ZMQError: EINVAL for an unknown option, or one that is not stored.
        """
        spec = spec_of(option)
        if not spec.attribute:
            raise ZMQError(errno.EINVAL, f"{spec.option.name} has no default that a context could keep")
        options = SocketOptions()
        for each, value in self._defaults.values():
            store(options, each, value)
        return load(options, spec)

    setsockopt = set
    getsockopt = get

    # -- the end -----------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the context was terminated."""
        return self._terminated

    def shutdown(self) -> None:
        """End every wait on this context's sockets, and every later call, with ContextTerminated. Closes nothing."""
        self._terminated = True
        for core in tuple(self._cores):
            _in_its_loop(core, core.terminate)

    async def term(self, timeout: float | None = None) -> None:
        """Terminate the context, and come back when all of its sockets are gone.

        Whatever waits on a socket gets ContextTerminated. Sockets that are still open are closed. Each has the time
        that its LINGER allows to send what is queued. With no limit (-1, the default) the context waits for as long
        as messages keep leaving; what did not move for five seconds is given up, with a warning in the log.

        Args:
            timeout: seconds to wait at most; `math.inf` waits for lingering messages for ever.

        Cancellation: safe; `term` may be called again to go on waiting.
        """
        self.shutdown()
        for core in tuple(self._cores):
            if not core.closed:
                core.close_threadsafe()
            elif core.thread is not None and not core.loop.is_running():
                core.abandon()
        grace = TERM_GRACE if timeout is None else timeout
        cores = tuple(self._cores)
        if timeout is None:
            left = await wait_finished(cores, grace)
        else:
            left = await _wait_at_most(cores, timeout)
        for core in left:
            log.warning(
                "%s socket made at %s: dropped what it could not send (%s); set LINGER to wait for less or more",
                core.socket_type.name,
                core.made_at,
                ", ".join(str(endpoint) for endpoint in core.endpoints.values()),
            )
            core.close_threadsafe(0)
        await wait_finished(left, TERM_GRACE)

    def destroy(self, linger: int | None = None) -> None:
        """Close all sockets of this context and terminate it. Returns at once.

        Args:
            linger: milliseconds for what is queued to leave, for all sockets; None is what LINGER of each says.
        """
        self.shutdown()
        for core in tuple(self._cores):
            core.close_threadsafe(linger)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.term()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.destroy()

    def __del__(self) -> None:
        if not getattr(self, "_terminated", True) and not sys.is_finalizing():
            warnings.warn(f"unclosed context, made at {self._made_at}", ResourceWarning, source=self, stacklevel=2)
            self.destroy()

    def __repr__(self) -> str:
        state = "terminated" if self._terminated else f"sockets={len(self._cores)}"
        return f"<aiomq.Context {state}, made at {self._made_at}>"


contexts: weakref.WeakSet[Context] = weakref.WeakSet()
"""All contexts there are, for `run` to end them."""


def _type_of(socket_type: int) -> SocketType:
    try:
        found = SocketType(socket_type)
    except ValueError:
        found = None
    if found is None or found not in PATTERNS:
        names = ", ".join(each.name for each in PATTERNS)
        raise ZMQError(errno.EINVAL, f"{socket_type!r} is no type of socket that can be made: there are {names}")
    return found


def _in_its_loop(core: SocketCore, step: Any) -> None:
    """Run something on a socket's core in the loop it belongs to; here, if it belongs to none or to one that ended."""
    if core.thread is None or not core.loop.is_running():
        step()
        return
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if here is core.loop:
        step()
    else:
        with contextlib.suppress(RuntimeError):  # its loop was closed since we looked
            core.loop.call_soon_threadsafe(step)


async def _wait_at_most(cores: tuple[SocketCore, ...], timeout: float) -> list[SocketCore]:
    try:
        async with asyncio.timeout(None if timeout == float("inf") else timeout):
            return await wait_finished(cores, float("inf") if timeout == float("inf") else timeout)
    except TimeoutError:
        return [core for core in cores if not core.finished]

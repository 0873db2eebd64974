"""A context: the sockets made by it, the inproc names they share, and their common end."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import errno
import logging
import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Never, Self, SupportsIndex

from aiomq.constants import SocketType
from aiomq.context_limits import ContextLimits, apply_limits, apply_store
from aiomq.context_names import check_new_name, has_name
from aiomq.context_options import ContextAttributes, ContextOptions, context_option
from aiomq.core import SocketCore, call_site
from aiomq.errors import ContextTerminated, WrongLoopError, ZMQError
from aiomq.forking import give_up, in_children, text_for
from aiomq.limits import LIMITS
from aiomq.linger import wait_finished
from aiomq.option_spec import SocketOptions
from aiomq.options import OptionAttributes, OptionSpec, check_readable, checked, load, spec_of, store
from aiomq.patterns.table import PATTERNS
from aiomq.socket import Socket
from aiomq.starting import Unstarted
from aiomq.teardown import run_all
from aiomq.transports.inproc_names import InprocNames
from aiomq.transports.zap_client import ZapClient

__all__ = ["Context"]

log = logging.getLogger("aiomq.context")

TERM_GRACE: Final = 5.0
"""Seconds without progress after which `term` gives up messages that linger without limit."""


class Context(ContextAttributes, OptionAttributes, ContextLimits):
    """Makes sockets and ends them together.

    Sockets of one context reach each other by inproc names, also from event loops in different threads. A context may
    be made anywhere, with or without a running loop, and used from any thread. Sockets that were bound or connected
    before a loop ran begin in the first loop of their thread in which the context is used: when a socket is made, when
    any of its sockets is used, at `async with`, and at the start of `aiomq.run`.

    Options of sockets set on a context (`ctx.linger = 0`), and what else a socket has to set (`ctx.on_mute`), are the
    defaults of the sockets made later, of those types that have them. Those of the context itself
    (`ctx.max_sockets = 10`) work at once. Another attribute cannot be set, but those of subclasses, and what begins
    with an underscore.
    """

    inproc_names: InprocNames

    _instance: ClassVar[Context | None] = None
    _instance_pid: ClassVar[int] = -1

    def __init__(self, io_threads: int = 1) -> None:
        """Make a context.

        Args:
            io_threads: accepted for pyzmq's sake, and without effect: the event loop does the input and output.
        """
        self._options = ContextOptions(io_threads)
        self.inproc_names = InprocNames()
        self._zap = ZapClient(self.inproc_names)
        self._limits = {}
        self._defaults: dict[str, tuple[Any, Any]] = {}
        self._cores: set[SocketCore] = set()
        self._unstarted = Unstarted()
        self._made_at = call_site()
        self._terminated = False
        self._pid = os.getpid()
        self._thread = threading.current_thread()
        contexts.add(self)

    @classmethod
    def instance(cls, io_threads: int = 1) -> Context:
        """Return the context that all of this process share; a forked child gets one of its own."""
        shared = Context._instance
        if shared is None or shared.closed or Context._instance_pid != os.getpid():
            shared = Context._instance = cls(io_threads)
            shared._thread = threading.main_thread()  # it is no thread's own: it ends with the program
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
            WrongLoopError: the context was made in another process, which this one was forked from.
            ZMQError: EINVAL for an unknown type, option or value, EMFILE if there are MAX_SOCKETS already.
        """
        return self._make(socket_type, options, self._limits)

    def _own_socket(self, socket_type: int, **options: Any) -> Socket:
        """Make a socket for the library's own use: what the program has as defaults of its limits is not for it."""
        return self._make(socket_type, options, {})

    def _make(self, socket_type: int, options: Mapping[str, Any], limits: Mapping[str, Any]) -> Socket:
        if self._terminated:
            self._refuse()
        self._unstarted.start()
        self._check_count()
        core = SocketCore(_type_of(socket_type), call_site())
        core.zap = self._zap
        core.unstarted = self._unstarted
        socket = Socket(self, core)
        try:
            self._apply_defaults(core)
            apply_limits(limits, socket, options)
            for name, value in options.items():
                if name in LIMITS:
                    setattr(socket, name, value)
                else:
                    socket.set(name, value)
            apply_store(limits, socket, options)
        except BaseException:  # raised again; nobody else would close it
            core.close()
            raise
        self._cores.add(core)
        core.finished_callbacks.append(lambda: self._cores.discard(core))
        if self._terminated:  # by another thread, meanwhile
            core.close()
            self._refuse()
        return socket

    def _refuse(self) -> Never:
        if self._pid != os.getpid():
            raise WrongLoopError(text_for("context", self._pid))
        raise ContextTerminated("this context was terminated: it makes no more sockets")

    def _check_count(self) -> None:
        for finished in [each for each in tuple(self._cores) if each.finished]:
            self._cores.discard(finished)
        if len(self._cores) >= self.max_sockets:
            raise ZMQError(
                errno.EMFILE,
                f"there are {len(self._cores)} sockets, those that still send included: MAX_SOCKETS of this context"
                " allows no more",
            )

    def _apply_defaults(self, core: SocketCore) -> None:
        if not self.blocky:
            core.options.linger = 0
        for spec, value in self._defaults.values():
            if spec.socket_types is None or core.socket_type in spec.socket_types:
                store(core.options, spec, value)

    def set(self, option: SupportsIndex | str, value: object) -> None:
        """Set an option of the context, or the default of a socket option for the sockets made from now on.

        Args:
            option: a `ContextOption`, BLOCKY, a `SocketOption`, or the name of one. A bare number that both have, from
                1 to 10, is the context's, as in pyzmq; `setsockopt` takes it for the socket's.
            value: an integer, bytes, or text, as the option has it.

        Raises:
            ZMQError: EINVAL for an unknown option, one that is not stored, or a value out of range.
            TypeError: the value is of the wrong Python type.
        """
        own = context_option(option, by_number=True)
        if own is None:
            self.setsockopt(option, value)
        else:
            self._options.set(own, value)

    def get(self, option: SupportsIndex | str) -> Any:
        """Return an option of the context, or the default of a socket option; see `set`.

        Raises:
            ZMQError: EINVAL for an unknown option, or one that is not stored.
        """
        own = context_option(option, by_number=True)
        return self.getsockopt(option) if own is None else self._options.get(own)

    def setsockopt(self, option: SupportsIndex | str, value: object) -> None:
        """Set the default of a socket option for the sockets made from now on; see `set`."""
        spec = _spec_with_default(option)
        taken = checked(spec, value, None)
        key = f"{spec.name} {taken!r}" if spec.collects else spec.name
        cleared = [each for each in self._defaults if spec.collects and each.partition(" ")[0] == spec.name]
        for each in cleared if taken in {None, b""} else [key]:
            self._defaults.pop(each, None)  # what is set last is applied last
        self._defaults[key] = (spec, taken)

    def getsockopt(self, option: SupportsIndex | str) -> Any:
        """Return the default of a socket option for the sockets made from now on; see `get`."""
        spec = _spec_with_default(option)
        if spec.collects:
            check_readable(spec, None)
        options = SocketOptions()
        for each, value in self._defaults.values():
            store(options, each, value)
        return load(options, spec)

    if not TYPE_CHECKING:  # with it, type checkers would take every name

        def __setattr__(self, name: str, value: object) -> None:
            if not name.startswith("_") and name not in self.__dict__ and not has_name(type(self), name):
                check_new_name(type(self), name, may_be_new=type(self) is not Context)
            object.__setattr__(self, name, value)

    # -- the end -----------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the context was terminated."""
        return self._terminated

    def shutdown(self) -> None:
        """End every wait on this context's sockets, and every later call, with ContextTerminated. Closes nothing."""
        self._terminated = True
        run_all(self.inproc_names.end, *(partial(_in_its_loop, core, core.terminate) for core in tuple(self._cores)))

    async def term(self, timeout: float | None = None) -> None:
        """Terminate the context, and come back when all of its sockets are gone.

        Whatever waits on a socket gets ContextTerminated. Sockets that are still open are closed. Each has the time
        that its LINGER allows to send what is queued. With no limit (-1, the default) the context waits for as long
        as messages keep leaving; what did not move for five seconds is given up, with a warning in the log.

        Args:
            timeout: seconds to wait at most; `math.inf` waits for lingering messages for ever.

        Cancellation: safe; `term` may be called again to go on waiting.
        """
        try:
            run_all(self.shutdown, *(partial(_close, core) for core in tuple(self._cores)))
        finally:
            await self._wait_for_sockets(timeout)

    async def _wait_for_sockets(self, timeout: float | None) -> None:
        cores = tuple(self._cores)
        if timeout is None:
            left = await wait_finished(cores, TERM_GRACE)
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
        run_all(self.shutdown, *(partial(core.close_threadsafe, linger) for core in tuple(self._cores)))

    async def __aenter__(self) -> Self:
        self._unstarted.start()
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
"""All contexts there are."""


def own_contexts() -> list[Context]:
    """Return the contexts made in this thread, for `run` to end them: those of other threads are in use there.

    A context that was terminated is among them as long as it has sockets that linger: `term` may have been cancelled.
    """
    here = threading.current_thread()  # not its number, which goes to another thread later
    own = [context for context in tuple(contexts) if context._thread is here]
    return [context for context in own if not context.closed or any(not core.finished for core in context._cores)]


def start_waiting() -> None:
    """A loop begins to run in this thread: start the sockets that were bound or connected here and wait for one."""
    for context in tuple(contexts):
        context._unstarted.start()


def _give_up_copies() -> None:
    """This is a forked child: what was made before belongs to its parent."""
    for context in tuple(contexts):
        context._terminated = True
        cores, context._cores = tuple(context._cores), set()
        give_up(cores, context._pid)


in_children(_give_up_copies)


def _warn_of_unclosed() -> None:
    """The program ends: tell what it left open, by ResourceWarnings, which Python shows with -X dev.

    The shared context is nobody's to close, but its sockets are.
    """
    for context in tuple(contexts):
        if context.closed:
            continue
        for core in tuple(context._cores):
            if not core.closed:
                _warn(f"{core.pattern.name} socket", core.made_at)
        if context is not Context._instance:
            _warn("context", context._made_at)


def _warn(what: str, made_at: str) -> None:
    warnings.warn(f"unclosed {what}, made at {made_at}", ResourceWarning, stacklevel=3)


atexit.register(_warn_of_unclosed)


def _spec_with_default(option: SupportsIndex | str) -> OptionSpec:
    spec = spec_of(option)
    if not spec.attribute:
        raise ZMQError(errno.EINVAL, f"{spec.option.name} has no default that a context could keep")
    return spec


def _type_of(socket_type: int) -> SocketType:
    try:
        found = SocketType(socket_type)
    except ValueError:
        found = None
    if found is None or found not in PATTERNS:
        names = ", ".join(each.name for each in PATTERNS)
        raise ZMQError(errno.EINVAL, f"{socket_type!r} is no type of socket that can be made: there are {names}")
    return found


def _close(core: SocketCore) -> None:
    if not core.closed:
        core.close_threadsafe()
    elif core.thread is not None and not core.loop.is_running():
        core.abandon()


def _in_its_loop(core: SocketCore, step: Callable[[], None]) -> None:
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
            return await wait_finished(cores, timeout)
    except TimeoutError:
        return [core for core in cores if not core.finished]

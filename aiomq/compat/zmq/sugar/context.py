"""`zmq.Context`: an `aiomq.Context` with pyzmq's manners."""

from __future__ import annotations

import errno
import os
import threading
import warnings
import weakref
from collections.abc import Callable
from types import GenericAlias
from typing import Any, ClassVar, Final, Self

import aiomq
from aiomq.compat.zmq.constants import ContextOption, PollEvent, SocketOption
from aiomq.compat.zmq.error import BlockingCallError, ZMQError
from aiomq.compat.zmq.sugar.at_once import loop_runs
from aiomq.compat.zmq.sugar.attrsettr import AttributeSetter
from aiomq.compat.zmq.sugar.io_thread import io_thread, serves
from aiomq.compat.zmq.sugar.socket import Socket
from aiomq.compat.zmq.sugar.waiters import ThreadWaiter, Waiter

__all__ = ["Context", "SyncContext"]

_addresses: Final[weakref.WeakValueDictionary[int, aiomq.Context]] = weakref.WeakValueDictionary()
"""What `underlying` of a context stands for."""

_OPTIONS: Final = frozenset({*ContextOption, SocketOption.BLOCKY, SocketOption.IPV6})
"""What a context has of its own; the last two are numbered among the options of sockets."""


class Context(AttributeSetter):
    """Makes sockets. Two contexts may share what they are made of: see `shadow`.

    Options set as attributes (`context.linger = 0`) are the defaults of the sockets made later.
    """

    _instance: ClassVar[Any] = None
    _instance_lock: ClassVar[threading.Lock] = threading.Lock()
    _instance_pid: ClassVar[int | None] = None
    _socket_class: ClassVar[type[Socket[Any]]] = Socket

    sockopts: dict[int, Any]
    _inner: aiomq.Context
    _shadow: bool
    _served: bool
    """Whether all plain sockets live in the I/O thread: the context was made where no event loop ran."""

    _unstarted: dict[Socket[Any], int]
    """Sockets that were made while no event loop ran, each with its thread."""

    _sockets: weakref.WeakSet[Socket[Any]]
    __class_getitem__: ClassVar[classmethod[Any, Any, GenericAlias]] = classmethod(GenericAlias)
    """`zmq.Context[zmq.Socket]` is written in annotations that are evaluated."""

    _waiter: ClassVar[type[Waiter]] = ThreadWaiter

    def __init__(self, io_threads: int | Context = 1, shadow: Context | int = 0) -> None:
        if isinstance(io_threads, Context):
            io_threads, shadow = 1, io_threads
        self.sockopts = {}
        self._sockets = weakref.WeakSet()
        self._unstarted = {}
        self._shadow = bool(shadow)
        self._served = shadow._served if isinstance(shadow, Context) else not loop_runs()
        if shadow:
            self._inner = _inner_of(shadow)
        else:
            self._inner = aiomq.Context(io_threads)
        _addresses[id(self._inner)] = self._inner

    @classmethod
    def instance(cls, io_threads: int = 1) -> Self:
        """Return the context that all of this process share; a forked child gets one of its own."""
        with Context._instance_lock:
            shared: Self | None = cls._instance
            if shared is None or shared.closed or cls._instance_pid != os.getpid():
                shared = cls(io_threads=io_threads)
                cls._instance = shared
                cls._instance_pid = os.getpid()
            return shared

    @classmethod
    def shadow(cls, address: int | Context) -> Self:
        """Return a context that makes sockets in another one.

        Args:
            address: that context, or its `underlying`.

        Raises:
            ZMQError: EINVAL for an address that is none of a context made here: libzmq's contexts cannot be shared.
        """
        return cls(shadow=address)

    @classmethod
    def shadow_pyczmq(cls, ctx: Any) -> Self:
        """Refuse: a context of czmq is one of libzmq's.

        Raises:
            ZMQError: ENOTSUP, always.
        """
        raise ZMQError(errno.ENOTSUP, "a czmq context belongs to libzmq, which aiomq does without: connect by tcp")

    @property
    def underlying(self) -> int:
        """A number that stands for this context in this process; see `shadow`."""
        return id(self._inner)

    @property
    def closed(self) -> bool:
        """Whether the context was terminated."""
        return self._inner.closed

    # -- sockets -----------------------------------------------------------------------------------------------------

    def socket(self, socket_type: int, socket_class: Callable[..., Socket[Any]] | None = None, **kwargs: Any) -> Any:
        """Make a socket.

        Args:
            socket_type: `zmq.REQ`, `zmq.PUB`, ...
            socket_class: the class to make it of; None is this context's.
            kwargs: go to that class.

        Raises:
            ZMQError: ENOTSUP if the context is closed, EINVAL for an unknown type.
        """
        if self.closed:
            raise ZMQError(errno.ENOTSUP, "this context was terminated: it makes no more sockets")
        socket = (socket_class or self._socket_class)(self, socket_type, **kwargs)
        for option, value in self.sockopts.items():
            try:
                socket.set(option, value)
            except ZMQError:  # as pyzmq: an option of another type of socket
                continue
        return socket

    def _add_socket(self, socket: Socket[Any]) -> None:
        self._sockets.add(socket)
        if not socket._blocks and not loop_runs():
            self._unstarted[socket] = threading.get_ident()

    def start_sockets(self) -> None:
        """Let the sockets that this thread made before its event loop ran begin to connect and accept.

        With libzmq they do so at once, by its own threads: whoever waits for one of them may have touched only another.
        """
        here = threading.get_ident()
        for socket in [each for each, thread in tuple(self._unstarted.items()) if thread == here]:
            self._unstarted.pop(socket, None)
            if not socket.closed:
                socket._inner.gates(PollEvent(0))

    def _rm_socket(self, socket: Socket[Any]) -> None:
        self._sockets.discard(socket)
        self._unstarted.pop(socket, None)

    # -- options -----------------------------------------------------------------------------------------------------

    def set(self, option: int, optval: int) -> None:
        """Set an option of the context: those that aiomq's have.

        Raises:
            ZMQError: EINVAL for what is no option of a context, a value out of range, or an option of threads.
            TypeError: the value is no number.
        """
        self._check(option)
        self._inner.set(option, optval)

    def get(self, option: int) -> int:
        """Return an option of the context.

        Raises:
            ZMQError: EINVAL for what is no option of a context.
        """
        self._check(option)
        return int(self._inner.get(option))

    def _check(self, option: int) -> None:
        if self.closed:
            raise RuntimeError("Context has been destroyed")
        if option not in _OPTIONS:
            raise ZMQError(errno.EINVAL, f"{option!r} is no option of a context; setsockopt sets those of its sockets")

    def setsockopt(self, opt: int, value: Any) -> None:
        """Set the default of an option for the sockets made from now on."""
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> Any:
        """Return a default that was set.

        Raises:
            KeyError: it was not.
        """
        return self.sockopts[opt]

    def _set_attr_opt(self, name: str, opt: int, value: Any) -> None:
        if name in ContextOption.__members__:
            self.set(opt, value)
        elif name in SocketOption.__members__:
            self.sockopts[opt] = value
        else:
            raise AttributeError(f"there is no option of contexts or sockets named {name}")

    def _get_attr_opt(self, name: str, opt: int) -> Any:
        if name in ContextOption.__members__:
            return self.get(opt)
        if opt not in self.sockopts:
            raise AttributeError(f"{name} was not set on this context")
        return self.sockopts[opt]

    def __delattr__(self, key: str) -> None:
        if key in self.__dict__:
            object.__delattr__(self, key)
            return
        option = self._option(key)
        if option not in self.sockopts:
            raise AttributeError(f"{key} was not set on this context")
        del self.sockopts[option]

    def __dir__(self) -> list[str]:
        return [*dir(type(self)), *ContextOption.__members__]

    # -- the end -----------------------------------------------------------------------------------------------------

    def term(self) -> None:
        """Terminate the context.

        One whose sockets live in the I/O thread waits until they have sent what they hold, as LINGER allows: whoever
        waits on one gets ContextTerminated. Of another one what is queued leaves while the event loop goes on running.

        Raises:
            BlockingCallError: a socket of an event loop is open: libzmq would wait for it to be closed.
        """
        if self.closed:
            return
        if self._shadow:
            raise ZMQError(errno.ENOTSUP, "this context is the shadow of another one: terminate that one")
        if any(not socket.closed and not socket._served for socket in tuple(self._sockets)):
            raise BlockingCallError(
                "Context.term() with open sockets",
                "close the sockets first, or call destroy(), or leave `async with` of a zmq.asyncio.Context",
            )
        self._end(None)

    def destroy(self, linger: int | None = None) -> None:
        """Close all sockets of this context and terminate it.

        Args:
            linger: milliseconds for what is queued to leave, for all sockets; None is what LINGER of each says.
        """
        for socket in list(self._sockets):
            socket.close(linger)
        if not self._shadow:
            self._end(linger)

    def _end(self, linger: int | None) -> None:
        inner = self._inner
        inner.destroy(linger)
        # In a running loop nothing is waited for: it may have to move what is left itself, and the thread goes on.
        if not loop_runs() and any(core.thread is not None and serves(core.loop) for core in tuple(inner._cores)):
            io_thread().wait(inner.term, self._waiter(), "Context.term()")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for socket in list(self._sockets):
            if not socket.closed:
                warnings.warn(f"Destroying context with unclosed socket {socket}", ResourceWarning, stacklevel=2)
        self.destroy()

    def __copy__(self, memo: Any = None) -> Self:
        return type(self).shadow(self)

    __deepcopy__ = __copy__

    def __repr__(self) -> str:
        module = type(self).__module__.removesuffix(".sugar.context").removesuffix(".core")
        number = len(self._sockets)
        sockets = f"{number} socket{'s' if number > 1 else ''}" if number else ""
        return f"<{module}.{type(self).__name__}({sockets}){' closed' if self.closed else ''}>"


def _inner_of(shadow: Context | int) -> aiomq.Context:
    if isinstance(shadow, Context):
        return shadow._inner
    if isinstance(shadow, aiomq.Context):
        return shadow
    found = _addresses.get(shadow)
    if found is None:
        raise ZMQError(
            errno.EINVAL,
            f"{shadow!r} is no context of this process made by aiomq: one of libzmq's cannot be shared, connect by tcp",
        )
    return found


SyncContext = Context

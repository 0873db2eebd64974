"""`zmq.Socket`: an `aiomq.Socket` with pyzmq's manners."""

from __future__ import annotations

import errno
import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

import aiomq
from aiomq.compat.zmq import constants
from aiomq.compat.zmq.constants import PollEvent, SocketOption, SocketType
from aiomq.compat.zmq.error import BlockingCallError, ZMQError
from aiomq.compat.zmq.sugar.at_once import loop_runs
from aiomq.compat.zmq.sugar.blocking import BlockingMessages, ready_now, refuse_in_loop
from aiomq.compat.zmq.sugar.homes import is_served, settle
from aiomq.compat.zmq.sugar.io_thread import IoThread, io_thread

if TYPE_CHECKING:
    from aiomq.compat.zmq.sugar.context import Context

__all__ = ["Socket", "SyncSocket"]

_addresses: Final[weakref.WeakValueDictionary[int, aiomq.Socket]] = weakref.WeakValueDictionary()
"""What `underlying` of a socket stands for."""

S = TypeVar("S", bound="Socket[Any]")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Socket(BlockingMessages, Generic[T_co]):
    """Made by `Context.socket`, or of another socket that it then shares its connections with.

    If it or its context was made where no event loop runs, the socket lives in the I/O thread, and may be used from
    anywhere: its calls block as long as they have to, except in a running event loop without a limit to the time. Else
    it belongs to the event loop, and what cannot be done at once is refused with `BlockingCallError`.
    """

    copy_threshold: int = 65536
    context: Context

    _inner: aiomq.Socket
    _shadow: bool
    _monitor_socket: Any
    _served: bool

    def __init__(
        self,
        ctx_or_socket: Context | Socket[Any] | None = None,
        socket_type: int = 0,
        *,
        shadow: Socket[Any] | int = 0,
        copy_threshold: int | None = None,
    ) -> None:
        if isinstance(ctx_or_socket, Socket):
            shadow = ctx_or_socket
        if copy_threshold is not None:
            self.copy_threshold = copy_threshold
        self._monitor_socket = None
        self._shadow = bool(shadow)
        if shadow:
            self._inner = _inner_of(shadow)
            if isinstance(shadow, Socket):
                self.context = shadow.context
        elif ctx_or_socket is None or isinstance(ctx_or_socket, Socket):
            raise TypeError("a socket is made by a context: context.socket(zmq.REQ)")
        else:
            self._inner = ctx_or_socket._inner.socket(socket_type)
            self.context = ctx_or_socket
            ctx_or_socket._add_socket(self)
            if self._blocks and (ctx_or_socket._served or not loop_runs()):
                settle(self._inner)
        self._take(self._inner)

    def _take(self, inner: aiomq.Socket) -> None:
        """Stand for this socket from now on."""
        self._inner = inner
        self._served = is_served(inner)
        _addresses[id(inner)] = inner

    _blocks: ClassVar[bool] = True
    """Whether calls give results, and not futures of them."""

    @property
    def _home(self) -> IoThread | None:
        return io_thread() if self._served else None

    def _do(self, function: Callable[[], T]) -> T:
        """Return what a function that does not wait returns where the socket lives."""
        return io_thread().do(function) if self._served else function()

    def _expect_poller(self) -> None:
        """Be ready for a plain Poller: a plain socket always is."""

    def _ready(self, events: int) -> int:
        """Return what of some events the socket is ready for now."""
        inner = self._inner
        return self._do(lambda: ready_now(inner, events))

    @classmethod
    def shadow(cls, address: int | Socket[Any]) -> Self:
        """Return another object for the same socket.

        Args:
            address: that socket, or its `underlying`.

        Raises:
            ZMQError: EINVAL for an address that is none of a socket made here.
        """
        return cls(shadow=address)

    @property
    def underlying(self) -> int:
        """A number that stands for this socket in this process; see `shadow`."""
        return id(self._inner)

    def __copy__(self, memo: Any = None) -> Self:
        return type(self).shadow(self)

    __deepcopy__ = __copy__

    # -- endpoints ---------------------------------------------------------------------------------------------------

    def bind(self, addr: str | bytes) -> _SocketContext[Self]:
        """Bind to an address; the result unbinds at the end of a `with` block, and gives the socket in it."""
        bound = self._do(lambda: self._inner.bind(addr))
        return _SocketContext(self, "bind", bound.addr)

    def connect(self, addr: str | bytes) -> _SocketContext[Self]:
        """Connect to an address; the result disconnects at the end of a `with` block, and gives the socket in it."""
        connected = self._do(lambda: self._inner.connect(addr))
        return _SocketContext(self, "connect", connected.addr)

    def unbind(self, addr: str | bytes) -> None:
        """Take back a bind."""
        self._do(lambda: self._inner.unbind(addr))

    def disconnect(self, addr: str | bytes) -> None:
        """Take back a connect."""
        self._do(lambda: self._inner.disconnect(addr))

    def bind_to_random_port(
        self, addr: str | bytes, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100
    ) -> int:
        """Bind to a free port of an address without one, and return the port."""
        return self._do(lambda: self._inner.bind_to_random_port(addr, min_port, max_port, max_tries))

    def join(self, group: str) -> None:
        """Receive what is sent to a group, on a DISH socket."""
        self._do(lambda: self._inner.join(group))

    def leave(self, group: str) -> None:
        """Receive no more of what is sent to a group, on a DISH socket."""
        self._do(lambda: self._inner.leave(group))

    # -- options -----------------------------------------------------------------------------------------------------

    def set(self, option: int, optval: Any) -> None:
        """Set an option."""
        self._do(lambda: self._inner.set(option, optval))

    def get(self, option: int) -> Any:
        """Return the value of an option."""
        return self._do(lambda: self._inner.get(option))

    setsockopt = set
    getsockopt = get

    def __setattr__(self, key: str, value: Any) -> None:
        if key.lower() in ("subscribe", "unsubscribe") and key not in self.__dict__:  # methods, and options too
            getattr(self, key.lower())(value)
        else:
            super().__setattr__(key, value)

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        """Set an option to a text, encoded."""
        self._do(lambda: self._inner.set_string(option, optval, encoding))

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        """Return the value of an option that is a text."""
        return self._do(lambda: self._inner.get_string(option, encoding))

    setsockopt_string = setsockopt_unicode = set_string
    getsockopt_string = getsockopt_unicode = get_string

    def subscribe(self, topic: str | bytes) -> None:
        """Receive the messages whose first frame begins with `topic`."""
        self._do(lambda: self._inner.subscribe(topic))

    def unsubscribe(self, topic: str | bytes) -> None:
        """Take back one `subscribe` of the same topic."""
        self._do(lambda: self._inner.unsubscribe(topic))

    def get_hwm(self) -> int:
        """Return the mark for sending."""
        hwm: int = self._inner.get(constants.SNDHWM)
        return hwm

    def set_hwm(self, value: int) -> None:
        """Set the marks for sending and receiving."""
        self.set(constants.SNDHWM, value)
        self.set(constants.RCVHWM, value)

    hwm = property(get_hwm, set_hwm)

    @property
    def type(self) -> SocketType:
        """The type the socket was made with."""
        return self._inner.socket_type

    @property
    def socket_type(self) -> SocketType:
        """The same, under a name that pyzmq deprecates."""
        warnings.warn("Socket.socket_type is deprecated, use Socket.type", DeprecationWarning, stacklevel=2)
        return self._inner.socket_type

    def fileno(self) -> int:
        """Return the descriptor of the socket (ZMQ_FD).

        Raises:
            ZMQError: as for `get(zmq.FD)`, where the socket has none.
        """
        number: int = self.get(constants.FD)
        return number

    def __dir__(self) -> list[str]:
        return [*dir(type(self)), *SocketOption.__members__]

    # -- what goes on ------------------------------------------------------------------------------------------------

    def monitor(self, addr: str | None, events: int = int(constants.EVENT_ALL)) -> None:
        """Send what happens to this socket's connections to an inproc address; None for an address ends that."""
        self._do(lambda: self._inner.monitor(addr, None if addr is None else events))

    def get_monitor_socket(self, events: int | None = None, addr: str | None = None) -> Self:
        """Return a PAIR socket that receives the events; see `zmq.utils.monitor.recv_monitor_message`."""
        if self._monitor_socket is None or self._monitor_socket.closed:
            inner = self._do(lambda: self._inner.get_monitor_socket(events, addr))
            if self._served:
                settle(inner)
            reader = type(self)(shadow=Socket._of(inner, self.context))
            reader._shadow = False
            self.context._add_socket(reader)
            self._monitor_socket = reader
        found: Self = self._monitor_socket
        return found

    def disable_monitor(self) -> None:
        """End what `monitor` or `get_monitor_socket` began."""
        self._monitor_socket = None
        self._do(self._inner.disable_monitor)

    @classmethod
    def _of(cls, inner: aiomq.Socket, context: Context) -> Socket[Any]:
        """Return a socket for one of aiomq's."""
        _addresses[id(inner)] = inner
        socket: Socket[Any] = Socket(shadow=id(inner))
        socket.context = context
        return socket

    # -- the end -----------------------------------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """Whether the socket was closed."""
        return self._inner.closed

    def close(self, linger: int | None = None) -> None:
        """Close the socket. What is queued leaves in the background, as LINGER (or `linger`, in ms) allows."""
        context = self.__dict__.get("context")
        if context is not None:
            context._rm_socket(self)
        self._do(lambda: self._inner.close(linger))

    def poll(self, timeout: float | None = None, flags: int = constants.POLLIN) -> Any:
        """Return what the socket is ready for; wait for it where that is possible, see `zmq.Poller`.

        Args:
            timeout: milliseconds; None or negative for no limit.
            flags: POLLIN, POLLOUT or both.

        Raises:
            BlockingCallError: it is ready for nothing, and belongs to an event loop, or one runs in this thread and
                there is no limit.
        """
        ready = self._ready(flags)
        if ready or timeout == 0:
            return ready
        home = self._home
        if home is None:
            raise BlockingCallError("Socket.poll()", "use zmq.asyncio.Context and `await socket.poll(...)`")
        if timeout is None or timeout < 0:
            refuse_in_loop("Socket.poll()", "`await socket.poll()` of zmq.asyncio, or a timeout")
        found = home.poll([(self._inner, PollEvent(flags))], timeout, self._waiter())
        return int(found[0][1]) if found else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        module = type(self).__module__.removesuffix(".sugar.socket").removesuffix(".core")
        return f"<{module}.{type(self).__name__}(zmq.{self.type.name}){' closed' if self.closed else ''}>"


class _SocketContext(Generic[S]):
    """What `bind` and `connect` return."""

    def __init__(self, socket: S, kind: str, addr: str) -> None:
        self.socket = socket
        self.kind = kind
        self.addr = addr

    def __enter__(self) -> S:
        return self.socket

    def __exit__(self, *exc_info: object) -> None:
        if not self.socket.closed:
            end: Callable[[str], None] = self.socket.unbind if self.kind == "bind" else self.socket.disconnect
            end(self.addr)

    def __repr__(self) -> str:
        return f"<SocketContext({self.kind}={self.addr!r})>"


def _inner_of(shadow: Socket[Any] | int) -> aiomq.Socket:
    if isinstance(shadow, Socket):
        return shadow._inner
    found = _addresses.get(shadow)
    if found is None:
        raise ZMQError(errno.EINVAL, f"{shadow!r} is no socket of this process made by aiomq")
    return found


SyncSocket = Socket

"""What `zmq.Socket` and `zmq.asyncio.Socket` send and receive. They differ in what becomes of a call: see `_run`."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

import aiomq
from aiomq.compat.zmq.constants import PollEvent
from aiomq.compat.zmq.sugar.at_once import Started
from aiomq.compat.zmq.sugar.attrsettr import AttributeSetter
from aiomq.compat.zmq.sugar.waiters import ThreadWaiter, Waiter
from aiomq.compat.zmq.utils import jsonapi

__all__ = ["DEFAULT_PROTOCOL", "Load", "Messages", "Operation"]

DEFAULT_PROTOCOL: Final = pickle.DEFAULT_PROTOCOL

Operation = Callable[[int], Started]
Load = Callable[[Any], Any]


class Messages(AttributeSetter):
    """The verbs that move messages."""

    _inner: aiomq.Socket

    _waiter: ClassVar[type[Waiter]] = ThreadWaiter
    """How a call waits that may."""

    def _run(self, operation: Operation, name: str, flags: int, event: PollEvent, load: Load | None = None) -> Any:
        """Send or receive: at once if that is possible, else by waiting, where the thread may wait.

        Args:
            operation: makes the coroutine, of the flags it is to have.
            name: of the method, for an error.
            flags: that the method was called with.
            event: what the socket must be ready for.
            load: what is to be done to the result.
        """
        raise NotImplementedError

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(
        self,
        data: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | None = None,
    ) -> Any:
        """Send one frame; see `aiomq.Socket.send`."""
        return self._run(
            lambda flags: self._inner.send(data, flags, copy, track, routing_id=routing_id, group=group),
            "send",
            flags,
            PollEvent.POLLOUT,
        )

    def send_multipart(
        self, msg_parts: Sequence[Any], flags: int = 0, copy: bool = True, track: bool = False, **kwargs: Any
    ) -> Any:
        """Send a message of several frames; see `aiomq.Socket.send_multipart`."""
        parts = tuple(msg_parts)  # the caller may change his list before its turn comes
        if kwargs:
            (part,) = parts  # routing_id and group are for messages of one frame
            return self.send(part, flags, copy, track, **kwargs)
        return self._run(
            lambda flags: self._inner.send_multipart(parts, flags, copy, track),
            "send_multipart",
            flags,
            PollEvent.POLLOUT,
        )

    def send_string(self, u: str, flags: int = 0, copy: bool = True, encoding: str = "utf-8", **kwargs: Any) -> Any:
        """Send a text as one frame."""
        if not isinstance(u, str):
            raise TypeError(f"send_string takes a str, not {type(u).__name__}: use send for bytes")
        return self.send(u.encode(encoding), flags=flags, copy=copy, **kwargs)

    send_unicode = send_string

    def send_pyobj(self, obj: object, flags: int = 0, protocol: int = DEFAULT_PROTOCOL, **kwargs: Any) -> Any:
        """Send a pickled object as one frame."""
        return self.send(pickle.dumps(obj, protocol), flags=flags, **kwargs)

    def send_json(self, obj: object, flags: int = 0, **kwargs: Any) -> Any:
        """Send an object as one frame of JSON; `kwargs` go to `json.dumps`."""
        address = {name: kwargs.pop(name) for name in ("routing_id", "group") if name in kwargs}
        return self.send(jsonapi.dumps(obj, **kwargs), flags=flags, **address)

    def send_serialized(
        self, msg: Any, serialize: Callable[[Any], Sequence[Any]], flags: int = 0, copy: bool = True, **kwargs: Any
    ) -> Any:
        """Send the frames that `serialize` makes of an object."""
        return self.send_multipart(serialize(msg), flags=flags, copy=copy, **kwargs)

    # -- receiving ---------------------------------------------------------------------------------------------------

    def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        """Receive one frame; see `aiomq.Socket.recv`."""
        return self._run(lambda flags: self._inner.recv(flags, copy, track), "recv", flags, PollEvent.POLLIN)

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        """Receive a whole message; see `aiomq.Socket.recv_multipart`."""
        return self._run(
            lambda flags: self._inner.recv_multipart(flags, copy, track), "recv_multipart", flags, PollEvent.POLLIN
        )

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
        """Receive one frame into a buffer; see `aiomq.Socket.recv_into`."""
        return self._run(
            lambda flags: self._inner.recv_into(buffer, nbytes=nbytes, flags=flags),
            "recv_into",
            flags,
            PollEvent.POLLIN,
        )

    def _recv_as(self, load: Load, name: str, flags: int) -> Any:
        return self._run(self._inner.recv, name, flags, PollEvent.POLLIN, load)

    def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> Any:
        """Receive one frame as text."""
        return self._recv_as(lambda frame: frame.decode(encoding), "recv_string", flags)

    recv_unicode = recv_string

    def recv_pyobj(self, flags: int = 0) -> Any:
        """Receive a pickled object. Whoever can send to this socket can run code in this process by it."""
        return self._recv_as(pickle.loads, "recv_pyobj", flags)

    def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive one frame of JSON; `kwargs` go to `json.loads`."""
        return self._recv_as(lambda frame: jsonapi.loads(frame, **kwargs), "recv_json", flags)

    def recv_serialized(self, deserialize: Callable[[list[Any]], Any], flags: int = 0, copy: bool = True) -> Any:
        """Receive a message and return what `deserialize` makes of its frames."""
        return self._run(
            lambda flags: self._inner.recv_multipart(flags, copy),
            "recv_serialized",
            flags,
            PollEvent.POLLIN,
            deserialize,
        )

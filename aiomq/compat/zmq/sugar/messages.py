"""What `zmq.Socket` and `zmq.asyncio.Socket` send and receive. They differ in what becomes of a call: see `_run`."""

from __future__ import annotations

import errno
import pickle
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

import aiomq
from aiomq.compat.zmq.constants import POLLIN, Flag, PollEvent
from aiomq.compat.zmq.error import BlockingCallError
from aiomq.compat.zmq.sugar.attrsettr import AttributeSetter
from aiomq.compat.zmq.utils import jsonapi

__all__ = ["DEFAULT_PROTOCOL", "Messages", "Started"]

DEFAULT_PROTOCOL: Final = pickle.DEFAULT_PROTOCOL

Started = Coroutine[Any, Any, Any]


class Messages(AttributeSetter):
    """The verbs that move messages."""

    _inner: aiomq.Socket

    def _run(self, operation: Callable[[], Started], name: str, *, waits: bool = True) -> Any:
        """Do something without blocking; with `waits`, it is refused where it could take longer.

        A coroutine with DONTWAIT, or a timeout of 0, suspends at most once: to let the event loop have its turn.
        """
        if self._inner.closed:
            raise aiomq.ZMQError(errno.ENOTSOCK, "this socket is closed")
        if waits:
            raise BlockingCallError(
                f"Socket.{name}()", f"use zmq.asyncio.Context and `await socket.{name}(...)`, or pass zmq.NOBLOCK"
            )
        for _ in range(_MOST_TURNS):
            coroutine = operation()
            try:
                coroutine.send(None)
            except StopIteration as result:
                return result.value
            coroutine.close()
        raise aiomq.Again(f"Socket.{name}() needs a turn of the event loop first")

    def _move(self, operation: Callable[[], Started], name: str, flags: int) -> Any:
        return self._run(operation, name, waits=not flags & Flag.DONTWAIT)

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
        return self._move(
            lambda: self._inner.send(data, flags, copy, track, routing_id=routing_id, group=group), "send", flags
        )

    def send_multipart(
        self, msg_parts: Sequence[Any], flags: int = 0, copy: bool = True, track: bool = False, **kwargs: Any
    ) -> Any:
        """Send a message of several frames; see `aiomq.Socket.send_multipart`."""
        parts = tuple(msg_parts)  # the caller may change his list before its turn comes
        if kwargs:
            (part,) = parts  # routing_id and group are for messages of one frame
            return self.send(part, flags, copy, track, **kwargs)
        return self._move(lambda: self._inner.send_multipart(parts, flags, copy, track), "send_multipart", flags)

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
        return self._move(lambda: self._inner.recv(flags, copy, track), "recv", flags)

    def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> Any:
        """Receive a whole message; see `aiomq.Socket.recv_multipart`."""
        return self._move(lambda: self._inner.recv_multipart(flags, copy, track), "recv_multipart", flags)

    def recv_into(self, buffer: Any, /, *, nbytes: int = 0, flags: int = 0) -> Any:
        """Receive one frame into a buffer; see `aiomq.Socket.recv_into`."""
        return self._move(lambda: self._inner.recv_into(buffer, nbytes=nbytes, flags=flags), "recv_into", flags)

    def _recv_as(self, load: Callable[[bytes], Any], name: str, flags: int) -> Any:
        return self._move(lambda: _loaded(self._inner.recv(flags), load), name, flags)

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
        return self._move(
            lambda: _loaded(self._inner.recv_multipart(flags, copy), deserialize), "recv_serialized", flags
        )

    def poll(self, timeout: float | None = None, flags: int = POLLIN) -> Any:
        """Return what the socket is ready for now.

        Args:
            timeout: milliseconds; other than 0 is for sockets of zmq.asyncio.
            flags: POLLIN, POLLOUT or both.

        Raises:
            BlockingCallError: `timeout` is not 0.
        """
        if timeout != 0:
            raise BlockingCallError("Socket.poll()", "use zmq.asyncio.Context and `await socket.poll(...)`")
        self._inner.gates(PollEvent(flags))  # raises if it is closed, or of another event loop
        return int(self._inner.ready_events()) & flags


_MOST_TURNS: Final = 8
"""Suspensions of a call that does not wait: for turns of the event loop."""


async def _loaded(received: Awaitable[Any], load: Callable[[Any], Any]) -> Any:
    return load(await received)

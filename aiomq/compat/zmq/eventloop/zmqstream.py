"""`zmq.eventloop.zmqstream`: callbacks for what a socket sends and receives, in tornado's loop."""

from __future__ import annotations

import asyncio
import pickle
import warnings
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from tornado.ioloop import IOLoop
from tornado.log import gen_log

from aiomq.compat.zmq.asyncio import Socket as _AsyncSocket
from aiomq.compat.zmq.constants import NOBLOCK, POLLIN, POLLOUT
from aiomq.compat.zmq.error import Again, ZMQError
from aiomq.compat.zmq.eventloop.watch import Watch
from aiomq.compat.zmq.sugar.socket import Socket
from aiomq.compat.zmq.utils import jsonapi

__all__ = ["ZMQStream"]

_BURST: Final = 16
"""Messages each way before the rest of the loop gets a turn."""


class ZMQStream:
    """Calls back with each message that a socket receives, and after each that it sends.

    Sends are queued, and never block. A callback may be a coroutine function: its coroutine runs as a task.

    Args:
        socket: a plain socket; of one of zmq.asyncio the plain shadow is used.
        io_loop: the loop that calls back; None is the current one.
    """

    socket: Any
    io_loop: IOLoop

    def __init__(self, socket: Any, io_loop: IOLoop | None = None) -> None:
        if isinstance(socket, _AsyncSocket):
            warnings.warn(
                "a ZMQStream is for a plain socket: make it with socket_class=zmq.Socket, or shadow it",
                RuntimeWarning,
                stacklevel=2,
            )
            socket = Socket(shadow=socket)
        self.socket = socket
        self.io_loop = io_loop or IOLoop.current()
        self._send_queue: deque[tuple[Any, dict[str, Any]]] = deque()
        self._recv_callback: Callable[..., Any] | None = None
        self._recv_copy = True
        self._send_callback: Callable[..., Any] | None = None
        self._close_callback: Callable[[], Any] | None = None
        self._watch = Watch(socket, self.io_loop, self._told)
        self._claim()
        for name in _OF_THE_SOCKET:
            setattr(self, name, getattr(socket, name))

    def _claim(self) -> None:
        """Keep a socket that no loop has used yet for the loop of this stream."""
        context = self.socket.__dict__.get("context")
        if context is not None:
            context._unstarted.pop(self.socket, None)

    # -- callbacks ---------------------------------------------------------------------------------------------------

    def on_recv(self, callback: Callable[[list[Any]], Any] | None, copy: bool = True) -> None:
        """Call back with the frames of each message: bytes, or with `copy=False` Frames. None ends that."""
        self._check_closed()
        self._recv_callback = callback
        self._recv_copy = copy
        self._rebuild_io_state()

    def on_recv_stream(self, callback: Callable[[ZMQStream, list[Any]], Any] | None, copy: bool = True) -> None:
        """Call back with this stream, and the frames of each message."""
        self.on_recv(None if callback is None else lambda msg: callback(self, msg), copy)

    def on_send(self, callback: Callable[[list[Any], Any], Any] | None) -> None:
        """Call back with the frames of each message that was sent, and its tracker or the error. None ends that."""
        self._check_closed()
        self._send_callback = callback

    def on_send_stream(self, callback: Callable[[ZMQStream, list[Any], Any], Any] | None) -> None:
        """Call back with this stream, and what `on_send` gives."""
        self.on_send(None if callback is None else lambda msg, status: callback(self, msg, status))

    def stop_on_recv(self) -> None:
        """Receive no more."""
        self.on_recv(None)

    def stop_on_send(self) -> None:
        """Call back no more after what is sent."""
        self.on_send(None)

    def on_err(self, callback: Callable[[], Any]) -> None:
        """Do nothing but say so, as in pyzmq, which deprecates it: sockets have no such event."""
        gen_log.warning("on_err does nothing: sockets have no errors to poll for")

    def stop_on_err(self) -> None:
        """Do the same as `on_err`."""
        gen_log.warning("stop_on_err does nothing: sockets have no errors to poll for")

    # -- sending -----------------------------------------------------------------------------------------------------

    def send(
        self,
        msg: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[[list[Any], Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a message of one frame."""
        self.send_multipart([msg], flags, copy, track, callback, **kwargs)

    def send_multipart(
        self,
        msg: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[[list[Any], Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a message; with `callback`, as by `on_send` from now on."""
        self._check_closed()
        self._send_queue.append((msg, {**kwargs, "flags": flags, "copy": copy, "track": track}))
        if callback is not None:
            self.on_send(callback)
        self._rebuild_io_state()

    def send_string(
        self,
        u: str,
        flags: int = 0,
        encoding: str = "utf-8",
        callback: Callable[[list[Any], Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a text."""
        if not isinstance(u, str):
            raise TypeError(f"send_string takes a str, not {type(u).__name__}: use send for bytes")
        self.send(u.encode(encoding), flags, callback=callback, **kwargs)

    send_unicode = send_string

    def send_json(
        self, obj: Any, flags: int = 0, callback: Callable[[list[Any], Any], Any] | None = None, **kwargs: Any
    ) -> None:
        """Queue an object as JSON."""
        self.send(jsonapi.dumps(obj), flags, callback=callback, **kwargs)

    def send_pyobj(
        self,
        obj: Any,
        flags: int = 0,
        protocol: int = -1,
        callback: Callable[[list[Any], Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a pickled object."""
        self.send(pickle.dumps(obj, protocol), flags, callback=callback, **kwargs)

    # -- state -------------------------------------------------------------------------------------------------------

    def receiving(self) -> bool:
        """Return whether there is a callback for what is received."""
        return self._recv_callback is not None

    def sending(self) -> bool:
        """Return whether messages are queued here."""
        return bool(self._send_queue)

    def closed(self) -> bool:
        """Return whether the stream is closed; it closes itself if its socket is."""
        if self.socket is None:
            return True
        if self.socket.closed:
            self.close()
            return True
        return False

    def set_close_callback(self, callback: Callable[[], Any] | None) -> None:
        """Call back when the stream is closed."""
        self._close_callback = callback

    def close(self, linger: int | None = None) -> None:
        """Close the stream and its socket; what is queued here is dropped."""
        if self.socket is None:
            return
        self._watch.set(0)
        if not self.socket.closed:
            self.socket.close(linger)
        self.socket = None
        if self._close_callback is not None:
            self._run_callback(self._close_callback)

    def flush(self, flag: int = POLLIN | POLLOUT, limit: int | None = None) -> int:
        """Send what is queued, and receive what is there, as far as that needs no waiting.

        What is received without a callback is dropped.

        Args:
            flag: POLLIN, POLLOUT or both: what to do.
            limit: messages, both ways together.

        Returns:
            The number of messages.
        """
        self._check_closed()
        count = 0
        moved = True
        while moved and self.socket is not None and (not limit or count < limit):
            moved = bool(flag & POLLIN) and self._handle_recv()
            count += moved
            if flag & POLLOUT and self.sending() and not self._is_over() and (not limit or count < limit):
                sent = self._handle_send()
                moved = moved or sent
                count += sent
        self._rebuild_io_state()
        return count

    # -- what happens ------------------------------------------------------------------------------------------------

    def _told(self) -> None:
        if self.closed():
            return
        try:
            for _ in range(_BURST):
                moved = self.receiving() and self._handle_recv()
                if not self._is_over() and self.sending():
                    moved = self._handle_send() or moved
                if not moved or self._is_over():
                    break
        except ZMQError as error:
            if not self.closed():
                gen_log.error("Error in %r: %s", self, error)
                raise
        finally:
            self._rebuild_io_state()

    def _handle_recv(self) -> bool:
        """Receive a message and call back; return whether there was one."""
        try:
            msg = self.socket.recv_multipart(NOBLOCK, copy=self._recv_copy)
        except Again:
            return False
        if self._recv_callback is not None:
            self._run_callback(self._recv_callback, msg)
        return True

    def _handle_send(self) -> bool:
        """Send the first message of the queue and call back; return whether there was room."""
        msg, options = self._send_queue[0]
        try:
            status = self.socket.send_multipart(msg, **{**options, "flags": options["flags"] | NOBLOCK})
        except Again as error:
            if options["flags"] & NOBLOCK == 0:
                return False
            status = error
        except ZMQError as error:
            gen_log.error("SEND Error: %s", error)
            status = error
        self._send_queue.popleft()
        if self._send_callback is not None:
            self._run_callback(self._send_callback, msg, status)
        return True

    def _run_callback(self, callback: Callable[..., Any], *args: Any) -> None:
        try:
            result = callback(*args)
        except Exception:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=True)
            raise
        if isinstance(result, Awaitable):
            asyncio.ensure_future(result).add_done_callback(_log_error)

    def _rebuild_io_state(self) -> None:
        if self.socket is not None:
            self._watch.set((POLLIN if self.receiving() else 0) | (POLLOUT if self.sending() else 0))

    def _is_over(self) -> bool:
        return self.socket is None

    def _check_closed(self) -> None:
        if self.socket is None:
            raise OSError("this stream is closed")


_OF_THE_SOCKET: Final = (
    *("bind", "bind_to_random_port", "connect", "setsockopt", "getsockopt"),
    *("setsockopt_string", "getsockopt_string", "setsockopt_unicode", "getsockopt_unicode"),
)
"""Methods that a stream has from its socket."""


def _log_error(done: asyncio.Future[Any]) -> None:
    if not done.cancelled() and done.exception() is not None:
        gen_log.error("Uncaught exception in ZMQStream callback", exc_info=done.exception())

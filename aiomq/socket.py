"""The socket that a user holds: messages out, messages in.

The verbs are pyzmq's. What sends or receives is a coroutine; what binds, connects or sets is an ordinary call that has
taken effect when it returns.
"""

from __future__ import annotations

import contextlib
import errno
import json
from _thread import get_ident
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

from aiomq.constants import Flag, PollEvent
from aiomq.errors import Again, ContextTerminated, ZMQError
from aiomq.message import FrameLike, Frames, Message, MessageLike, as_frame, as_frames, as_message, message_of
from aiomq.poller import wait_ready
from aiomq.socket_base import SocketBase

__all__ = ["FrameLike", "MessageLike", "Socket"]

T = TypeVar("T")

_DONTWAIT: Final = int(Flag.DONTWAIT)
_SNDMORE: Final = int(Flag.SNDMORE)

_SMALL: Final = 4096
"""Up to this size a frame goes the short way: a full budget of them is a bounded pile until the turn's flush."""

_BYTES_PER_OPERATION: Final = 8192
"""A large message costs as much of the budget as this many bytes go into it."""


class Socket(SocketBase):
    """A ZeroMQ socket for asyncio. Made by `Context.socket`.

    A socket belongs to the event loop that it is first used in. Any number of tasks of that loop may use it at the
    same time; those that wait for the same thing are served in the order they came.
    """

    __slots__ = ()

    # -- sending -----------------------------------------------------------------------------------------------------

    async def send(self, data: FrameLike, flags: int = 0) -> None:
        """Send one frame: a message, or with SNDMORE a part of one.

        It returns when the message is queued, not when it has arrived. Where the type waits (PUSH, REQ, DEALER, PAIR)
        and no peer has room, it waits for as long as SNDTIMEO allows.

        Args:
            data: the frame; anything but `bytes` is copied.
            flags: DONTWAIT, SNDMORE.

        Raises:
            Again: no room within SNDTIMEO, or at once with DONTWAIT.
            ZMQError: ENOTSUP if the type cannot send, EFSM if it is not its turn, EHOSTUNREACH if a ROUTER with
                ROUTER_MANDATORY does not know the peer, ENOTSOCK if the socket is closed.
            ContextTerminated: the context was terminated.
            TypeError: `data` is no bytes.

        Cancellation: the message is wholly queued or wholly not; while the call waits, it is not.
        """
        gate = self._send_gate
        if (
            gate.granted > 0
            and not flags
            and type(data) is bytes
            and len(data) <= _SMALL
            and get_ident() == self._send_thread
        ):
            gate.granted -= 1
            gate.operation(data)
            return
        if (
            gate.budget > 0
            and not flags
            and type(data) is bytes
            and len(data) <= _SMALL
            and get_ident() == self._send_thread
            and self._try_send(data)
        ):
            gate.budget -= 1
            return
        await self._send_frames((as_frame(data),), flags)

    async def send_multipart(self, msg_parts: Sequence[FrameLike], flags: int = 0) -> None:
        """Send a message of one frame or more, whole or not at all.

        Args:
            msg_parts: the frames, at least one.
            flags: DONTWAIT; SNDMORE if further frames follow in another call.

        Raises and cancellation: as `send`.
        """
        await self._send_frames(as_frames(msg_parts), flags)

    async def _send_frames(self, frames: Frames, flags: int) -> None:
        core = self._core
        core.enter()
        if flags & ~(_DONTWAIT | _SNDMORE):
            raise ZMQError(errno.EINVAL, f"send takes the flags DONTWAIT and SNDMORE, not {flags}")
        if flags & _SNDMORE:
            self._send_gate.revoke()
            self._parts_out.extend(frames)
            self._send_thread = None  # the next frame belongs to this message: it cannot go the short way
            return
        if self._parts_out:
            await self._send_with_parts(frames, flags)
        else:
            await self._send_message(message_of(frames), flags)
        if self._send_thread is None and not self._parts_out:
            self._send_thread = core.thread

    async def _send_with_parts(self, frames: Frames, flags: int) -> None:
        """Send the message that these frames end. If that fails, its parts stay, for them to be sent again."""
        parts = tuple(self._parts_out)
        self._parts_out.clear()  # what other tasks send while this one waits is no part of this message
        try:
            await self._send_message((*parts, *frames), flags)
        except BaseException:
            self._parts_out[:0] = parts
            self._send_thread = None
            raise

    async def _send_message(self, message: Message, flags: int) -> None:
        """Send a whole message by the long way: turns, timeouts, waiting."""
        core = self._core
        gate = self._send_gate
        gate.revoke()
        timeout = 0 if flags & _DONTWAIT else core.options.sndtimeo
        if gate.budget <= 0 and (timeout == 0 or not gate.waiters):
            await gate.take_turn()
            core.check_open()
        if not gate.waiters and self._try_send(message):
            self._charge(message)
            return
        if timeout == 0:
            gate.budget -= 1
            raise Again(self._no_room)
        await gate.wait_for(lambda: self._try_send(message) or None, core.loop, timeout, self._no_room)
        self._charge(message)

    def _charge(self, message: Message) -> None:
        """Count a message against the budget, and let a large one leave now rather than at the end of the turn."""
        size = len(message) if type(message) is bytes else sum(map(len, message))  # type: ignore[arg-type]  # not bytes: a tuple
        gate = self._send_gate
        if size > _SMALL:
            self._core.flusher.flush()
            gate.budget -= size // _BYTES_PER_OPERATION
        gate.budget -= 1

    def send_nowait(self, data: FrameLike, flags: int = 0) -> None:
        """Send one frame if there is room now. An ordinary call; see `send` for what is raised.

        Raises:
            Again: there is no room.
        """
        self.send_multipart_nowait((data,), flags)

    def send_multipart_nowait(self, msg_parts: Sequence[FrameLike], flags: int = 0) -> None:
        """Send a message of one frame or more if there is room now. An ordinary call.

        Raises:
            Again: there is no room; nothing of the message was sent.
        """
        frames = as_frames(msg_parts)
        core = self._core
        core.enter()
        self._send_gate.revoke()
        if flags & _SNDMORE:
            self._parts_out.extend(frames)
            self._send_thread = None
            return
        message = message_of((*self._parts_out, *frames))
        if not self._try_send(message):
            raise Again(self._no_room)
        self._charge(message)
        self._parts_out.clear()

    async def send_many(self, messages: Iterable[MessageLike]) -> None:
        """Send messages one after the other: the same as as many sends, in less time.

        Args:
            messages: each a frame, or a sequence of frames.

        Raises:
            Again: SNDTIMEO went by with a message waiting. Those before it are sent, it and the rest are not.
            ZMQError: EINVAL if a message was begun with SNDMORE and not ended: the first of these would be its end.
            Otherwise as `send`.

        Cancellation: each message is wholly queued or wholly not, in order: some first ones are, the rest are not.
        """
        core = self._core
        core.enter()
        if self._parts_out:
            raise ZMQError(errno.EINVAL, "a message was begun with SNDMORE: send its last frame before send_many")
        gate = self._send_gate
        try_send = self._try_send
        for each in messages:
            message: Message = each if type(each) is bytes else as_message(each)
            if gate.granted > 0 and type(message) is bytes and len(message) <= _SMALL:
                gate.granted -= 1
                gate.operation(message)
            elif gate.budget > 0 and type(message) is bytes and len(message) <= _SMALL and try_send(message):
                gate.budget -= 1
            else:
                await self._send_message(message, 0)

    # -- receiving ---------------------------------------------------------------------------------------------------

    async def recv(self, flags: int = 0) -> bytes:
        """Receive one frame. `rcvmore` tells whether further frames of the same message follow.

        Args:
            flags: DONTWAIT.

        Raises:
            Again: no message within RCVTIMEO, or at once with DONTWAIT.
            ZMQError: ENOTSUP if the type cannot receive, EFSM if it is not its turn, ENOTSOCK if the socket is closed.
            ContextTerminated: the context was terminated.

        Cancellation: no message is lost: it is taken from its queue only when this call returns it.
        """
        gate = self._recv_gate
        if gate.granted > 0 and not flags and get_ident() == self._recv_thread:
            gate.granted -= 1
            message = gate.operation()
            return message if type(message) is bytes else self._first_of(message)
        if gate.budget > 0 and not flags and get_ident() == self._recv_thread:
            message = self._try_recv()
            if message is not None:
                gate.budget -= 1
                return message if type(message) is bytes else self._first_of(message)  # type: ignore[arg-type]  # not bytes: a tuple
        if self._parts_in:
            return self._next_part()
        message = await self._recv_message(flags)
        if type(message) is bytes:
            if self._recv_thread is None:
                self._recv_thread = self._core.thread
            return message
        return self._first_of(message)  # type: ignore[arg-type]  # not bytes: a tuple

    async def recv_multipart(self, flags: int = 0) -> list[bytes]:
        """Receive a whole message as the list of its frames (what is left of it, if `recv` took some).

        Raises and cancellation: as `recv`.
        """
        gate = self._recv_gate
        if gate.granted > 0 and not flags and get_ident() == self._recv_thread:
            gate.granted -= 1
            message = gate.operation()
            return [message] if type(message) is bytes else list(message)
        if gate.budget > 0 and not flags and get_ident() == self._recv_thread:
            message = self._try_recv()
            if message is not None:
                gate.budget -= 1
                return [message] if type(message) is bytes else list(message)  # type: ignore[arg-type]  # not bytes: a tuple
        if self._parts_in:
            return self._rest_of_parts()
        message = await self._recv_message(flags)
        if self._recv_thread is None:
            self._recv_thread = self._core.thread
        return [message] if type(message) is bytes else list(message)  # type: ignore[arg-type]  # not bytes: a tuple

    async def _recv_message(self, flags: int) -> Message:
        """Receive a whole message by the long way: turns, timeouts, waiting."""
        core = self._core
        core.enter()
        if flags & ~_DONTWAIT:
            raise ZMQError(errno.EINVAL, f"recv takes the flag DONTWAIT, not {flags}")
        gate = self._recv_gate
        gate.revoke()
        timeout = 0 if flags & _DONTWAIT else core.options.rcvtimeo
        if gate.budget <= 0 and (timeout == 0 or not gate.waiters):
            await gate.take_turn()
            core.check_open()
            if gate.granted > 0:  # by the new turn: a message taken past the grant would be counted twice
                gate.granted -= 1
                return gate.operation()  # type: ignore[no-any-return]  # the inbox's popleft
        if not gate.waiters:
            message = self._try_recv()
            if message is not None:
                gate.budget -= 1
                return message
        if timeout == 0:
            gate.budget -= 1
            raise Again(self._no_message)
        return await gate.wait_for(self._try_recv, core.loop, timeout, self._no_message)

    def _first_of(self, message: Frames) -> bytes:
        self._recv_gate.revoke()
        self._parts_in.extend(message)
        self._recv_thread = None  # the next frame is there already: it must not come from a queue
        return self._parts_in.popleft()

    def _next_part(self) -> bytes:
        self._core.enter()
        part = self._parts_in.popleft()
        if not self._parts_in:
            self._recv_thread = self._core.thread
        return part

    def _rest_of_parts(self) -> list[bytes]:
        self._core.enter()
        parts = list(self._parts_in)
        self._parts_in.clear()
        self._recv_thread = self._core.thread
        return parts

    def recv_nowait(self) -> bytes:
        """Receive one frame if there is one now. An ordinary call; see `recv` for what is raised.

        Raises:
            Again: there is no message.
        """
        if self._parts_in:
            return self._next_part()
        message = self._recv_message_nowait()
        return message if type(message) is bytes else self._first_of(message)  # type: ignore[arg-type]  # not bytes: a tuple

    def recv_multipart_nowait(self) -> list[bytes]:
        """Receive a whole message if there is one now. An ordinary call.

        Raises:
            Again: there is no message.
        """
        if self._parts_in:
            return self._rest_of_parts()
        message = self._recv_message_nowait()
        return [message] if type(message) is bytes else list(message)  # type: ignore[arg-type]  # not bytes: a tuple

    def _recv_message_nowait(self) -> Message:
        self._core.enter()
        self._recv_gate.revoke()
        message = self._try_recv()
        if message is None:
            raise Again(self._no_message)
        return message

    async def recv_many(self, max_messages: int = 1000) -> list[list[bytes]]:
        """Wait for a message, and take with it what else is there.

        Args:
            max_messages: how many at most, 1 or more.

        Returns:
            One message or more, each a list of frames.

        Raises and cancellation: as `recv`.
        """
        if max_messages < 1:
            raise ZMQError(errno.EINVAL, f"max_messages must be 1 or more, not {max_messages}")
        messages = [await self.recv_multipart()]
        try_recv = self._try_recv
        gate = self._recv_gate
        gate.revoke()
        if not gate.waiters:
            with contextlib.suppress(ZMQError):  # EFSM: a REQ or REP receives one message at a time
                while len(messages) < max_messages:
                    message = try_recv()
                    if message is None:
                        break
                    messages.append([message] if type(message) is bytes else list(message))  # type: ignore[arg-type]  # not bytes: a tuple
            gate.budget -= len(messages) // 16
        return messages

    def __aiter__(self) -> Socket:
        """Receive message after message, each a list of frames, until the socket is closed."""
        return self

    async def __anext__(self) -> list[bytes]:
        """Receive a whole message; a closed socket and a terminated context end the iteration."""
        try:
            return await self.recv_multipart()
        except ContextTerminated:
            raise StopAsyncIteration from None
        except ZMQError as error:
            if error.errno == errno.ENOTSOCK:
                raise StopAsyncIteration from None
            raise

    # -- texts and objects -------------------------------------------------------------------------------------------

    async def send_string(self, u: str, flags: int = 0, encoding: str = "utf-8") -> None:
        """Send a text as one frame. Raises and cancellation: as `send`."""
        if not isinstance(u, str):
            raise TypeError(f"send_string takes a str, not {type(u).__name__}: use send for bytes")
        await self.send(u.encode(encoding), flags)

    async def recv_string(self, flags: int = 0, encoding: str = "utf-8") -> str:
        """Receive one frame as text.

        Raises:
            UnicodeDecodeError: it is no text in this encoding; the frame is used up.
            Otherwise as `recv`. Cancellation: as `recv`.
        """
        return (await self.recv(flags)).decode(encoding)

    async def send_json(self, obj: object, flags: int = 0, **kwargs: Any) -> None:
        """Send an object as one frame of JSON; `kwargs` go to `json.dumps`. Raises and cancellation: as `send`."""
        kwargs.setdefault("separators", (",", ":"))
        await self.send(json.dumps(obj, **kwargs).encode(), flags)

    async def recv_json(self, flags: int = 0, **kwargs: Any) -> Any:
        """Receive one frame of JSON; `kwargs` go to `json.loads`.

        Raises:
            ValueError: it is no JSON; the frame is used up.
            Otherwise as `recv`. Cancellation: as `recv`.
        """
        return json.loads(await self.recv(flags), **kwargs)

    async def send_serialized(self, msg: T, serialize: Callable[[T], Sequence[FrameLike]], flags: int = 0) -> None:
        """Send the frames that `serialize` makes of an object. Raises and cancellation: as `send`."""
        await self.send_multipart(serialize(msg), flags)

    async def recv_serialized(self, deserialize: Callable[[list[bytes]], T], flags: int = 0) -> T:
        """Receive a message and return what `deserialize` makes of its frames. Raises and cancellation: as `recv`."""
        return deserialize(await self.recv_multipart(flags))

    # -- readiness ---------------------------------------------------------------------------------------------------

    async def poll(self, timeout: float | None = None, flags: int = PollEvent.POLLIN) -> PollEvent:
        """Wait until the socket is ready, and take nothing from it.

        Args:
            timeout: milliseconds; None or negative waits for ever.
            flags: POLLIN, POLLOUT or both.

        Returns:
            What of it is true; 0 if the time was over first.

        Cancellation: nothing was taken, nothing is lost.
        """
        ready = await wait_ready([(self, PollEvent(flags))], timeout)
        return ready[0][1] if ready else PollEvent(0)

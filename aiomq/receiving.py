"""The half of a socket that receives.

`recv` and `recv_multipart` are short on purpose: what they do themselves, before they call for help, is what nearly
every message needs.
"""

from __future__ import annotations

import contextlib
import errno
from _thread import get_ident
from collections.abc import Sequence
from typing import Final, Literal, Self, overload

from aiomq.constants import Flag
from aiomq.errors import Again, ContextTerminated, ZMQError
from aiomq.frame import Frame
from aiomq.message import Frames, Message, frames_of, message_of
from aiomq.peer import NO_PROPERTIES
from aiomq.socket_base import SocketBase

__all__ = ["Receiving"]

_DONTWAIT: Final = int(Flag.DONTWAIT)


class Receiving(SocketBase):
    """The methods of `Socket` that receive."""

    __slots__ = ()

    @overload
    async def recv(self, flags: int = 0, copy: Literal[True] = True, track: bool = False) -> bytes: ...

    @overload
    async def recv(self, flags: int = 0, *, copy: Literal[False], track: bool = False) -> Frame: ...

    @overload
    async def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> bytes | Frame: ...

    async def recv(self, flags: int = 0, copy: bool = True, track: bool = False) -> bytes | Frame:
        """Receive one frame. `rcvmore` tells whether further frames of the same message follow.

        Args:
            flags: DONTWAIT.
            copy: True gives `bytes`, False a `Frame`, which knows where it came from.
            track: with `copy=False`, whether the frame has a tracker; it is done.

        Raises:
            Again: no message within RCVTIMEO, or at once with DONTWAIT.
            ZMQError: ENOTSUP if the type cannot receive, EFSM if it is not its turn, ENOTSOCK if the socket is closed.
            ContextTerminated: the context was terminated.

        Cancellation: no message is lost: it is taken from its queue only when this call returns it.
        """
        gate = self._recv_gate
        if gate.granted > 0 and not flags and copy and get_ident() == self._recv_thread:
            gate.granted -= 1
            message = gate.operation()
            return message if type(message) is bytes else self._first_of(message)
        if gate.budget > 0 and not flags and copy and get_ident() == self._recv_thread:
            message = self._try_recv()
            if message is not None:
                gate.budget -= 1
            elif self._core.options.rcvtimeo < 0 and self._core.loop.is_running():  # nothing more to be checked
                message = await gate.wait_for(self._take, self._core.loop, -1, self._no_message)
            if message is not None:
                return message if type(message) is bytes else self._first_of(message)
        if not copy:
            return (await self._recv_frames(flags, track, 1))[0]
        if self._parts_in:
            return self._next_part()
        message = await self._recv_message(flags)
        if type(message) is bytes:
            if self._recv_thread is None:
                self._recv_thread = self._core.thread
            return message
        return self._first_of(message)  # type: ignore[arg-type]  # not bytes: a tuple

    @overload
    async def recv_multipart(self, flags: int = 0, copy: Literal[True] = True, track: bool = False) -> list[bytes]: ...

    @overload
    async def recv_multipart(self, flags: int = 0, *, copy: Literal[False], track: bool = False) -> list[Frame]: ...

    @overload
    async def recv_multipart(
        self, flags: int = 0, copy: bool = True, track: bool = False
    ) -> list[bytes] | list[Frame]: ...

    async def recv_multipart(self, flags: int = 0, copy: bool = True, track: bool = False) -> list[bytes] | list[Frame]:
        """Receive a whole message as the list of its frames (what is left of it, if `recv` took some).

        Args:
            flags: DONTWAIT.
            copy: True gives `bytes`, False `Frame`s, as in `recv`.
            track: as in `recv`.

        Raises and cancellation: as `recv`.
        """
        gate = self._recv_gate
        if gate.granted > 0 and not flags and copy and get_ident() == self._recv_thread:
            gate.granted -= 1
            message = gate.operation()
            return [message] if type(message) is bytes else list(message)
        if gate.budget > 0 and not flags and copy and get_ident() == self._recv_thread:
            message = self._try_recv()
            if message is not None:
                gate.budget -= 1
            elif self._core.options.rcvtimeo < 0 and self._core.loop.is_running():  # as in `recv`
                message = await gate.wait_for(self._take, self._core.loop, -1, self._no_message)
            if message is not None:
                return [message] if type(message) is bytes else list(message)
        if not copy:
            return await self._recv_frames(flags, track)
        if self._parts_in:
            return self._rest_of_parts()
        message = await self._recv_message(flags)
        if self._recv_thread is None:
            self._recv_thread = self._core.thread
        return [message] if type(message) is bytes else list(message)  # type: ignore[return-value]  # a tuple

    async def _recv_frames(self, flags: int, track: bool, max_frames: int | None = None) -> list[Frame]:
        """Receive what is left of a message, or a new one, as frames; with `max_frames`, so many of them."""
        parts: Sequence[bytes]
        if self._parts_in:
            parts = (self._next_part(),) if max_frames == 1 else self._rest_of_parts()
        else:
            message = await self._recv_message(flags)
            parts = frames_of(message)
            if max_frames == 1 and len(parts) > 1:
                parts = (self._first_of(parts),)
            elif self._recv_thread is None:
                self._recv_thread = self._core.thread
        last = len(parts) if self._parts_in else len(parts) - 1
        pattern = self._core.pattern
        sender = pattern.sender()
        properties = NO_PROPERTIES if sender is None else sender.properties
        return [
            Frame.received(
                part,
                more=index < last,
                track=track,
                properties=properties,
                routing_id=pattern.last_routing_id,
                group=pattern.last_group,
            )
            for index, part in enumerate(parts)
        ]

    async def recv_into(self, buffer: object, /, *, nbytes: int = 0, flags: int = 0) -> int:
        """Receive one frame into a buffer.

        Args:
            buffer: something contiguous that can be written to: a `bytearray`, an array, a view of either.
            nbytes: octets to store at most; 0 is as many as the buffer has room for.
            flags: DONTWAIT.

        Returns:
            The size of the frame. If that is more than there was room for, the rest of the frame is lost.

        Raises:
            BufferError: the buffer cannot be written to, or is in pieces; nothing was received.
            ValueError: `nbytes` is negative, or more than the buffer has; nothing was received.

        Else raises and cancellation: as `recv`.
        """
        view = _writable(buffer)
        if not 0 <= nbytes <= len(view):
            raise ValueError(f"nbytes is from 0 to the {len(view)} of the buffer, not {nbytes}")
        frame = await self.recv(flags)
        stored = min(len(frame), nbytes or len(view))
        view[:stored] = frame[:stored]
        return len(frame)

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
            message = self._take()
            if message is not None:
                gate.budget -= 1
                return message
        if timeout == 0:
            gate.budget -= 1
            raise Again(self._no_message)
        return await gate.wait_for(self._take, core.loop, timeout, self._no_message)

    def _take(self) -> Message | None:
        """Take what another task left of a message, while this one waited, or the next message."""
        if self._parts_in:
            return message_of(self._rest_of_parts())
        return self._try_recv()

    def _first_of(self, message: Frames) -> bytes:
        self._recv_gate.revoke()
        self._parts_in.extend(message)
        self._recv_thread = None  # the next frame is there already: it must not come from a queue
        if self._recv_gate.waiters:
            self._recv_gate.wake()
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
                    self._take_straight(messages, max_messages - len(messages) - 1)
                    message = try_recv()
                    if message is None:
                        break
                    messages.append([message] if type(message) is bytes else list(message))  # type: ignore[arg-type]  # not bytes: a tuple
            gate.revoke()  # one that came with new messages on the way does not know of those taken since
            gate.budget -= len(messages) // 16
        return messages

    def _take_straight(self, messages: list[list[bytes]], limit: int) -> None:
        """Take what lies in the only inbox with something in it, but for the last: that one takes more than a pop."""
        peer = self._core.pattern.straight_in()
        if peer is not None and not self._parts_in:
            popleft = peer.inbox.popleft
            count = min(len(peer.inbox) - max(peer.low_water, 0) - 1, limit)
            items = [popleft() for _ in range(count)]
            messages += [[item] if type(item) is bytes else list(item) for item in items]  # type: ignore[arg-type]  # not bytes: a tuple

    def __aiter__(self) -> Self:
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


def _writable(buffer: object) -> memoryview:
    view = memoryview(buffer)  # type: ignore[arg-type]  # the TypeError of what is no buffer says so
    if view.readonly or not view.c_contiguous:
        raise BufferError("recv_into takes a buffer in one piece that can be written to")
    return view.cast("B")

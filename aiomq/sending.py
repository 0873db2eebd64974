"""The half of a socket that sends.

`send` is short on purpose: what it does itself, before it calls for help, is what nearly every message needs.
"""

from __future__ import annotations

import errno
from _thread import get_ident
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, overload

from aiomq.addressing import Address, new_tracker
from aiomq.constants import Flag
from aiomq.core import SocketCore
from aiomq.errors import Again, ZMQError
from aiomq.frame import Frame
from aiomq.message import FrameLike, Frames, Message, MessageLike, as_frame, as_frames, as_message, message_of
from aiomq.socket_base import SocketBase
from aiomq.tracker import MessageTracker, tracked
from aiomq.waiting import settle

if TYPE_CHECKING:
    from aiomq.context import Context

__all__ = ["Sending"]

_DONTWAIT: Final = int(Flag.DONTWAIT)
_SNDMORE: Final = int(Flag.SNDMORE)

_SMALL: Final = 4096
"""Up to this size a frame goes the short way: a full budget of them is a bounded pile until the turn's flush."""

_BYTES_PER_OPERATION: Final = 8192
"""A large message costs as much of the budget as this many bytes go into it."""


class Sending(SocketBase):
    """The methods of `Socket` that send."""

    __slots__ = ("_parts_trackers",)

    _parts_trackers: list[MessageTracker]
    """Of the parts in `_parts_out` that were sent with `track=True`."""

    def __init__(self, context: Context, core: SocketCore) -> None:
        super().__init__(context, core)
        self._parts_trackers = []
        core.finished_callbacks.append(partial(_give_up, self._parts_trackers))

    @overload
    async def send(
        self,
        data: FrameLike,
        flags: int = 0,
        copy: bool = True,
        track: Literal[False] = False,
        *,
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> None: ...

    @overload
    async def send(
        self,
        data: FrameLike,
        flags: int = 0,
        copy: bool = True,
        *,
        track: Literal[True],
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> MessageTracker: ...

    @overload
    async def send(
        self,
        data: FrameLike,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        *,
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> MessageTracker | None: ...

    # Nothing is keyword-only here: a call of a function that has such parameters costs a quarter of a send more.
    async def send(  # noqa: PLR0917  # pyzmq's order
        self,
        data: FrameLike,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        routing_id: int | None = None,
        group: str | bytes | None = None,
    ) -> MessageTracker | None:
        """Send one frame: a message, or with SNDMORE a part of one.

        It returns when the message is queued, not when it has arrived. Where the type waits (PUSH, REQ, DEALER, PAIR)
        and no peer has room, it waits for as long as SNDTIMEO allows.

        Args:
            data: the frame; anything but `bytes` and `Frame` is copied.
            flags: DONTWAIT, SNDMORE.
            copy: accepted for pyzmq's sake, and without effect: see `data`.
            track: whether to return a tracker.
            routing_id: the peer to send it to, on a SERVER or PEER socket.
            group: the group to send it to, on a RADIO socket.

        Returns:
            With `track`, what tells when the message has left; None otherwise.

        Raises:
            Again: no room within SNDTIMEO, or at once with DONTWAIT.
            ZMQError: ENOTSUP if the type cannot send, EFSM if it is not its turn, EHOSTUNREACH if a ROUTER with
                ROUTER_MANDATORY does not know the peer, EINVAL if the type has no routing ids or groups, ENOTSOCK if
                the socket is closed.
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
            and not track
            and routing_id is None
            and group is None
        ):
            gate.granted -= 1
            gate.operation(data)
            return None
        if (
            gate.budget > 0
            and not flags
            and type(data) is bytes
            and len(data) <= _SMALL
            and get_ident() == self._send_thread
            and not track
            and routing_id is None
            and group is None
            and self._try_send(data)
        ):
            gate.budget -= 1
            return None
        if track or routing_id is not None or group is not None or isinstance(data, Frame):
            return await self._send_special(data, flags, track, routing_id, group)
        await self._send_frames((as_frame(data),), flags)
        return None

    @overload
    async def send_multipart(
        self, msg_parts: Sequence[FrameLike], flags: int = 0, copy: bool = True, track: Literal[False] = False
    ) -> None: ...

    @overload
    async def send_multipart(
        self, msg_parts: Sequence[FrameLike], flags: int = 0, copy: bool = True, *, track: Literal[True]
    ) -> MessageTracker: ...

    @overload
    async def send_multipart(
        self, msg_parts: Sequence[FrameLike], flags: int = 0, copy: bool = True, track: bool = False
    ) -> MessageTracker | None: ...

    async def send_multipart(
        self, msg_parts: Sequence[FrameLike], flags: int = 0, copy: bool = True, track: bool = False
    ) -> MessageTracker | None:
        """Send a message of one frame or more, whole or not at all.

        Args:
            msg_parts: the frames, at least one.
            flags: DONTWAIT; SNDMORE if further frames follow in another call.
            copy: as in `send`.
            track: as in `send`.

        Returns:
            With `track`, what tells when the message has left; None otherwise.

        Raises and cancellation: as `send`.
        """
        gate = self._send_gate
        if (
            gate.budget > 0
            and not flags
            and not track
            and get_ident() == self._send_thread
            and self._core.loop.is_running()
        ):
            message = _small_message(msg_parts)
            if message is not None:
                if gate.granted > 0:  # a grant is for messages of one frame: some types send no others
                    gate.revoke()
                if self._try_send(message):
                    gate.budget -= 1
                    return None
        tracker = new_tracker(msg_parts) if track else None
        await self._send_frames(as_frames(msg_parts), flags, tracker)
        return tracker

    async def _send_special(
        self, data: FrameLike, flags: int, track: bool, routing_id: int | None, group: str | bytes | None
    ) -> MessageTracker | None:
        """Send one frame that is tracked, or for one peer or group only."""
        frame = as_frame(data)
        tracker = new_tracker((data,)) if track else None
        address = Address.of(data, routing_id, group)
        if address is not None and (flags & _SNDMORE or self._parts_out):
            raise ZMQError(errno.EINVAL, "a message for a routing_id or a group has one frame")
        await self._send_frames((frame,), flags, tracker, address)
        return tracker

    async def _send_frames(
        self, frames: Frames, flags: int, tracker: MessageTracker | None = None, address: Address | None = None
    ) -> None:
        core = self._core
        core.enter()
        if flags & ~(_DONTWAIT | _SNDMORE):
            raise ZMQError(errno.EINVAL, f"send takes the flags DONTWAIT and SNDMORE, not {flags}")
        if core.newly_begun and not flags & _DONTWAIT:
            await settle(core)
        if flags & _SNDMORE and core.pattern.wants_more((*self._parts_out, *frames)):
            self._hold(frames, tracker)
            return
        trackers = () if tracker is None else (tracker,)
        if self._parts_out:
            await self._send_with_parts(frames, flags, trackers)
        else:
            await self._send_message(message_of(frames), flags, self._way(trackers, address))
        if self._send_thread is None and not self._parts_out:
            self._send_thread = core.thread

    def _hold(self, frames: Frames, tracker: MessageTracker | None = None) -> None:
        """Keep the first frames of a message until its last one is sent."""
        self._send_gate.revoke()
        self._parts_out.extend(frames)
        self._send_thread = None  # the next frame belongs to this message: it cannot go the short way
        if tracker is not None:
            self._parts_trackers.append(tracker)

    def _way(self, trackers: Sequence[MessageTracker], address: Address | None = None) -> Callable[[Message], bool]:
        """Return the `try_send` for a message that is tracked, or addressed."""
        try_send = self._try_send if address is None else partial(address.try_send, self._core.pattern)
        return tracked(self._core.peers, try_send, trackers) if trackers else try_send

    async def _send_with_parts(self, frames: Frames, flags: int, trackers: Sequence[MessageTracker]) -> None:
        """Send the message that these frames end. If there is no room, its parts stay, for another try."""
        parts, parts_trackers = tuple(self._parts_out), tuple(self._parts_trackers)
        self._parts_out.clear()  # what other tasks send while this one waits is no part of this message
        self._parts_trackers.clear()
        try:
            await self._send_message((*parts, *frames), flags, self._way((*parts_trackers, *trackers)))
        except BaseException as error:  # a cancellation, too, leaves the parts for another try
            if _is_hopeless(error):  # the next frame is the first of another message
                _give_up(parts_trackers)
            else:
                self._parts_out[:0] = parts
                self._parts_trackers[:0] = parts_trackers
                self._send_thread = None
            raise

    async def _send_message(self, message: Message, flags: int, try_send: Callable[[Message], bool]) -> None:
        """Send a whole message by the long way: turns, timeouts, waiting."""
        core = self._core
        gate = self._send_gate
        gate.revoke()
        timeout = 0 if flags & _DONTWAIT else core.options.sndtimeo
        if gate.budget <= 0 and (timeout == 0 or not gate.waiters):
            await gate.take_turn()
            core.check_open()
        # Who waits may wait for another peer; in the turn just taken they had their chance.
        picks_peer = bool(gate.waiters) and core.pattern.picks_peer
        if (not gate.waiters or (picks_peer and timeout == 0)) and try_send(message):
            self._charge(message)
            return
        if timeout == 0:
            gate.budget -= 1
            raise Again(self._no_room)
        await gate.wait_for(lambda: try_send(message) or None, core.loop, timeout, self._no_room, early=picks_peer)
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
        if flags & _SNDMORE and core.pattern.wants_more((*self._parts_out, *frames)):
            self._hold(frames)
            return
        message = message_of((*self._parts_out, *frames))
        try:
            if not self._way(self._parts_trackers)(message):
                raise Again(self._no_room)
        except ZMQError as error:
            if _is_hopeless(error):
                self._parts_out.clear()
                _give_up(self._parts_trackers)
                self._parts_trackers.clear()
            raise
        self._charge(message)
        self._parts_out.clear()
        self._parts_trackers.clear()

    async def send_many(self, messages: Iterable[MessageLike]) -> None:
        """Send messages one after the other: the same as as many sends, in less time.

        Args:
            messages: each a frame, or a sequence of frames.

        Raises:
            Again: SNDTIMEO went by with a message waiting. Those before it are sent, it and the rest are not.
            ZMQError: EINVAL if a message was begun with SNDMORE and not ended: the first of these would be its end;
                else as of `send`.

        Cancellation: each message is wholly queued or wholly not, in order: some first ones are, the rest are not.
        """
        core = self._core
        core.enter()
        if self._parts_out:
            raise ZMQError(errno.EINVAL, "a message was begun with SNDMORE: send its last frame before send_many")
        if core.newly_begun:
            await settle(core)
        gate = self._send_gate
        try_send = self._try_send
        message: Message | None
        for each in messages:
            if type(each) is bytes:
                message = each if len(each) <= _SMALL else None
                if gate.granted > 0 and message is not None:
                    gate.granted -= 1
                    gate.operation(message)
                    continue
            else:
                message = _small_message(each)
                gate.revoke()
            if gate.budget > 0 and message is not None and try_send(message):
                gate.budget -= 1
            else:
                await self._send_message(as_message(each), 0, try_send)


def _small_message(msg_parts: object) -> Message | None:
    """Return a message of some short frames as it goes into a queue; None for whatever needs another look."""
    if type(msg_parts) is not list and type(msg_parts) is not tuple:
        return None
    size = 0
    for part in msg_parts:
        if type(part) is not bytes:
            return None
        size += len(part)
    if size > _SMALL or not msg_parts:
        return None
    return tuple(msg_parts) if len(msg_parts) > 1 else msg_parts[0]


def _give_up(trackers: Iterable[MessageTracker]) -> None:
    """What these track will not be sent."""
    for tracker in trackers:
        tracker.give_up()


def _is_hopeless(error: BaseException) -> bool:
    """Whether a message that failed so would fail again: it is for nobody, or it cannot be."""
    return isinstance(error, ZMQError) and not isinstance(error, Again)

"""The frame codec of ZMTP 2.0 and 3.x: where the time of every message over a wire is spent (RFC 37, Framing).

A frame is `flags(1) size(1 or 8) body`. The flags are 1 MORE, 2 LONG, 4 COMMAND; others are ignored, as in libzmq.

The decoder is fed chunks of bytes and gives whole messages; the encoder is given a queue of messages and gives
buffers to write. Both work by the batch and, where a batch is uniform, with one call into C for all of it instead of
a few for each message. Nothing here waits, logs, or knows where the bytes come from.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from itertools import accumulate, islice
from struct import Struct
from typing import Final

from aiomq.message import Control, Item, Message, Subscription
from aiomq.zmtp.assembly import SHORT_MESSAGE, Assembly
from aiomq.zmtp.commands import encode_control
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.joining import (
    BATCH_BYTES,
    COMMAND,
    LARGE_FRAME,
    LONG,
    MORE,
    add_frame,
    add_message,
    command_headers,
    join_columns,
    join_uniform,
    last_headers,
    more_headers,
)
from aiomq.zmtp.runs import take_frames, take_messages

__all__ = ["BATCH_BYTES", "BATCH_MESSAGES", "LARGE_FRAME", "LONGEST_LONE", "FrameDecoder", "FrameEncoder"]

BATCH_MESSAGES: Final = 4096
"""One encoder batch stops growing here too, for a queue of very many small messages."""

_SIZE: Final = Struct(">Q")


LONGEST_LONE: Final = 2 * (2 + 255)
"""A chunk of more bytes is not one message of up to two short frames."""

_STREAK: Final = 4
"""So many frames of one size in a row let the decoder look for a longer run."""

_NO_RUN: Final = -64
"""After a look that found none, so many frames pass before the next look."""


_COLUMNS: Final = 16
"""Messages of more frames are not worth a look for a run: each frame is one more thing to look at."""


class FrameDecoder:
    """Cuts chunks of bytes into messages, subscriptions and commands.

    Feed a chunk only when the last one is used up (`starved`). A chunk may be a memoryview of a buffer that is about
    to be overwritten; whatever is kept of it is copied when `take` returns with `starved` set, or by `detach_chunk`.
    """

    __slots__ = ("_data", "_position", "_short_fits", "_tail", "assembly", "starved")

    def __init__(self, max_frame_size: int = -1) -> None:
        self.assembly = Assembly(max_frame_size)
        """The part of the decoder that knows of unfinished messages, large frames and commands."""
        self._data: bytes | memoryview = b""
        self._position = 0
        self._tail = b""
        self._short_fits = not 0 <= max_frame_size < 255  # else each short frame is looked at too
        self.starved = True
        """Every whole message of the chunk was taken; more bytes are needed for the next one."""

    def lone(self, data: bytes) -> Message | None:
        """Return the message, if this chunk is one short message of one frame or two and nothing else is under way.

        It is what a round trip consists of, and not worth the steps that many messages share.

        Args:
            data: a chunk of one byte or more, not fed yet; it still has to be if this gives None.
        """
        if not self._short_fits or self._tail or not self.starved or self.assembly.parts:
            return None
        size = len(data)
        if size < 2:
            return None
        stop = 2 + data[1]
        if data[0] == 0:
            return data[2:] if stop == size else None
        if data[0] == MORE and stop + 2 <= size and data[stop] == 0 and stop + 2 + data[stop + 1] == size:
            return data[2:stop], data[stop + 2 :]
        return None

    @property
    def pending(self) -> int:
        """How many bytes of the chunk are not decoded yet."""
        return len(self._data) - self._position

    def feed(self, chunk: bytes | memoryview) -> None:
        """Give the next bytes of the stream, in order."""
        if self._tail:
            self._data = b"".join((self._tail, chunk))
            self._tail = b""
        elif type(chunk) is memoryview and (len(chunk) < LARGE_FRAME or not _starts_large(chunk)):
            self._data = bytes(chunk)
        else:
            self._data = chunk
        self._position = 0
        self.starved = False

    def detach_chunk(self) -> None:
        """Copy what is left of a chunk that stays undecoded beyond this call."""
        if type(self._data) is memoryview:
            self._data = bytes(self._data[self._position :])
            self._position = 0

    def take(self, limit: int) -> list[Item]:
        """Return up to `limit` messages and subscriptions, in order; fewer too where the allowance is used up.

        Raises:
            ZmtpError: a frame is over the size limit, or the peer broke the protocol in another way; what came before
                it was returned by the call before.
        """
        items: list[Item] = []
        position = self._position
        end = len(self._data)
        assembly = self.assembly
        while len(items) < limit:
            if self._short_fits and type(self._data) is bytes and not assembly.parts:
                position = self._take_plain(position, limit, items)
                if position == end or len(items) >= limit:
                    break
            if assembly.allowance.left <= 0:  # the rest has to wait until others had their turn
                break
            try:
                following = self._take_frame(position, end, items)
            except ZmtpError:
                if not items:
                    raise
                self._position = position  # what came before the offence is whole; the next call raises
                return items
            if following < 0:
                self._keep_tail(-following - 1)
                return items
            position = following
        if position < end:
            self._position = position
        else:
            self._keep_tail(position)
        return items

    def _take_plain(self, position: int, limit: int, items: list[Item]) -> int:
        """Take whole messages of one frame, as long as there is nothing else; return where that ended."""
        data: bytes = self._data  # type: ignore[assignment]  # only called while it is bytes
        end = len(data)
        size = streak = 0
        append = items.append
        while position + 2 <= end and len(items) < limit:
            flags = data[position]
            if flags == 0:
                last = size
                size = data[position + 1]
                start = position + 2
                stop = start + size
                if stop > end:
                    break
                if size == last:
                    streak += 1
                    if streak > _STREAK:
                        header = data[position:start]
                        bodies = take_frames(data, position, header, size, limit - len(items))
                        items += bodies
                        position += len(bodies) * (size + 2)
                        streak = 0 if bodies else _NO_RUN
                        continue
                append(data[start:stop])
                position = stop
            elif flags == LONG:
                following = self._take_long(position, limit, items)
                if following == position:
                    break
                position = following
            elif flags == MORE and not self.assembly.weighs_parts:
                following = self._take_parts(position, limit, items)
                if following == position:
                    break
                position = following
            else:
                break
        return position

    def _take_parts(self, position: int, limit: int, items: list[Item]) -> int:
        """Take the message of several short frames that starts here, and those of the same shape that follow.

        Returns:
            Where that ended; `position` if the message is not whole, or has other frames.
        """
        data: bytes = self._data  # type: ignore[assignment]  # only called while it is bytes
        end = len(data)
        stop = position
        frames: list[bytes] = []
        while stop + 2 <= end and len(frames) < SHORT_MESSAGE:
            flags = data[stop]
            start = stop + 2
            stop = start + data[stop + 1]
            if flags > MORE or stop > end:
                break
            frames.append(data[start:stop])
            if flags == 0:
                items.append(tuple(frames))
                if len(items) > 1 and data.startswith(data[position : position + 2], stop):
                    sizes = _shape_of_both(items[-1], items[-2])
                    if sizes is not None:
                        messages = take_messages(data, stop, sizes, limit - len(items))
                        items += messages
                        stop += len(messages) * (stop - position)
                return stop
        return position

    def _take_long(self, position: int, limit: int, items: list[Item]) -> int:
        """Take the messages of one long frame and of one size that start here; return where that ended."""
        data: bytes = self._data  # type: ignore[assignment]  # only called while it is bytes
        header = data[position : position + 9]
        if len(header) < 9:
            return position
        size: int = _SIZE.unpack_from(header, 1)[0]
        try:
            self.assembly.check_size(size)
        except ZmtpError:
            return position  # `_take_frame` will raise it, once what came before is given out
        append = items.append
        stop = position + 9 + size
        end = len(data)
        if data.startswith(header, stop):
            bodies = take_frames(data, position, header, size, limit - len(items))
            items += bodies
            position += len(bodies) * (9 + size)
            stop = position + 9 + size
        while stop <= end and len(items) < limit and data.startswith(header, position):
            append(data[position + 9 : stop])
            position = stop
            stop += 9 + size
        return position

    def _take_frame(self, position: int, end: int, items: list[Item]) -> int:
        """Take any one frame; return where the next one starts, or -(position + 1) if this one is not whole yet."""
        data = self._data
        if position + 2 > end:
            return -position - 1
        flags = data[position]
        if flags & LONG:
            if position + 9 > end:
                return -position - 1
            size: int = _SIZE.unpack_from(data, position + 1)[0]
            start = position + 9
        else:
            size = data[position + 1]
            start = position + 2
        assembly = self.assembly
        assembly.check_size(size)
        stop = start + size
        if stop > end:
            if size < LARGE_FRAME:
                return -position - 1
            assembly.start_large(flags, size, data[start:end])
            return -end - 1
        body = data[start:stop]
        item = assembly.add(flags, body if type(body) is bytes else bytes(body))
        if item is not None:
            items.append(item)
        return stop

    def _keep_tail(self, position: int) -> None:
        """Keep the beginning of a frame for the next chunk."""
        data = self._data
        if position < len(data):
            self._tail = bytes(data[position:])
        self._data = b""
        self._position = 0
        self.starved = True


def _shape_of_both(one: Item, other: Item) -> tuple[int, ...] | None:
    """Return the sizes of the frames, if two messages of several have the same: then a third may have them too."""
    if type(other) is not tuple or len(one) != len(other) or len(other) > _COLUMNS:  # type: ignore[arg-type]  # a tuple
        return None
    sizes = tuple(map(len, other))
    return sizes if sizes == tuple(map(len, one)) else None  # type: ignore[arg-type]  # a tuple


def _starts_large(chunk: memoryview) -> bool:
    """Whether the first frame is so large that cutting it out of a copy of the chunk would copy it twice."""
    return bool(chunk[0] & LONG) and int(_SIZE.unpack_from(chunk, 1)[0]) >= LARGE_FRAME


class FrameEncoder:
    """Turns queued messages into buffers for the transport."""

    __slots__ = ("_subscription_commands", "form")

    def __init__(self, *, subscription_commands: bool) -> None:
        self._subscription_commands = subscription_commands
        self.form: object = subscription_commands
        """Encoders of the same form make the same of the same messages; None: no other does."""

    def encode_one(self, item: Item) -> bytes | None:
        """Return a message alone, as a request or a reply goes; None for one with large frames, and no message."""
        if type(item) is bytes:
            size = len(item)
            return last_headers[size] + item if size < LARGE_FRAME else None
        if type(item) is not tuple:
            return None
        pieces: list[bytes] = []
        size = 0
        for frame in item:
            size = len(frame)
            if size >= LARGE_FRAME:
                return None
            pieces.append(more_headers[size])
            pieces.append(frame)
        pieces[-2] = last_headers[size]
        return b"".join(pieces)

    def encode(self, queue: deque[Item]) -> tuple[list[bytes], int]:
        """Encode from the head of a queue, which is left as it is; return the buffers and how many items they hold."""
        count = min(len(queue), BATCH_MESSAGES)
        if count == 1:  # the set-up for a batch would cost more than all the rest
            data = self.encode_one(queue[0])
            return ([data], 1) if data is not None else self._encode_mixed([queue[0]])
        batch = queue if count == len(queue) else list(islice(queue, count))
        data = join_uniform(batch)
        if data is not None:
            return [data], count
        if set(map(type, batch)) == {bytes}:
            sizes = list(map(len, batch))  # type: ignore[arg-type]  # all of them are bytes
            if max(sizes) < LARGE_FRAME:
                if sum(sizes) > BATCH_BYTES:
                    count = bisect_left(list(accumulate(sizes)), BATCH_BYTES) + 1
                    batch, sizes = list(islice(queue, count)), sizes[:count]
                pieces: list[bytes] = [b""] * (2 * count)
                pieces[::2] = map(last_headers.__getitem__, sizes)
                pieces[1::2] = batch  # type: ignore[assignment]  # as above
                return [b"".join(pieces)], count
        elif type(batch[0]) is tuple:
            data = join_columns(batch)
            if data is not None:
                return [data], count
        return self._encode_mixed(batch)

    def _encode_mixed(self, batch: deque[Item] | list[Item]) -> tuple[list[bytes], int]:
        pieces: list[bytes] = []
        buffers: list[bytes] = []
        total = count = 0
        for item in batch:
            if type(item) is bytes:
                total += add_frame(item, 0, pieces, buffers)
            elif type(item) is tuple:
                total += add_message(item, pieces, buffers)
            else:
                total += self._add_control(item, pieces, buffers)  # type: ignore[arg-type]  # what is left is a Control
            count += 1
            if total >= BATCH_BYTES:
                break
        if pieces:
            buffers.append(b"".join(pieces))
        return buffers, count

    def _add_control(self, item: Control, pieces: list[bytes], buffers: list[bytes]) -> int:
        if type(item) is Subscription and not self._subscription_commands:
            return add_frame(item.as_frame(), 0, pieces, buffers)
        return add_frame(encode_control(item), COMMAND, pieces, buffers)

    def encode_command(self, body: bytes) -> bytes:
        """Return the frame of a command."""
        return command_headers[len(body)] + body

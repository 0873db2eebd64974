"""The frame codec of encrypted traffic: each frame is wrapped by itself, in a frame without flags (RFC 26, MESSAGE).

The same interface as in `frames`, whose quick ways for whole batches have no use here.
"""

from __future__ import annotations

from collections import deque

from aiomq.message import Control, Frames, Item, Subscription
from aiomq.zmtp.assembly import Assembly
from aiomq.zmtp.commands import encode_control
from aiomq.zmtp.frames import BATCH_BYTES, BATCH_MESSAGES, LARGE_FRAME, FrameDecoder, FrameEncoder
from aiomq.zmtp.handshake_frames import header_v2
from aiomq.zmtp.joining import COMMAND, MORE
from aiomq.zmtp.mechanisms.base import TrafficCipher

__all__ = ["CipherDecoder", "CipherEncoder"]


class _CipherAssembly(Assembly):
    """An assembly of what is in the frames that arrive. MAXMSGSIZE counts a frame with its wrapping, as in libzmq."""

    cost = 4  # to decrypt a frame takes longer than all else
    __slots__ = ("_cipher",)

    def __init__(self, max_frame_size: int, cipher: TrafficCipher) -> None:
        super().__init__(max_frame_size)
        self._cipher = cipher

    def add(self, flags: int, body: bytes) -> Item | None:
        """Add a frame by what is in it; its own flags say nothing."""
        text, more, command = self._cipher.decode(body)
        return super().add((MORE if more else 0) | (COMMAND if command else 0), text)


class CipherDecoder(FrameDecoder):
    """Cuts chunks of bytes into frames, and puts what is in them together."""

    __slots__ = ()

    def __init__(self, max_frame_size: int, cipher: TrafficCipher) -> None:
        super().__init__(max_frame_size)
        self.assembly = _CipherAssembly(max_frame_size, cipher)
        self._short_fits = False  # so that no frame is taken for a message without a look into it


class CipherEncoder(FrameEncoder):
    """Turns queued messages into buffers for the transport."""

    __slots__ = ("_cipher",)

    def __init__(self, *, subscription_commands: bool, cipher: TrafficCipher) -> None:
        super().__init__(subscription_commands=subscription_commands)
        self.form = None  # every connection has keys of its own
        self._cipher = cipher

    def encode_one(self, item: Item) -> bytes | None:
        """Return a message alone; None for one that is large, and for no message."""
        if type(item) is bytes:
            return self._frame(item) if len(item) < LARGE_FRAME else None
        if type(item) is not tuple or max(map(len, item)) >= LARGE_FRAME:
            return None
        return b"".join(self._message(item))

    def encode(self, queue: deque[Item]) -> tuple[list[bytes], int]:
        """Encode from the head of a queue, which is left as it is; return the buffers and how many items they hold.

        Each frame that is encoded has to be sent, and in this order: they are numbered.
        """
        frames: list[bytes] = []
        total = count = 0
        for item in queue:
            if type(item) is tuple:
                message = self._message(item)
                frames += message
                total += sum(map(len, message))
            else:
                is_frame = type(item) is bytes
                frame = self._frame(item) if is_frame else self._control(item)  # type: ignore[arg-type]  # or a Control
                frames.append(frame)
                total += len(frame)
            count += 1
            if total >= BATCH_BYTES or count >= BATCH_MESSAGES:
                break
        return _joined(frames), count

    def encode_command(self, body: bytes) -> bytes:
        """Return the frame of a command."""
        return self._frame(body, command=True)

    def _frame(self, body: bytes, *, more: bool = False, command: bool = False) -> bytes:
        head, sealed = self._cipher.encode_parts(body, more=more, command=command)
        return b"".join((header_v2(len(head) + len(sealed)), head, sealed))

    def _message(self, frames: Frames) -> list[bytes]:
        last = len(frames) - 1
        return [self._frame(frame, more=index < last) for index, frame in enumerate(frames)]

    def _control(self, item: Control) -> bytes:
        if type(item) is Subscription and not self._subscription_commands:
            return self._frame(item.as_frame())
        return self._frame(encode_control(item), command=True)


def _joined(frames: list[bytes]) -> list[bytes]:
    """Return buffers to write: small frames joined, large ones as they are."""
    buffers: list[bytes] = []
    small: list[bytes] = []
    for frame in frames:
        if len(frame) < LARGE_FRAME:
            small.append(frame)
        else:
            if small:
                buffers.append(b"".join(small))
                small.clear()
            buffers.append(frame)
    if small:
        buffers.append(b"".join(small))
    return buffers

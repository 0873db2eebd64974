"""From the wire to the inbox: the half of a connection that reads.

What is read goes into a buffer shared by all connections of a thread, through the decoder, and into the peer's inbox,
as long as there is room. A full inbox stops the reading, and so, in the end, the sender.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from aiomq.message import Item
from aiomq.peer import UNLIMITED, StreamPeer, low_water_mark
from aiomq.transports.heartbeat import Heartbeat, answer_commands
from aiomq.transports.scratch import scratch_for
from aiomq.zmtp.codecs import Decoder
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import LONGEST_LONE, FrameDecoder

__all__ = ["Reading"]


class Reading(asyncio.BufferedProtocol):
    """What a connection knows of the bytes that come in."""

    takes_lone: ClassVar[bool] = True
    """Whether one message, in an empty inbox, may go past `_deliver`."""

    __slots__ = ("_decoder", "_error", "_heartbeat", "_knows_lone", "_paused", "_pumping", "_scratch", "peer")

    lost: bool
    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.peer: StreamPeer | None = None
        self._decoder: Decoder | None = None
        self._error: Exception | None = None
        self._heartbeat: Heartbeat | None = None
        self._knows_lone = False
        """Whether the decoder can tell a chunk that is one message."""
        self._paused = False
        self._pumping = False
        self._scratch = scratch_for(loop)

    # -- what the other half does ------------------------------------------------------------------------------------

    def _receive_handshake(self, data: memoryview) -> None:
        """Take in bytes of the handshake."""
        raise NotImplementedError

    def send_command(self, body: bytes) -> None:
        """Send a command as soon as the transport takes it."""
        raise NotImplementedError

    def fail(self, error: ZmtpError) -> None:
        """The peer broke the protocol: close, and say why."""
        raise NotImplementedError

    # -- called by the transport -------------------------------------------------------------------------------------

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the next bytes go: the rest of a large frame, or the scratch buffer."""
        if self._decoder is not None:
            room = self._decoder.assembly.room
            if room is not None:
                return room
        return self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what was read."""
        if self._heartbeat is not None:
            self._heartbeat.heard()
        try:
            decoder = self._decoder
            if decoder is None:
                self._receive_handshake(self._scratch[:nbytes])
            elif decoder.assembly.room is not None:
                item, whole = decoder.assembly.fill_large(nbytes)
                if whole and item is not None:
                    self._deliver([item])
                    self._pump()
            elif nbytes > LONGEST_LONE or not self._knows_lone or not self._take_lone(nbytes):
                decoder.feed(self._scratch[:nbytes])
                self._pump()
        except ZmtpError as error:
            self.fail(error)

    # -- into the inbox ----------------------------------------------------------------------------------------------

    def _take_lone(self, nbytes: int) -> bool:
        """Deliver a chunk that is one short message, such as a request or a reply; return whether it was one."""
        peer, decoder = self.peer, self._decoder
        assert peer is not None
        assert isinstance(decoder, FrameDecoder)
        if peer.inbox or self._paused or peer.marks.rcvhwm == 1:
            return False
        message = decoder.lone(bytes(self._scratch[:nbytes]))
        if message is None:
            return False
        peer.inbox.append(message)
        peer.received += 1
        peer.owner.message_received(peer, 1)
        return True

    def _pump(self) -> None:
        """Decode as far as the inbox has room; read on only when all is decoded and there is room for more."""
        peer = self.peer
        decoder = self._decoder
        assert peer is not None
        assert decoder is not None
        inbox = peer.inbox
        hwm = peer.marks.rcvhwm or UNLIMITED  # as it is now: this option works at once
        if not self._paused:  # most often all of it is decoded at once, and there is room for more
            items = decoder.take(hwm - len(inbox))
            if decoder.assembly.commands:
                self._answer_commands()
            if items:
                self._deliver(items)
            if decoder.starved and len(inbox) < hwm:
                return
        self._pump_on(peer, decoder, hwm)

    def _pump_on(self, peer: StreamPeer, decoder: Decoder, hwm: int) -> None:
        """Decode while there is room, and pause or resume reading."""
        inbox = peer.inbox
        self._pumping = True
        try:
            while not decoder.starved and len(inbox) < hwm:
                items = decoder.take(hwm - len(inbox))
                if decoder.assembly.commands:
                    self._answer_commands()
                if items:
                    self._deliver(items)
        finally:
            self._pumping = False
        decoder.detach_chunk()
        is_full = not decoder.starved or len(inbox) >= hwm
        self._read_on(peer, is_full=is_full, low_water=hwm - low_water_mark(hwm))

    def _read_on(self, peer: StreamPeer, *, is_full: bool, low_water: int) -> None:
        """Pause reading until a full inbox is down to its low-water mark; go on where there is room."""
        if is_full:
            peer.low_water = low_water
            if not self._paused:
                self._paused = True
                self.transport.pause_reading()
                if self._heartbeat is not None:
                    self._heartbeat.reading_paused()
                peer.owner.inbox_full()
        elif self._paused:
            peer.low_water = -1
            self._paused = False
            if not self.lost and not self.transport.is_closing():
                self.transport.resume_reading()
                if self._heartbeat is not None:
                    self._heartbeat.reading_resumed()

    def _deliver(self, items: list[Item]) -> None:
        peer = self.peer
        assert peer is not None
        peer.inbox.extend(items)
        peer.received += len(items)
        peer.owner.message_received(peer, len(items))

    def refill(self) -> None:
        """The inbox ran low: decode what waits, and read on."""
        if self._paused and not self._pumping:
            try:
                self._pump()
            except ZmtpError as error:
                self.fail(error)

    def _deliver_rest(self) -> None:
        """The connection is lost: what had arrived whole is still to be read, whatever the inbox holds."""
        decoder = self._decoder
        if decoder is not None and not decoder.starved and not isinstance(self._error, ZmtpError):
            try:
                self._deliver(decoder.take(UNLIMITED))
            except ZmtpError as error:
                self._error = error

    def _answer_commands(self) -> None:
        assert self._decoder is not None
        answer_commands(self._decoder.assembly.commands, self._heartbeat, self.send_command)

"""From the wire to the inbox: the half of a connection that reads.

What is read goes into a buffer shared by all connections of a thread, through the decoder, and into the peer's inbox,
as long as there is room. A full inbox stops the reading, and so, in the end, the sender. So does the allowance of a
turn (`turns`), for what fills no inbox.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiomq.message import Item
from aiomq.options import SocketOptions
from aiomq.peer import UNLIMITED, StreamPeer
from aiomq.rest import Pile, Rest, Source
from aiomq.transports.hangups import hangups_of
from aiomq.transports.heartbeat import Heartbeat, answer_commands
from aiomq.transports.metering import Metering
from aiomq.transports.scratch import scratch_for
from aiomq.transports.turns import NARROW, TURN, turns_for
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import LONGEST_LONE, FrameDecoder

__all__ = ["Reading"]

MANY: Final = 64
"""So many messages at a time count in the allowance of the turn too, 16 for one."""

MUCH: Final = NARROW
"""So many bytes at a time count, too, 8 KiB for one. It is what is read of a connection at a time to begin with."""

THIN: Final = 64
"""Traffic that takes more of the allowance than one frame for so many bytes is read no more than `MUCH` at a time."""

HANDSHAKE: Final = 8
"""What a step of a handshake, or the end of a connection, takes of the allowance."""

_RATE_SECONDS: Final = 1.0
"""`commands_per_second` counts over so many seconds at least."""


class Reading(Metering):
    """What a connection knows of the bytes that come in."""

    __slots__ = (
        "_allowance",
        "_decoder",
        "_drained_at",
        "_early",
        "_error",
        "_heartbeat",
        "_kept",
        "_knows_lone",
        "_paused",
        "_pumping",
        "_rated_at",
        "_scratch",
        "_turns",
        "_waits_turn",
        "_wide",
        "peer",
    )

    fd: int
    loop: asyncio.AbstractEventLoop
    lost: bool
    transport: asyncio.Transport
    _options: SocketOptions

    def __init__(self, loop: asyncio.AbstractEventLoop, options: SocketOptions) -> None:
        super().__init__(options)
        self._turns = turns_for(loop)
        self._allowance = self._turns.allowance
        self._rated_at = loop.time()
        """Since when commands are counted."""
        self._waits_turn = False
        """Reading is paused until the allowance of a later turn."""
        self._early = b""
        """What has arrived of the handshake and waits for a turn."""
        self._kept = 0
        """Bytes of a chunk that stay undecoded."""
        self.peer: StreamPeer | None = None
        self._decoder: Source | None = None
        self._drained_at = 0
        """The other side has gone: when so many bytes have arrived, the rest stays in the system; 0 if it has not."""
        self._error: Exception | None = None
        self._heartbeat: Heartbeat | None = None
        self._knows_lone = False
        """Whether the decoder can tell a chunk that is one message."""
        self._paused = False
        self._pumping = False
        self._wide = scratch_for(loop)
        self._scratch = self._wide[:MUCH]
        """Where what is read goes."""

    # -- what the other half does ------------------------------------------------------------------------------------

    def _receive_handshake(self, data: memoryview) -> None:
        """Take in bytes of the handshake."""
        raise NotImplementedError

    def send_commands(self, bodies: list[bytes]) -> None:
        """Send commands as soon as the transport takes them."""
        raise NotImplementedError

    def _end_loss(self) -> None:
        """Go on with the end of a lost connection."""
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
        return self._scratch[:NARROW] if self._turns.is_crowded else self._scratch

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what was read."""
        if self._heartbeat is not None:
            self._heartbeat.heard()
        try:
            decoder = self._decoder
            if decoder is None:
                self._take_handshake(self._scratch[:nbytes])
                return
            self._arrived += nbytes
            self._unread.arrived += nbytes
            if decoder.assembly.room is not None:
                item, whole = decoder.assembly.fill_large(nbytes)
                if whole and item is not None:
                    self._deliver([item])
                    self._pump()
                if nbytes >= MUCH:
                    self._charge(nbytes >> 13)
            elif nbytes >= MUCH:
                self._take_much(decoder, nbytes)
            elif nbytes > LONGEST_LONE or not self._knows_lone or not self._take_lone(nbytes):
                decoder.feed(self._scratch[:nbytes])
                self._pump()
        except ZmtpError as error:
            self.fail(error)

    def _take_much(self, decoder: Source, nbytes: int) -> None:
        """Take in a large chunk: at once, or in a later turn if this one has had enough."""
        allowance = self._allowance
        decoder.feed(self._scratch[:nbytes])
        allowance.left -= nbytes >> 13
        if allowance.left <= 0 and not self._paused:
            decoder.detach_chunk()
            self._keep(decoder.pending)
            self._charge(0)
        else:
            self._pump_and_learn(decoder)

    def _pump_and_learn(self, decoder: Source) -> None:
        """Decode, and read less at a time from now on, or more, by what the traffic takes of the allowance."""
        before, pending = self._allowance.left, decoder.pending
        self._pump()
        used, decoded = before - self._allowance.left, pending - decoder.pending
        if used * THIN > decoded:
            self._scratch = self._wide[:MUCH]
        elif decoded:
            self._scratch = self._wide

    def _take_handshake(self, data: memoryview) -> None:
        """Take in bytes of the handshake: at once, or in a later turn if this one has had enough."""
        if self._waits_turn:  # a loop may still bring what it was reading when it was told to pause
            self._early += data
        elif self._allowance.left > 0:
            self._allowance.left -= HANDSHAKE
            self._turns.renew_soon()
            self._receive_handshake(data)
        else:
            self._early = bytes(data)
            self._wait_turn()

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
        if not self._paused and self._allowed >= 0:  # most often all is decoded at once, and there is room for more
            items = decoder.take(hwm - len(inbox))
            if decoder.assembly.commands:
                self._answer_commands()
            if items:
                self._deliver(items)
            if decoder.starved and len(inbox) < hwm and self._may_go_on():
                if self._allowance.left < TURN or len(items) > MANY:
                    self._charge(len(items) >> 4)
                if self._kept:
                    self._keep(0)
                return
        self._pump_on(peer, decoder, hwm)

    def _pump_on(self, peer: StreamPeer, decoder: Source, hwm: int) -> None:
        """Decode while there is room, and pause or resume reading."""
        allowance = self._allowance
        self._pumping = True
        try:
            while not decoder.starved and allowance.left > 0 and (room := self._room(peer, hwm)) > 0:
                items = decoder.take(room)
                allowance.left -= len(items)  # of a type that takes them out at once, such as XPUB
                if decoder.assembly.commands:
                    self._answer_commands()
                if items:
                    self._deliver(items)
        finally:
            self._pumping = False
        decoder.detach_chunk()
        self._keep(decoder.pending)
        self._charge(0)
        has_room = self._room(peer, hwm) > 0
        if self._waits_turn and has_room:
            return
        is_full = not decoder.starved or not has_room
        self._read_on(peer, is_full=is_full, low_water=self._low_water(peer, hwm) if is_full else -1)

    def _read_on(self, peer: StreamPeer, *, is_full: bool, low_water: int) -> None:
        """Pause reading until a full inbox is down to its low-water mark; go on where there is room."""
        if is_full:
            peer.low_water = low_water
            if not self._paused:
                self._paused = True
                if not self._waits_turn:
                    self.transport.pause_reading()
                hangups_of(self.loop).watch(self)
                if self._heartbeat is not None:
                    self._heartbeat.reading_paused()
                peer.owner.inbox_full()
            elif 0 < self._drained_at <= self._arrived:
                self._drained_at = 0
                self.transport.pause_reading()
        elif self._paused:
            peer.low_water = -1
            self._paused = False
            self._drained_at = 0
            hangups_of(self.loop).forget(self)
            if not self.lost and not self.transport.is_closing():
                if not self._waits_turn:
                    self.transport.resume_reading()
                if self._heartbeat is not None:
                    self._heartbeat.reading_resumed()

    def _deliver(self, items: list[Item]) -> None:
        peer = self.peer
        assert peer is not None
        if peer.rest is not None:  # what came before is not decoded yet
            Rest.of(peer).tell(items)
            return
        peer.inbox.extend(items)
        peer.received += len(items)
        peer.owner.message_received(peer, len(items))

    def _keep(self, count: int) -> None:
        """So many bytes of the last chunk stay undecoded."""
        if count != self._kept:
            self._turns.keep(count - self._kept)
            self._kept = count

    # -- turns -------------------------------------------------------------------------------------------------------

    def _charge(self, used: int) -> None:
        """Take what was decoded from the allowance of the turn, and wait for the next one if it is used up.

        Raises:
            ZmtpError: there were too many commands in too short a time.
        """
        allowance = self._allowance
        allowance.left -= used
        self._turns.renew_soon()
        self._check_rate()
        if allowance.left <= 0 and not self._waits_turn:
            self._wait_turn()

    def _wait_turn(self) -> None:
        self._waits_turn = True
        if not self._paused and not self.lost:
            self.transport.pause_reading()
        self._turns.wait(self)

    def _check_rate(self) -> None:
        assert self._decoder is not None
        assembly, most = self._decoder.assembly, self._options.commands_per_second
        if assembly.controls <= most or not most:
            return
        now = self.loop.time()
        # Time that it waited for its turn does not count: it would have gone on sending.
        if now - self._rated_at < _RATE_SECONDS or not self._decoder.starved:
            raise ZmtpError(
                f"more than {most} commands that carry no message within a second (raise commands_per_second to allow"
                " more)",
                budget="commands_per_second",
            )
        self._rated_at = now
        assembly.controls = 0

    def go_on(self) -> None:
        """The next turn has come: decode what waits, and read on."""
        self._waits_turn = False
        if self.lost:
            self._allowance.left -= HANDSHAKE
            self._end_loss()
            return
        if self._pumping:  # a turn of the loop within a call of the owner: it will go on by itself
            return
        try:
            if self._decoder is not None:
                self._pump_and_learn(self._decoder)
            elif self._early:
                early, self._early = self._early, b""
                self._allowance.left -= HANDSHAKE
                self._receive_handshake(memoryview(early))
        except ZmtpError as error:
            self.fail(error)
        except BaseException:  # raised again; as where a transport's own call raises, nothing is left half done
            self.transport.abort()
            raise
        self._resume()

    def _resume(self) -> None:
        if not self._paused and not self._waits_turn and not self.lost and not self.transport.is_closing():
            self.transport.resume_reading()

    def refill(self) -> None:
        """The inbox ran low: decode what waits, and read on."""
        if self._paused and not self._pumping and not self._waits_turn:
            if self._allowance.left <= 0 and self.peer is not None and self.peer.inbox:
                self._wait_turn()  # there is something to read meanwhile
                return
            try:
                self._pump()
            except ZmtpError as error:
                self.fail(error)

    def is_deaf(self) -> bool:
        """Whether the inbox is full, so that nothing is read."""
        return self._paused

    def hung_up(self) -> None:
        """The other side has gone while the inbox is full: read what it has left, so that the connection can end.

        It stays as it is until the user makes room. What is over the marks in bytes stays in the system, and the
        connection with it: nothing that has arrived is lost.
        """
        peer, decoder = self.peer, self._decoder
        if peer is None or decoder is None or self._drained_at or self.lost or self.transport.is_closing():
            return
        room = self._room_for_raw(peer)
        if room > 0:
            if not isinstance(decoder, Pile):
                self._decoder = Pile(decoder, peer)
                self._knows_lone = False
            self._drained_at = self._arrived + room
            self.transport.resume_reading()

    def _deliver_rest(self) -> None:
        """The connection is lost: what had arrived whole is still to be read, as the user makes room for it.

        It ends with the allowance of the turn; see `_rest_waits`.
        """
        peer, decoder, error = self.peer, self._decoder, self._error
        if peer is None or decoder is None or decoder.starved or (isinstance(error, ZmtpError) and error.fatal):
            return
        rest = Rest.of(peer)
        try:
            if rest.holds(decoder):
                rest.refill()
            else:
                rest.add(decoder)
        finally:
            self._turns.renew_soon()

    def _rest_waits(self) -> bool:
        """Tell whether what is left has to wait for a later turn, and not for the user."""
        rest = None if self.peer is None else self.peer.rest
        return isinstance(rest, Rest) and rest.waits_turn

    def _answer_commands(self) -> None:
        assert self._decoder is not None
        answer_commands(self._decoder.assembly.commands, self._heartbeat, self.send_commands)

"""The two ends of a connection without I/O: sessions of ours, and peers of old versions, with their codecs."""

from __future__ import annotations

from collections import deque
from typing import Final, Protocol

from aiomq.constants import SocketType
from aiomq.message import Item, Membership, Subscription
from aiomq.zmtp.codecs import Decoder, Encoder, codec_for
from aiomq.zmtp.commands import Command
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import FrameDecoder, FrameEncoder
from aiomq.zmtp.handshake_frames import encode_v1, encode_v2, parse_v1, parse_v2
from aiomq.zmtp.legacy_frames import LegacyFrameDecoder, LegacyFrameEncoder
from aiomq.zmtp.mechanisms.base import ZapReply
from aiomq.zmtp.session import MAX_COMMAND_SIZE, Session, SessionConfig

__all__ = ["OldSide", "SessionSide", "Side"]

MAX_HELD: Final = 10 + MAX_COMMAND_SIZE
SIGNATURE: Final = b"\xff" + bytes(7) + b"\x01\x7f"
MINOR_OFFSET: Final = 11
LIMIT: Final = 3
"""Messages taken out of a decoder at a time, as if an inbox were small."""


class Handshake(Protocol):
    """What both kinds of sides do before there is traffic."""

    def begin(self) -> bytes:
        """Return what is said before anything is known."""

    def go_on(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Take in octets; return what to say, and once it is over the octets behind it.

        Raises:
            ZmtpError: it has failed.
        """

    def codec(self) -> tuple[Decoder, Encoder]:
        """Return what reads and writes the traffic."""


class Side:
    """One end: what it said and has still to say, what it heard, and why it has ended."""

    def __init__(self, handshake: Handshake) -> None:
        self.handshake: Final = handshake
        self.wire = bytearray(handshake.begin())
        """Octets on their way to the other side."""
        self.sent: list[Item] = []
        self.heard: list[Item] = []
        self.commands: list[Command] = []
        self.error: ZmtpError | None = None
        self.codec: tuple[Decoder, Encoder] | None = None
        self.taken_in = 0

    def receive(self, data: bytes) -> None:
        """Take in octets, of the handshake or of the traffic."""
        if self.error is not None:
            return
        self.taken_in += len(data)
        try:
            if self.codec is None:
                said, behind = self.handshake.go_on(data)
                self.wire += said
                if behind is None:
                    return
                self.codec = self.handshake.codec()
                data = behind
            self._decode(self.codec[0], data)
        except ZmtpError as error:
            self.error = error

    def _decode(self, decoder: Decoder, data: bytes) -> None:
        assembly = decoder.assembly
        while data:
            if assembly.room is not None:
                size = min(len(data), len(assembly.room))
                assembly.room[:size] = data[:size]
                item, _ = assembly.fill_large(size)
                self.heard += [] if item is None else [item]
            else:
                size = len(data)
                decoder.feed(memoryview(data))
                while not decoder.starved:
                    self.heard += decoder.take(LIMIT)
            self.commands += assembly.commands
            assembly.commands.clear()
            data = data[size:]

    def send(self, item: Item) -> None:
        """Encode a message or a subscription, once the handshake is over."""
        if self.codec is not None and self.error is None:
            buffers, count = self.codec[1].encode(deque([item]))
            assert count == 1
            self.wire += b"".join(buffers)
            self.sent.append(item)

    def send_command(self, body: bytes) -> bool:
        """Encode a command; return whether there are any in this version."""
        if self.codec is None or self.error is not None or not isinstance(self.codec[1], FrameEncoder):
            return False
        self.wire += self.codec[1].encode_command(body)
        return True

    def expected(self) -> list[Item]:
        """Return what the other side has to hear of what was sent, in the words of the version."""
        if self.codec is None:
            return []
        encoder = self.codec[1]
        is_old = isinstance(encoder, LegacyFrameEncoder)
        by_command = isinstance(encoder, FrameEncoder) and encoder._subscription_commands
        return [
            item.as_frame() if isinstance(item, Subscription) and not by_command else item
            for item in self.sent
            if not (is_old and isinstance(item, Membership))
        ]

    def check(self) -> None:
        """Check that no more is kept than what was taken in, and no more than the limits."""
        if self.codec is not None:
            assert sum(map(len, self.codec[0].assembly.parts)) <= self.taken_in
            assert len(self.codec[0].assembly.commands) == 0


class SessionSide(Side):
    """A session of ours; with `minor` 0 it says that it is of ZMTP 3.0."""

    def __init__(self, config: SessionConfig, *, minor: int = 1) -> None:
        session = Session(config)
        session.start()
        self.session: Final = session
        self._minor = minor
        self._said = 0
        super().__init__(_OfSession(self))

    def told(self) -> bytes:
        """Return what the session wants to say."""
        data = bytearray(self.session.data_to_send())
        place = MINOR_OFFSET - self._said
        if 0 <= place < len(data):
            data[place] = self._minor
        self._said += len(data)
        return bytes(data)

    def judge(self, reply: ZapReply) -> bool:
        """Give the verdict of a ZAP handler, if it is asked for; return whether it is."""
        if self.error is not None or self.codec is not None or self.session.zap_request is None:
            return False
        try:
            self.session.receive_zap_reply(reply)
        except ZmtpError as error:
            self.error = error
        self.wire += self.told()
        if self.session.ready:
            self.codec = self.handshake.codec()
            behind = self.session.leftover()
            try:
                self._decode(self.codec[0], behind)
            except ZmtpError as error:
                self.error = error
        return True

    def check(self) -> None:
        """Check the limits of the handshake, too."""
        super().check()
        assert self.session.held <= MAX_HELD
        assert repr(self.session)
        if self.error is not None:
            assert self.session.held == 0 or self.session.ready


class _OfSession:
    def __init__(self, side: SessionSide) -> None:
        self._side = side

    def begin(self) -> bytes:
        return self._side.told()

    def go_on(self, data: bytes) -> tuple[bytes, bytes | None]:
        session = self._side.session
        try:
            session.receive_data(data)
        except ZmtpError:
            self._side.wire += self._side.told()  # a peer is told why
            raise
        return self._side.told(), session.leftover() if session.ready else None

    def codec(self) -> tuple[Decoder, Encoder]:
        return codec_for(self._side.session, -1)


class OldSide:
    """The handshake of a peer of ZMTP 1.0, without a greeting (revision None) or with one (0), or of 2.0 (1)."""

    def __init__(self, revision: int | None, socket_type: SocketType, routing_id: bytes) -> None:
        self._revision = revision
        self._socket_type = socket_type
        self._routing_id = routing_id
        self._received = bytearray()
        self._greeted = revision is None

    def begin(self) -> bytes:
        """Return all that it says."""
        if self._revision is None:
            return encode_v1(self._routing_id)
        identity = encode_v2(self._routing_id) if self._revision else encode_v1(self._routing_id)
        return SIGNATURE + bytes((self._revision, self._socket_type)) + identity

    def go_on(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Read a greeting, if there has to be one, and a routing id."""
        self._received += data
        if not self._greeted:
            if len(self._received) < 12:
                return b"", None
            del self._received[:12]
            self._greeted = True
        parse = parse_v2 if self._revision else parse_v1
        frame = parse(self._received, 255, "routing id")
        if frame is None:
            return b"", None
        return b"", bytes(self._received[frame[1] :])

    def codec(self) -> tuple[Decoder, Encoder]:
        """Return that of the version."""
        if self._revision:
            return FrameDecoder(), FrameEncoder(subscription_commands=False)
        return LegacyFrameDecoder(), LegacyFrameEncoder()

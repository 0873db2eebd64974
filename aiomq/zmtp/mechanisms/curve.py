"""What both sides of CURVE share: sizes, nonces, and the cipher of traffic (RFC 25, 26).

Keys have the RFC's letters in comments: S and C are the permanent public keys of server and client, S' and C' those of
this one connection; s, c, s', c' are the secret ones. Nothing here, in `curve_client` or in `curve_server` puts a key,
or what a box held, into an error or a repr.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

from aiomq.constants import ProtocolError
from aiomq.crypto import MAC_SIZE, box_codecs
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import check_name

__all__ = [
    "COUNTER",
    "LONG_NONCE_SIZE",
    "NAME",
    "VERSION",
    "CurveCipher",
    "counted",
    "cryptographic_failure",
    "invalid_sequence",
    "malformed",
]

NAME: Final = b"CURVE"

VERSION: Final = b"\x01\x00"
"""Of CURVE, in HELLO: 1.0."""

COUNTER: Final = Struct(">Q")
"""A short nonce: a number that grows by one with every command of one side, behind a prefix of 16 octets."""

LONG_NONCE_SIZE: Final = 16
"""Octets of a long nonce: random ones, behind a prefix of 8 octets."""

MESSAGE: Final = b"\x07MESSAGE"

_BOX: Final = len(MESSAGE) + COUNTER.size
_MIN_MESSAGE_SIZE: Final = _BOX + MAC_SIZE + 1

_MORE: Final = 1
_COMMAND: Final = 2
_FLAGS: Final = tuple(bytes((flags,)) for flags in range(4))

_TO_CLIENT: Final = b"CurveZMQMESSAGES"
_TO_SERVER: Final = b"CurveZMQMESSAGEC"


class CurveCipher:
    """Puts each frame of traffic into a MESSAGE command, flags and all, and takes it out again."""

    __slots__ = ("_decode_prefix", "_encode_prefix", "_failures", "_heard", "_key", "_open", "_seal", "_sent")

    def __init__(self, key: bytes, *, as_server: bool, sent: int, heard: int) -> None:
        """Make the cipher of one side of one connection.

        Args:
            key: what both sides made of S' and C'.
            as_server: whether our role is the server's.
            sent: our last short nonce.
            heard: the peer's.
        """
        self._key = key
        self._encode_prefix, self._decode_prefix = (_TO_CLIENT, _TO_SERVER) if as_server else (_TO_SERVER, _TO_CLIENT)
        self._sent = sent
        self._heard = heard
        self._seal, self._open, self._failures = box_codecs()

    def encode(self, body: bytes, *, more: bool, command: bool) -> bytes:
        """Return the MESSAGE that a frame becomes."""
        return b"".join(self.encode_parts(body, more=more, command=command))

    def encode_parts(self, body: bytes, *, more: bool, command: bool) -> tuple[bytes, bytes]:
        """Return what is before the box of a MESSAGE, and the box."""
        self._sent += 1
        nonce = COUNTER.pack(self._sent)
        sealed = self._seal(_FLAGS[more | command << 1] + body, self._encode_prefix + nonce, self._key)
        return MESSAGE + nonce, sealed

    def decode(self, body: bytes) -> tuple[bytes, bool, bool]:
        """Return the frame in a MESSAGE: its body, whether more follow, and whether it is a command.

        Raises:
            ZmtpError: it is no MESSAGE, not the next one, or one that somebody tampered with.
        """
        if not body.startswith(MESSAGE):
            check_name(NAME, body)
            code = ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND
            raise ZmtpError(f"CURVE: {len(body)} octets of traffic that are no MESSAGE", code=code)
        if len(body) < _MIN_MESSAGE_SIZE:
            raise malformed("MESSAGE", body, ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_MESSAGE)
        nonce = body[len(MESSAGE) : _BOX]
        number: int = COUNTER.unpack(nonce)[0]
        # Every sender counts by one. A gap is a frame that was cut out on the way: what is left of a message, or of
        # two, would pass for one that nobody sent.
        if number != self._heard + 1:
            raise invalid_sequence("a MESSAGE")
        self._heard = number
        try:
            text = self._open(body[_BOX:], self._decode_prefix + nonce, self._key)
        except self._failures:
            raise cryptographic_failure("the box of a MESSAGE does not open") from None
        flags = text[0]
        return text[1:], bool(flags & _MORE), bool(flags & _COMMAND)

    def __repr__(self) -> str:
        return f"<CurveCipher sent={self._sent} heard={self._heard}>"


def counted(prefix: bytes, number: int) -> bytes:
    """Return the nonce of 24 octets for a command, with its number in the last 8."""
    return prefix + COUNTER.pack(number)


def malformed(what: str, body: bytes, code: ProtocolError) -> ZmtpError:
    """Return the error for a command that is not of its form."""
    return ZmtpError(f"a {what} command of CURVE with {len(body)} octets is not of its form", code=code)


def cryptographic_failure(what: str) -> ZmtpError:
    """Return the error for a box that does not open."""
    return ZmtpError(f"CURVE: {what}", code=ProtocolError.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC)


def invalid_sequence(what: str) -> ZmtpError:
    """Return the error for a short nonce that does not follow the one before."""
    return ZmtpError(
        f"CURVE: the nonce of {what} does not follow the one before: something was cut out, repeated or moved",
        code=ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_SEQUENCE,
    )

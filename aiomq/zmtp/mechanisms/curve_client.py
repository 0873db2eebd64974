"""The client's side of a CURVE handshake (RFC 26).

HELLO      C', Box[zeros](C'->S)                         200 octets
WELCOME    Box[S' cookie](S->C')                         168 octets
INITIATE   cookie, Box[C vouch metadata](C'->S')         with vouch = Box[C' S](C->S')
READY      Box[metadata](S'->C')
"""

from __future__ import annotations

from typing import ClassVar, Final

from aiomq.constants import ProtocolError
from aiomq.crypto import KEY_SIZE, MAC_SIZE, BoxError, box, keypair, random_octets, shared_key, unbox
from aiomq.zmtp.commands import ERROR, HELLO, INITIATE, READY, WELCOME, encode_metadata
from aiomq.zmtp.mechanisms.base import Mechanism, SessionFacts, accept_metadata, refusal, unexpected_command
from aiomq.zmtp.mechanisms.curve import (
    COUNTER,
    LONG_NONCE_SIZE,
    NAME,
    VERSION,
    CurveCipher,
    counted,
    cryptographic_failure,
    malformed,
)

__all__ = ["CurveClient"]

_PADDING: Final = bytes(72)
"""So that nobody can have a server send more than it received."""

_WELCOME_SIZE: Final = 168
_MIN_READY_SIZE: Final = len(READY) + COUNTER.size + MAC_SIZE

_HELLO_NUMBER: Final = 1
_INITIATE_NUMBER: Final = 2


class CurveClient(Mechanism):
    """The side that knows the server's key, and shows its own to nobody else."""

    __slots__ = ("_facts", "_hello_key", "_key", "_own_keys", "_ready", "_server_key", "_transient_keys")

    name: ClassVar[bytes] = NAME

    def __init__(self, public_key: bytes, secret_key: bytes, server_key: bytes) -> None:
        """Make one side of one handshake.

        Args:
            public_key: C, 32 octets, as all keys here.
            secret_key: c.
            server_key: S.
        """
        super().__init__()
        self._facts: SessionFacts
        self._own_keys = (public_key, secret_key)
        self._server_key = server_key
        self._transient_keys = keypair()
        self._hello_key = b""
        """What c' and S make: for HELLO and WELCOME. Making it costs more than all else that is done with it."""
        self._key = b""
        """What c' and S' make, once WELCOME has brought S'."""
        self._ready = False

    @property
    def ready(self) -> bool:
        """READY was received."""
        return self._ready

    def start(self, facts: SessionFacts) -> list[bytes]:
        """Send HELLO.

        Raises:
            ZmtpError: the server's key that we were given is none.
        """
        self._facts = facts
        public, secret = self._transient_keys
        nonce = counted(b"CurveZMQHELLO---", _HELLO_NUMBER)
        try:
            self._hello_key = shared_key(self._server_key, secret)
            sealed = box(bytes(64), nonce, self._hello_key)
        except BoxError:
            raise cryptographic_failure("CURVE_SERVERKEY is not a key that a box can be made with") from None
        return [b"".join((HELLO, VERSION, _PADDING, public, nonce[-COUNTER.size :], sealed))]

    def receive(self, body: bytes) -> list[bytes]:
        """Take in WELCOME, READY or ERROR; WELCOME is answered with INITIATE.

        Raises:
            ZmtpError: the server refuses us, is not the one whose key we know, or sent something else.
        """
        if body.startswith(ERROR):
            raise refusal(body)
        if body.startswith(WELCOME) and not self._key:
            return self._receive_welcome(body)
        if body.startswith(READY) and self._key:
            self._receive_ready(body)
            return []
        raise unexpected_command(self.name, body)

    def _receive_welcome(self, body: bytes) -> list[bytes]:
        if len(body) != _WELCOME_SIZE:  # libzmq's code for it, although there is a better one
            raise cryptographic_failure(f"a WELCOME of {len(body)} octets, not {_WELCOME_SIZE}")
        start = len(WELCOME)
        stop = start + LONG_NONCE_SIZE
        try:
            # That this opens proves that the server has s.
            text = unbox(body[stop:], b"WELCOME-" + body[start:stop], self._hello_key)
        except BoxError:
            raise cryptographic_failure(
                "WELCOME does not open: the server has not the key in CURVE_SERVERKEY"
            ) from None
        try:
            return [self._initiate(text[:KEY_SIZE], text[KEY_SIZE:])]
        except BoxError:
            raise cryptographic_failure("WELCOME brought a key that a box cannot be made with") from None

    def _initiate(self, server_transient: bytes, cookie: bytes) -> bytes:
        transient_public, transient_secret = self._transient_keys
        own_public, own_secret = self._own_keys
        self._key = shared_key(server_transient, transient_secret)
        vouch_nonce = random_octets(LONG_NONCE_SIZE)
        vouch = box(
            transient_public + self._server_key, b"VOUCH---" + vouch_nonce, shared_key(server_transient, own_secret)
        )
        text = b"".join((own_public, vouch_nonce, vouch, encode_metadata(self._facts.properties())))
        nonce = counted(b"CurveZMQINITIATE", _INITIATE_NUMBER)
        return b"".join((INITIATE, cookie, nonce[-COUNTER.size :], box(text, nonce, self._key)))

    def _receive_ready(self, body: bytes) -> None:
        if len(body) < _MIN_READY_SIZE:
            raise malformed("READY", body, ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_READY)
        start = len(READY) + COUNTER.size
        nonce = body[len(READY) : start]
        try:
            data = unbox(body[start:], b"CurveZMQREADY---" + nonce, self._key)
        except BoxError:
            raise cryptographic_failure("the box of READY does not open") from None
        self.metadata = accept_metadata(self._facts, data, ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_METADATA)
        heard: int = COUNTER.unpack(nonce)[0]
        self.cipher = CurveCipher(self._key, as_server=False, sent=_INITIATE_NUMBER, heard=heard)
        self._ready = True

    def accepted(self) -> list[bytes]:
        """Nothing: a client asks no handler."""
        return []

    def refusal_command(self, reason: bytes) -> bytes | None:
        """Nothing: it is the server who refuses."""
        return None

    def __repr__(self) -> str:
        return f"<CurveClient {'ready' if self._ready else 'WELCOME received' if self._key else 'HELLO sent'}>"

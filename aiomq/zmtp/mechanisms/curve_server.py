"""The server's side of a CURVE handshake (RFC 26); what the commands hold is told in `curve_client`.

The cookie goes to the client and comes back. A server could forget the client meanwhile; this one has a connection to
keep open anyway, so it keeps its keys too, and takes the cookie for what it also is: proof that INITIATE answers the
WELCOME of this connection.
"""

from __future__ import annotations

from typing import ClassVar, Final

from aiomq import z85
from aiomq.constants import ProtocolError
from aiomq.crypto import (
    KEY_SIZE,
    MAC_SIZE,
    BoxError,
    box,
    keypair,
    random_octets,
    same,
    secret_box,
    shared_key,
    unbox,
    unbox_secret,
)
from aiomq.zmtp.commands import HELLO, INITIATE, READY, WELCOME, encode_metadata
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import (
    Mechanism,
    SessionFacts,
    ZapRequest,
    accept_metadata,
    check_name,
    check_roles,
    unexpected_command,
)
from aiomq.zmtp.mechanisms.curve import (
    COUNTER,
    LONG_NONCE_SIZE,
    NAME,
    VERSION,
    CurveCipher,
    counted,
    cryptographic_failure,
    invalid_sequence,
    malformed,
)

__all__ = ["CurveServer"]

_HELLO_SIZE: Final = 200
_HELLO_KEY: Final = 80
_HELLO_NONCE: Final = _HELLO_KEY + KEY_SIZE
_HELLO_BOX: Final = _HELLO_NONCE + COUNTER.size

_COOKIE_SIZE: Final = LONG_NONCE_SIZE + MAC_SIZE + 2 * KEY_SIZE
_COOKIE: Final = len(INITIATE)
_INITIATE_NONCE: Final = _COOKIE + _COOKIE_SIZE
_INITIATE_BOX: Final = _INITIATE_NONCE + COUNTER.size

_VOUCH: Final = KEY_SIZE + LONG_NONCE_SIZE
_METADATA: Final = _VOUCH + MAC_SIZE + 2 * KEY_SIZE
_MIN_INITIATE_SIZE: Final = _INITIATE_BOX + MAC_SIZE + _METADATA

_READY_NUMBER: Final = 1


class CurveServer(Mechanism):
    """The side whose key is known; it learns the client's key, and asks its ZAP handler about it, if there is one."""

    __slots__ = ("_client_transient", "_cookie_key", "_facts", "_heard", "_key", "_ready", "_secret_key", "_transient")

    name: ClassVar[bytes] = NAME
    as_server = True

    def __init__(self, secret_key: bytes) -> None:
        """Make one side of one handshake.

        Args:
            secret_key: s, 32 octets.
        """
        super().__init__()
        self._facts: SessionFacts
        self._secret_key = secret_key
        self._transient: tuple[bytes, bytes] | None = None
        """S' and s', from HELLO on."""
        self._client_transient = b""
        self._cookie_key = b""
        self._key = b""
        """What s' and C' make, once INITIATE was found to be genuine."""
        self._heard = 0
        self._ready = False

    @property
    def ready(self) -> bool:
        """READY was sent."""
        return self._ready

    def start(self, facts: SessionFacts) -> list[bytes]:
        """Wait for HELLO.

        Raises:
            ZmtpError: the peer is a server too.
        """
        self._facts = facts
        check_roles(self, facts)
        return []

    def receive(self, body: bytes) -> list[bytes]:
        """Take in HELLO, which is answered with WELCOME, and later INITIATE, which is answered with READY.

        Raises:
            ZmtpError: the peer has not our key, or not the one it claims to have, or sent something else.
        """
        check_name(self.name, body)
        if self._transient is None:
            return [self._receive_hello(body)]
        return self._receive_initiate(body, *self._transient)

    # -- HELLO and WELCOME -------------------------------------------------------------------------------------------

    def _receive_hello(self, body: bytes) -> bytes:
        if not body.startswith(HELLO):
            raise unexpected_command(self.name, body)
        if len(body) != _HELLO_SIZE or not body.startswith(VERSION, len(HELLO)):
            raise malformed("HELLO", body, ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO)
        self._client_transient = client_transient = body[_HELLO_KEY:_HELLO_NONCE]
        nonce = body[_HELLO_NONCE:_HELLO_BOX]
        self._heard = COUNTER.unpack(nonce)[0]
        try:
            key = shared_key(client_transient, self._secret_key)
            unbox(body[_HELLO_BOX:], b"CurveZMQHELLO---" + nonce, key)
        except BoxError:
            raise cryptographic_failure("HELLO does not open: the client has another server's key") from None
        return self._welcome(key)

    def _welcome(self, key: bytes) -> bytes:
        public, secret = self._transient = keypair()
        self._cookie_key = random_octets(KEY_SIZE)
        cookie_nonce = random_octets(LONG_NONCE_SIZE)
        cookie = secret_box(self._client_transient + secret, b"COOKIE--" + cookie_nonce, self._cookie_key)
        nonce = random_octets(LONG_NONCE_SIZE)
        return b"".join((WELCOME, nonce, box(public + cookie_nonce + cookie, b"WELCOME-" + nonce, key)))

    # -- INITIATE and READY ------------------------------------------------------------------------------------------

    def _receive_initiate(self, body: bytes, public: bytes, secret: bytes) -> list[bytes]:
        if not body.startswith(INITIATE):
            raise unexpected_command(self.name, body)
        if len(body) < _MIN_INITIATE_SIZE:
            raise malformed("INITIATE", body, ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_INITIATE)
        self._check_cookie(body[_COOKIE:_INITIATE_NONCE], secret)
        text, key = self._open_initiate(body, secret)
        client_key = text[:KEY_SIZE]
        self._check_vouch(client_key, text[KEY_SIZE:_METADATA], secret)
        self.metadata = accept_metadata(self._facts, text[_METADATA:])
        self.metadata["Public-Key"] = z85.encode(client_key)
        self._key = key
        required = self._facts.zap_enforce_domain
        self.question = ZapRequest(mechanism=self.name, credentials=(client_key,), required=required)
        return []

    def _check_cookie(self, cookie: bytes, secret: bytes) -> None:
        nonce, sealed = cookie[:LONG_NONCE_SIZE], cookie[LONG_NONCE_SIZE:]
        try:
            text = unbox_secret(sealed, b"COOKIE--" + nonce, self._cookie_key)
        except BoxError:
            raise cryptographic_failure("the cookie in INITIATE does not open") from None
        if not same(text, self._client_transient + secret):
            raise cryptographic_failure("the cookie in INITIATE is not the one of this connection")

    def _open_initiate(self, body: bytes, secret: bytes) -> tuple[bytes, bytes]:
        """Return what the box of an INITIATE holds, and the key that opened it."""
        nonce = body[_INITIATE_NONCE:_INITIATE_BOX]
        number: int = COUNTER.unpack(nonce)[0]
        if number <= self._heard:
            raise invalid_sequence("INITIATE")
        self._heard = number
        try:
            key = shared_key(self._client_transient, secret)
            return unbox(body[_INITIATE_BOX:], b"CurveZMQINITIATE" + nonce, key), key
        except BoxError:
            raise cryptographic_failure("the box of INITIATE does not open") from None

    def _check_vouch(self, client_key: bytes, vouch: bytes, secret: bytes) -> None:
        """Check that whoever has C' has c too. As in libzmq, that S is in the vouch is left to the client."""
        nonce, sealed = vouch[:LONG_NONCE_SIZE], vouch[LONG_NONCE_SIZE:]
        try:
            text = unbox(sealed, b"VOUCH---" + nonce, shared_key(client_key, secret))
        except BoxError:
            raise cryptographic_failure("the vouch in INITIATE does not open: the client's keys are no pair") from None
        if not same(text[:KEY_SIZE], self._client_transient):
            raise ZmtpError(
                "CURVE: the vouch in INITIATE is for another connection",
                code=ProtocolError.PROTOCOL_ERROR_ZMTP_KEY_EXCHANGE,
            )

    def accepted(self) -> list[bytes]:
        """Send READY."""
        nonce = counted(b"CurveZMQREADY---", _READY_NUMBER)
        sealed = box(encode_metadata(self._facts.properties()), nonce, self._key)
        self.cipher = CurveCipher(self._key, as_server=True, sent=_READY_NUMBER, heard=self._heard)
        self._ready = True
        return [READY + nonce[-COUNTER.size :] + sealed]

    def __repr__(self) -> str:
        state = "ready" if self._ready else "HELLO awaited" if self._transient is None else "INITIATE awaited"
        return f"<CurveServer {state}>"

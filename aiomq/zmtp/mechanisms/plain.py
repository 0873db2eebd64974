"""The PLAIN mechanism: a user name and a password, in the clear (RFC 24).

    client: HELLO user password    server: WELCOME, once a ZAP handler agreed, or ERROR
    client: INITIATE metadata      server: READY metadata

Who is the client is a matter of options, not of who connects. In one point libzmq is followed and not the RFC: the
first octet of a PLAIN server's ERROR is 5E instead of 05 and its E, and a libzmq client knows no other.
"""

from __future__ import annotations

from typing import ClassVar, Final

from aiomq.constants import ProtocolError
from aiomq.zmtp.commands import ERROR, HELLO, INITIATE, READY, WELCOME, encode_metadata, encode_ready
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import (
    Mechanism,
    SessionFacts,
    ZapRequest,
    accept_metadata,
    check_name,
    check_roles,
    outweigh,
    refusal,
    unexpected_command,
)

__all__ = ["PlainClient", "PlainServer"]

LIBZMQ_ERROR: Final = b"\x5eRROR"
"""What libzmq sends, and expects, for the name of ERROR: a slip of its source that became the protocol."""


class PlainClient(Mechanism):
    """The side that has a name and a password."""

    __slots__ = ("_facts", "_password", "_ready", "_username", "_welcomed")

    name: ClassVar[bytes] = b"PLAIN"

    def __init__(self, username: bytes, password: bytes) -> None:
        super().__init__()
        self._username = username
        self._password = password
        self._facts: SessionFacts
        self._welcomed = False
        self._ready = False

    @property
    def ready(self) -> bool:
        """READY was received."""
        return self._ready

    def start(self, facts: SessionFacts) -> list[bytes]:
        """Send HELLO."""
        self._facts = facts
        return [HELLO + _short(self._username) + _short(self._password)]

    def receive(self, body: bytes) -> list[bytes]:
        """Take in WELCOME, READY or ERROR; WELCOME is answered with INITIATE.

        Raises:
            ZmtpError: the server refuses us, or sent something else, or is not one to talk to.
        """
        if body.startswith(LIBZMQ_ERROR):
            raise refusal(ERROR + body[len(LIBZMQ_ERROR) :])
        if body.startswith(ERROR):
            raise refusal(body)
        if body.startswith(WELCOME) and not self._welcomed:
            return self._receive_welcome(body)
        if body.startswith(READY) and self._welcomed:
            code = ProtocolError.PROTOCOL_ERROR_ZMTP_INVALID_METADATA
            self.metadata = accept_metadata(self._facts, body[len(READY) :], code)
            self._ready = True
            return []
        raise unexpected_command(self.name, body)

    def _receive_welcome(self, body: bytes) -> list[bytes]:
        if body != WELCOME:
            raise ZmtpError(
                f"a WELCOME command of {len(body)} octets, not {len(WELCOME)}",
                code=ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_WELCOME,
            )
        self._welcomed = True
        return [INITIATE + encode_metadata(self._facts.properties())]

    def accepted(self) -> list[bytes]:
        """Nothing: a client asks no handler."""
        return []

    def refusal_command(self, reason: bytes) -> bytes | None:
        """Nothing: it is the server who refuses."""
        return None

    def __repr__(self) -> str:
        return f"<PlainClient {'ready' if self._ready else 'WELCOME received' if self._welcomed else 'HELLO sent'}>"


class PlainServer(Mechanism):
    """The side that asks its ZAP handler about names and passwords; without a handler nobody is let in."""

    __slots__ = ("_facts", "_greeted", "_ready")

    name: ClassVar[bytes] = b"PLAIN"
    as_server = True

    def __init__(self) -> None:
        super().__init__()
        self._facts: SessionFacts
        self._greeted = False
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
        """Take in HELLO, which makes the question for the handler, and later INITIATE, which is answered with READY.

        Raises:
            ZmtpError: the peer sent something else, or is not one to talk to.
        """
        if not self._greeted:
            check_name(self.name, body)
            if not body.startswith(HELLO):
                raise unexpected_command(self.name, body)
            self._greeted = True
            self.question = ZapRequest(mechanism=self.name, credentials=_credentials(body), required=True)
            return []
        if not body.startswith(INITIATE):
            raise unexpected_command(self.name, body)
        # What a ZAP handler said of the peer outweighs what it says of itself.
        self.metadata = outweigh(accept_metadata(self._facts, body[len(INITIATE) :]), self.metadata)
        self._ready = True
        return [encode_ready(self._facts.properties())]

    def accepted(self) -> list[bytes]:
        """Send WELCOME."""
        return [WELCOME]

    def refusal_command(self, reason: bytes) -> bytes | None:
        """Return ERROR as libzmq spells it."""
        return LIBZMQ_ERROR + _short(reason)

    def __repr__(self) -> str:
        return f"<PlainServer {'ready' if self._ready else 'HELLO received' if self._greeted else 'HELLO awaited'}>"


def _short(value: bytes) -> bytes:
    return bytes((len(value),)) + value


def _credentials(body: bytes) -> tuple[bytes, bytes]:
    """Return name and password of a HELLO, which is not quoted in any error."""
    start = len(HELLO)
    values = []
    for what in ("user name", "password"):
        stop = start + 1 + body[start] if start < len(body) else len(body) + 1
        if stop > len(body):
            raise _malformed_hello(f"is cut short in its {what}")
        values.append(body[start + 1 : stop])
        start = stop
    if start != len(body):
        raise _malformed_hello(f"has {len(body) - start} octets too many")
    return values[0], values[1]


def _malformed_hello(what: str) -> ZmtpError:
    code = ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_HELLO
    return ZmtpError(f"a HELLO command of PLAIN {what}", code=code)

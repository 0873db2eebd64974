"""The contract between a session and its security mechanism, and what all mechanisms share.

A mechanism sees bodies of handshake commands, whole, and answers with bodies to send. It knows no frames and no
versions' layouts. One that encrypts gives a `TrafficCipher` to the frame codecs; one that wants the user's consent
asks with `question` and goes on when the session's owner calls `answer` (RFC 27, ZAP).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol

from aiomq.constants import ProtocolError, SocketType
from aiomq.socket_types import ANNOUNCES_ROUTING_ID, is_compatible, type_named, wire_name
from aiomq.zmtp.commands import encode_error, name_of, parse_error, parse_metadata
from aiomq.zmtp.errors import ZmtpError, quoted

__all__ = [
    "Mechanism",
    "SessionFacts",
    "TrafficCipher",
    "ZapReply",
    "ZapRequest",
    "accept_metadata",
    "check_name",
    "check_roles",
    "check_socket_type",
    "outweigh",
    "refusal",
    "unexpected_command",
]

ACCEPTED: Final = 200
"""The ZAP status that lets a peer in."""

TEMPORARY: Final = 300
"""The ZAP status of a refusal that may pass; the peer is not told."""

_NOT_ANNOUNCED: Final = frozenset({"user-id", "public-key", "peer-address", "routing-id", "__fd"})
"""Names, in lower case, under which programs are told what this side or its ZAP handler found out about a peer."""

_STATUS_REASONS: Final = {b"300": 300, b"400": 400, b"500": 500}
"""Reasons of an ERROR command that are the status a ZAP handler gave, whole and exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """What a mechanism is told when the greetings are over."""

    socket_type: SocketType
    routing_id: bytes
    metadata: tuple[tuple[str, bytes], ...]
    zap_domain: bytes
    zap_enforce_domain: bool = False
    peer_as_server: bool

    def properties(self) -> list[tuple[str, bytes]]:
        """Return the properties that we announce, in libzmq's order."""
        properties = [("Socket-Type", wire_name(self.socket_type))]
        if self.routing_id or self.socket_type in ANNOUNCES_ROUTING_ID:
            properties.append(("Identity", self.routing_id))
        properties += self.metadata
        return properties


@dataclass(frozen=True, slots=True, kw_only=True)
class ZapRequest:
    """What a mechanism knows of a peer that wants in; the owner of the session adds domain, address and the rest."""

    mechanism: bytes
    credentials: tuple[bytes, ...] = ()
    required: bool = False
    """Whether the peer must not be let in where there is no handler to ask."""

    def __repr__(self) -> str:
        return f"<ZapRequest {self.mechanism.decode()}, {len(self.credentials)} credentials>"  # secrets, so not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ZapReply:
    """A verdict on a `ZapRequest`."""

    status: int
    text: str = ""
    metadata: dict[str, bytes] = field(default_factory=dict)
    """Properties to add to the peer's, "User-Id" among them. They outweigh what the peer says of itself."""

    def __repr__(self) -> str:
        return f"<ZapReply {self.status}, {len(self.metadata)} properties>"  # those may be secrets, and logs show this


class TrafficCipher(Protocol):
    """Wraps and unwraps the frames of traffic, each by itself (RFC 26, MESSAGE)."""

    def encode(self, body: bytes, *, more: bool, command: bool) -> bytes:
        """Return the body of the frame to send, which itself has neither MORE nor COMMAND."""

    def encode_parts(self, body: bytes, *, more: bool, command: bool) -> tuple[bytes, bytes]:
        """Return the same in two parts, for who puts something before them: large ones are not copied twice then."""

    def decode(self, body: bytes) -> tuple[bytes, bool, bool]:
        """Return what a received frame holds: its body, whether more follow, and whether it is a command.

        Raises:
            ZmtpError: the frame is not what the peer would have sent.
        """


class Mechanism(ABC):
    """One side of one handshake."""

    __slots__ = ("cipher", "metadata", "question")

    name: ClassVar[bytes]
    """What the greeting announces, without padding."""

    as_server: bool = False
    """What the greeting announces of our role."""

    accepts_old_peers: ClassVar[bool] = False
    """Whether it asks nothing of a peer, so that one of ZMTP 1.0 or 2.0, which has no mechanism, may be let in."""

    def __init__(self) -> None:
        self.metadata: dict[str, bytes] = {}
        """What is known of the peer; complete once `ready`."""
        self.question: ZapRequest | None = None
        """While set, the handshake waits for `answer`; no command is given to `receive`."""
        self.cipher: TrafficCipher | None = None
        """What traffic must go through, from `ready` on; None for traffic in the clear."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """The handshake is over, both ways: messages may follow."""

    @abstractmethod
    def start(self, facts: SessionFacts) -> list[bytes]:
        """Begin, now that the greetings agree; return the bodies of the commands to send."""

    @abstractmethod
    def receive(self, body: bytes) -> list[bytes]:
        """Take in a command; return the bodies of the commands to send.

        Raises:
            ZmtpError: the command is malformed or out of turn, or the peer gives up or is not to be let in.
        """

    @abstractmethod
    def accepted(self) -> list[bytes]:
        """Go on after the answer to `question` was yes; return the bodies of the commands to send."""

    def refusal_command(self, reason: bytes) -> bytes | None:
        """Return the body of the command that tells the peer why it is refused; None where our role has none."""
        return encode_error(reason)

    def answer(self, reply: ZapReply) -> list[bytes]:
        """Go on with the answer to `question`; return the bodies of the commands to send.

        Raises:
            ZmtpError: the answer was no.
        """
        if self.question is None:
            raise RuntimeError(f"{type(self).__name__} asked nothing")
        self.question = None
        if reply.status != ACCEPTED:
            temporary = reply.status == TEMPORARY
            # 27/ZAP: 300 is a temporary condition, of which the peer learns by the closed connection alone.
            raise ZmtpError(
                f"the ZAP handler refused the peer with status {reply.status} {reply.text[:80]!r}",
                auth_status=reply.status,
                fatal=not temporary,
                report=None if temporary else b"%d" % reply.status,
            )
        replies = self.accepted()
        self.metadata = outweigh(self.metadata, reply.metadata)
        return replies


def accept_metadata(facts: SessionFacts, data: bytes, code: ProtocolError | None = None) -> dict[str, bytes]:
    """Return the properties of a peer, if it is one that our socket may talk to.

    A peer without a Socket-Type is taken for one: the RFC only asks that it SHOULD say, and libzmq accepts it. What
    is not a peer's to say of itself, such as its User-Id, is left out.

    Raises:
        ZmtpError: the metadata is malformed, or the socket types are not compatible.
    """
    metadata = parse_metadata(data, code)
    check_socket_type(facts.socket_type, metadata, code)
    return {name: value for name, value in metadata.items() if name.lower() not in _NOT_ANNOUNCED}


def outweigh(announced: Mapping[str, bytes], given: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return properties of which those that were given replace those that were announced, in any case of letters."""
    names = {name.lower() for name in given}
    return {name: value for name, value in announced.items() if name.lower() not in names} | dict(given)


def check_socket_type(
    ours: SocketType,
    metadata: Mapping[str, bytes],
    code: ProtocolError | None = None,
    report: bytes | None = b"incompatible-socket-type",
) -> None:
    """Check that a socket of our type may talk to one of the type that metadata name, if they do.

    Raises:
        ZmtpError: it may not.
    """
    announced = metadata.get("Socket-Type")
    if announced is not None:
        theirs = type_named(announced)
        if theirs is None or not is_compatible(ours, theirs):
            # Only a name that is one is repeated: where a length is wrong, what stands there may be a secret.
            named = (
                f"type {quoted(announced)}"
                if theirs is not None
                else f"no type that is known (of {len(announced)} octets)"
            )
            what = f"a {ours.name} socket cannot talk to a peer of {named}"
            raise ZmtpError(what, code=code, incompatible=True, report=report)


def check_roles(mechanism: Mechanism, facts: SessionFacts) -> None:
    """Check that the two sides are not both the server: neither would ever say a word.

    Raises:
        ZmtpError: they are.
    """
    if mechanism.as_server and facts.peer_as_server:
        raise ZmtpError(
            f"both sides are {mechanism.name.decode()} servers: one has to be the client",
            code=ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
        )


def check_name(mechanism: bytes, body: bytes) -> None:
    """Check that a command has a name and something after it, as libzmq does where it expects such a command.

    Raises:
        ZmtpError: it has not.
    """
    if len(body) <= 1 or len(body) <= body[0]:
        raise ZmtpError(
            f"{mechanism.decode()}: a command of {len(body)} octets, whose name does not fit",
            code=ProtocolError.PROTOCOL_ERROR_ZMTP_MALFORMED_COMMAND_UNSPECIFIED,
        )


def refusal(body: bytes) -> ZmtpError:
    """Return the error that a peer's ERROR command means for us.

    Raises:
        ZmtpError: the command itself is malformed.
    """
    reason = parse_error(body)
    return ZmtpError(f"the peer refused the handshake: {quoted(reason)}", auth_status=_STATUS_REASONS.get(reason))


def unexpected_command(mechanism: bytes, body: bytes) -> ZmtpError:
    """Return the error for a command that has no place at this point of the handshake."""
    shown = name_of(body) or "a name that is not known"  # and no more: what stands there may be a secret
    return ZmtpError(
        f"unexpected command in the {mechanism.decode()} handshake: {shown}",
        code=ProtocolError.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND,
        report=b"unexpected-command",
    )

"""The handshake of one connection, as bytes in and bytes out (RFC 13, 15, 23 and 37; libzmq's order of things).

A session finds out which version the peer speaks, exchanges greetings, routing ids or READY commands with it, and says
how the traffic after that has to be read and written. It does no I/O and has no clock: the deadline of a handshake
is its owner's. The owner calls `start`, then `receive_data` with what arrives, and writes `data_to_send` after each,
also after a `ZmtpError`. Once `ready`, `leftover` is the beginning of the traffic and the session is done.

What happens is the table in `states`. Each state has one reader here, which looks at the octets held and names the
event that they make, or none if more are needed; the table says what comes next.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiomq.budgets import Budgets
from aiomq.constants import ProtocolError, SocketType
from aiomq.errors import ZMQError
from aiomq.message import Item, Subscription
from aiomq.socket_types import PUBLISHERS, type_named
from aiomq.zmtp import handshake_frames as frames
from aiomq.zmtp.commands import MAX_PROPERTIES, encode_metadata
from aiomq.zmtp.errors import ZmtpError, quoted
from aiomq.zmtp.greeting import (
    GREETING_SIZE,
    MECHANISM_SIZE,
    OLD_GREETING_SIZE,
    REVISION_OFFSET,
    Framing,
    encode_rest,
    encode_revision,
    encode_signature,
    encode_socket_type,
    is_old_revision,
    is_versioned,
    negotiate,
    old_socket_type,
    parse_greeting,
)
from aiomq.zmtp.mechanisms.base import (
    Mechanism,
    SessionFacts,
    TrafficCipher,
    ZapReply,
    ZapRequest,
    check_socket_type,
)
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.states import TRANSITIONS, Event, State

__all__ = [
    "MAX_COMMAND_SIZE",
    "MAX_ROUTING_ID_SIZE",
    "Framing",
    "PeerInfo",
    "Session",
    "SessionConfig",
    "State",
]

MAX_COMMAND_SIZE: Final = Budgets().handshake_bytes
"""Octets in the body of one handshake command, metadata included, where no other limit is set."""

MAX_ROUTING_ID_SIZE: Final = 255
"""Octets in a routing id, ours or that of a 1.0 or 2.0 peer (RFC 37, The Identity Property)."""

_MAX_METADATA_SIZE: Final = MAX_COMMAND_SIZE // 2
"""Octets of own metadata: so that a peer with our limits always takes our READY or INITIATE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """What to announce and accept in a handshake.

    Attributes:
        socket_type: our type; the peer's must be compatible.
        routing_id: our identity, up to 255 octets.
        lowest_version: peers of an older version are refused.
        max_message_size: MAXMSGSIZE, -1 for none. It bounds handshake frames too, as it does in libzmq.
        max_held: octets in the body of one handshake command, metadata included: what a stranger can make us hold.
            0 for no limit.
        mechanism: makes a new security mechanism for each session.
        metadata: application properties to announce, in this order.
        zap_domain: if not empty, the ZAP handler is asked about every peer, and 1.0 and 2.0 peers are refused.
        zap_enforce_domain: whether a peer is refused where a handler is to be asked and there is none.

    Raises:
        ZMQError: EINVAL for a routing id or metadata that does not fit into a handshake.
    """

    socket_type: SocketType
    routing_id: bytes = b""
    lowest_version: tuple[int, int] = (1, 0)
    max_message_size: int = -1
    max_held: int = MAX_COMMAND_SIZE
    mechanism: Callable[[], Mechanism] = NullMechanism
    metadata: tuple[tuple[str, bytes], ...] = ()
    zap_domain: bytes = b""
    zap_enforce_domain: bool = False

    def __post_init__(self) -> None:
        if len(self.routing_id) > MAX_ROUTING_ID_SIZE:
            what = f"a routing id has up to {MAX_ROUTING_ID_SIZE} octets, not {len(self.routing_id)}"
            raise ZMQError(errno.EINVAL, what)
        if not self.metadata:
            return
        try:
            size = len(encode_metadata(self.metadata))
        except ValueError as error:
            raise ZMQError(errno.EINVAL, str(error)) from None
        if size > _MAX_METADATA_SIZE or len(self.metadata) > MAX_PROPERTIES // 2:
            what = f"{len(self.metadata)} properties of {size} octets in all"
            limit = f"up to {MAX_PROPERTIES // 2} of {_MAX_METADATA_SIZE} octets"
            raise ZMQError(errno.EINVAL, f"metadata must fit into one command: {what}, but {limit} do")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerInfo:
    """Who is at the other end, once the handshake is over.

    Attributes:
        version: what both sides speak: (1, 0), (2, 0), (3, 0) or (3, 1). Before 3.0 there are no metadata,
            no commands and no handshake events.
        revision0: the peer is a 1.0 peer that sent a signature and a revision octet all the same.
        socket_type: its type; None if it did not say.
        routing_id: the identity that it announced; empty if none.
        metadata: its properties, and those that a ZAP handler gave it.
        mechanism: the name of the security mechanism; empty where the version has none.
    """

    version: tuple[int, int]
    revision0: bool = False
    socket_type: SocketType | None = None
    routing_id: bytes = b""
    metadata: dict[str, bytes]
    mechanism: str = ""


_NOBODY: Final = PeerInfo(version=(0, 0), metadata={})
"""What is known of a peer that has said nothing yet."""


class Session:
    """One side of one handshake; see the module."""

    __slots__ = (
        "_config",
        "_error",
        "_info",
        "_max_command_size",
        "_max_routing_id_size",
        "_mechanism",
        "_outgoing",
        "_received",
        "_state",
        "framing",
        "injected",
        "subscription_commands",
    )

    def __init__(self, config: SessionConfig) -> None:
        self.framing = Framing.V2
        """How the frames of traffic look, both ways. Settled once `ready`."""
        self.subscription_commands = True
        """Whether subscriptions go to the peer as commands; otherwise as messages. Settled once `ready`."""
        self.injected: tuple[Item, ...] = ()
        """What the peer would have said before its traffic, had its version had words for it."""
        self._config = config
        self._mechanism = config.mechanism()
        self._state = State.IDLE
        self._received = bytearray()
        self._outgoing = bytearray()
        self._info = _NOBODY
        self._error: ZmtpError | None = None
        limit = config.max_message_size
        self._max_command_size = min(config.max_held or sys.maxsize, sys.maxsize if limit < 0 else limit)
        self._max_routing_id_size = MAX_ROUTING_ID_SIZE if limit < 0 else min(limit, MAX_ROUTING_ID_SIZE)

    # -- what the owner calls ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin: the signature goes out before anything is known of the peer."""
        if self._state is not State.IDLE:
            raise RuntimeError(f"this handshake was started before: {self!r}")
        self._move(Event.STARTED)
        self._outgoing += encode_signature(len(self._config.routing_id))

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """Take in octets from the peer; once the handshake is over, what follows it is kept as `leftover`.

        Raises:
            ZmtpError: the peer broke the protocol or refused us. Send `data_to_send`, then close. The same error is
                raised for whatever is received later.
        """
        if self._error is not None:
            raise self._error
        if self._state is State.IDLE or self._state is State.READY:
            raise RuntimeError(f"only a running handshake takes octets: {self!r}")
        self._received += data
        self._advance()

    def data_to_send(self) -> bytes:
        """Return the octets to write now, and forget them."""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def leftover(self) -> bytes:
        """Return, once, the octets that arrived behind the handshake: the beginning of the traffic."""
        if self._state is not State.READY:
            raise RuntimeError(f"what arrives belongs to the handshake until it is over: {self!r}")
        data = bytes(self._received)
        self._received.clear()
        return data

    @property
    def ready(self) -> bool:
        """The handshake is over, both ways. Send `data_to_send` before any traffic."""
        return self._state is State.READY

    @property
    def state(self) -> State:
        """How far the handshake has come."""
        return self._state

    @property
    def held(self) -> int:
        """How many octets of the peer are kept."""
        return len(self._received)

    @property
    def peer(self) -> PeerInfo:
        """Who is at the other end, once `ready`."""
        if self._state is not State.READY:
            raise RuntimeError(f"who the peer is, is known when the handshake is over: {self!r}")
        return self._info

    @property
    def cipher(self) -> TrafficCipher | None:
        """What the frames of traffic must go through, once `ready`; None for traffic in the clear."""
        return self._mechanism.cipher

    @property
    def zap_request(self) -> ZapRequest | None:
        """What to ask the ZAP handler; while it is set the handshake waits for `receive_zap_reply`."""
        return self._mechanism.question if self._state is State.SECURITY else None

    def receive_zap_reply(self, reply: ZapReply) -> None:
        """Go on with the verdict on `zap_request`.

        Raises:
            ZmtpError: the peer is refused, or had broken the protocol meanwhile.
        """
        if self.zap_request is None:
            raise RuntimeError(f"no ZAP request is open: {self!r}")
        try:
            code = ProtocolError.PROTOCOL_ERROR_ZAP_INVALID_METADATA
            check_socket_type(self._config.socket_type, reply.metadata, code, report=None)
            self._send_commands(self._mechanism.answer(reply))
        except ZmtpError as error:
            self._fail(error)
            raise
        self._advance()

    # -- the machine -------------------------------------------------------------------------------------------------

    def _move(self, event: Event) -> None:
        self._state = TRANSITIONS[self._state][event]

    def _advance(self) -> None:
        """Read on for as long as what is held makes events."""
        try:
            while (reader := _READERS.get(self._state)) is not None:
                event = reader(self)
                if event is None:
                    break
                self._move(event)
        except ZmtpError as error:
            self._fail(error)
            raise

    def _fail(self, error: ZmtpError) -> None:
        if self._state is State.SECURITY and error.report is not None:
            refusal = self._mechanism.refusal_command(error.report)
            self._send_commands([] if refusal is None else [refusal])
        self._error = error
        self._received.clear()
        self._move(Event.VIOLATION)

    def _send_commands(self, bodies: list[bytes]) -> None:
        for body in bodies:
            self._outgoing += frames.encode_command(body)

    def _consume(self, size: int) -> None:
        del self._received[:size]

    # -- the readers, one a state ------------------------------------------------------------------------------------

    def _read_signature(self) -> Event | None:
        versioned = is_versioned(self._received)
        if versioned is None:
            return None
        if versioned:
            # Not a matter of what the peer says next: two peers that both wait for that octet would wait forever.
            self._outgoing += encode_revision()
            return Event.VERSIONED
        self._refuse_old_peer_if_secure()
        self._settle(None)
        # The ten octets that were sent are the header of our routing id frame; here is its body.
        self._outgoing += self._config.routing_id
        return Event.UNVERSIONED

    def _read_revision(self) -> Event | None:
        if len(self._received) <= REVISION_OFFSET:
            return None
        if is_old_revision(self._received[REVISION_OFFSET]):
            self._outgoing += encode_socket_type(self._config.socket_type)
            return Event.OLD_REVISION
        self._outgoing += encode_rest(self._mechanism.name, as_server=self._mechanism.as_server)
        return Event.NEW_REVISION

    def _read_socket_type(self) -> Event | None:
        if len(self._received) < OLD_GREETING_SIZE:
            return None
        self._refuse_old_peer_if_secure()
        revision, octet = self._received[REVISION_OFFSET:OLD_GREETING_SIZE]
        self._settle(revision, socket_type=old_socket_type(octet))
        self._consume(OLD_GREETING_SIZE)
        encode = frames.encode_v1 if self.framing is Framing.V1 else frames.encode_v2
        self._outgoing += encode(self._config.routing_id)
        return Event.GREETED

    def _read_greeting(self) -> Event | None:
        if len(self._received) < GREETING_SIZE:
            return None
        greeting = parse_greeting(self._received)
        ours = self._mechanism.name
        if greeting.mechanism != ours.ljust(MECHANISM_SIZE, b"\0"):
            theirs = quoted(greeting.mechanism.rstrip(b"\0"))
            raise ZmtpError(
                f"the peer's security mechanism is {theirs}, ours is {quoted(ours)}: both must be the same",
                code=ProtocolError.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH,
            )
        self._settle(greeting.major, greeting.minor)
        self._consume(GREETING_SIZE)
        facts = SessionFacts(
            socket_type=self._config.socket_type,
            routing_id=self._config.routing_id,
            metadata=self._config.metadata,
            zap_domain=self._config.zap_domain,
            zap_enforce_domain=self._config.zap_enforce_domain,
            peer_as_server=greeting.as_server,
        )
        self._send_commands(self._mechanism.start(facts))
        return Event.GREETED

    def _read_routing_id(self) -> Event | None:
        parse = frames.parse_v1 if self.framing is Framing.V1 else frames.parse_v2
        frame = parse(self._received, self._max_routing_id_size, "routing id")
        if frame is None:
            return None
        routing_id, size = frame
        self._consume(size)
        info = self._info
        self._info = PeerInfo(
            version=info.version,
            revision0=info.revision0,
            socket_type=info.socket_type,
            routing_id=routing_id,
            metadata={},
        )
        return Event.IDENTIFIED

    def _read_command(self) -> Event | None:
        mechanism = self._mechanism
        if mechanism.ready:
            self._secure()
            return Event.SECURED
        if mechanism.question is not None:
            # Nobody has to say more before it gets an answer.
            most = (self._config.max_held or sys.maxsize) + frames.MAX_HEADER_SIZE
            if len(self._received) > most:
                why = f"the peer sent more than {most} octets before it was let in"
                raise ZmtpError(why, budget="handshake_bytes")
            return None
        # The COMMAND bit is not looked at: libzmq takes handshake commands in plain frames as well.
        budget = self._budget_of_size()
        frame = frames.parse_v2(self._received, self._max_command_size, "handshake command", budget=budget)
        if frame is None:
            return None
        body, size = frame
        self._consume(size)
        self._send_commands(mechanism.receive(body))
        return Event.COMMAND

    # -- what the readers find out -----------------------------------------------------------------------------------

    def _refuse_old_peer_if_secure(self) -> None:
        """37/ZMTP, Detecting ZMTP 1.0 and 2.0 Peers: only NULL security may be given to one."""
        name = self._mechanism.name
        if not self._mechanism.accepts_old_peers:
            raise ZmtpError(f"the peer is older than ZMTP 3.0, which has no security, and ours is {name.decode()}")
        if self._config.zap_domain:
            raise ZmtpError("the peer is older than ZMTP 3.0 and cannot be asked about by ZAP (ZAP_DOMAIN is set)")

    def _budget_of_size(self) -> str:
        """Return the budget that a command which is too large is over; none if MAXMSGSIZE is the limit."""
        return "handshake_bytes" if self._max_command_size == self._config.max_held else ""

    def _settle(self, revision: int | None, minor: int | None = None, *, socket_type: SocketType | None = None) -> None:
        """Keep what the greeting decides."""
        version, self.framing, self.subscription_commands = negotiate(revision, minor)
        lowest = self._config.lowest_version
        if version < lowest:
            words = [f"{major}.{minor}" for major, minor in (version, lowest)]
            raise ZmtpError(
                f"the peer speaks ZMTP {words[0]}, and nothing older than {words[1]} is spoken here (zmtp_min)",
                errno=errno.EPROTONOSUPPORT,
            )
        self._info = PeerInfo(version=version, revision0=revision == 0, socket_type=socket_type, metadata={})
        if revision is None and self._config.socket_type in PUBLISHERS:
            # A subscriber of ZMTP 1.0 filters at its own end and never says what it wants: it gets everything.
            self.injected = (Subscription(b"", subscribe=True),)

    def _secure(self) -> None:
        """Keep what the mechanism found out."""
        metadata = self._mechanism.metadata
        self._info = PeerInfo(
            version=self._info.version,
            socket_type=type_named(metadata.get("Socket-Type", b"")),
            routing_id=metadata.get("Identity", b""),
            metadata=metadata,
            mechanism=self._mechanism.name.decode(),
        )

    def __repr__(self) -> str:
        parts = ["Session", self._config.socket_type.name, self._state.name]
        if self._info.version > (0, 0):
            major, minor = self._info.version
            parts.append(f"ZMTP {major}.{minor}")
        return f"<{' '.join(parts)} held={self.held}>"


_READERS: Final[dict[State, Callable[[Session], Event | None]]] = {
    State.SIGNATURE: Session._read_signature,
    State.REVISION: Session._read_revision,
    State.SOCKET_TYPE: Session._read_socket_type,
    State.GREETING: Session._read_greeting,
    State.ROUTING_ID: Session._read_routing_id,
    State.SECURITY: Session._read_command,
}

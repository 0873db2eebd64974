"""Mechanisms back to back: two sessions, and single commands between a client and a server that nobody listens to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from aiomq.constants import SocketType
from aiomq.crypto import keypair
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import Mechanism, SessionFacts, ZapReply
from aiomq.zmtp.mechanisms.curve_client import CurveClient
from aiomq.zmtp.mechanisms.curve_server import CurveServer
from tests.zmtp.session_pair import SessionPair, make_session

__all__ = ["ALLOWED", "CLIENT", "SERVER", "CurveParty", "error_of", "facts", "paired"]

SERVER: Final = keypair()
CLIENT: Final = keypair()

ALLOWED: Final = ZapReply(status=200, metadata={"User-Id": b"joe"})


def facts(
    socket_type: SocketType = SocketType.DEALER,
    *,
    routing_id: bytes = b"",
    zap_domain: bytes = b"",
    zap_enforce_domain: bool = False,
    peer_as_server: bool = False,
) -> SessionFacts:
    """Return what a mechanism is told at its start."""
    return SessionFacts(
        socket_type=socket_type,
        routing_id=routing_id,
        metadata=(),
        zap_domain=zap_domain,
        zap_enforce_domain=zap_enforce_domain,
        peer_as_server=peer_as_server,
    )


def error_of(act: Callable[[], object]) -> ZmtpError:
    """Return the error that something raises; it must raise one."""
    with pytest.raises(ZmtpError) as caught:
        act()
    return caught.value


def paired(
    client: Callable[[], Mechanism], server: Callable[[], Mechanism], *, chunk_size: int = 1 << 20
) -> SessionPair:
    """Return a DEALER and a ROUTER whose handshake is over."""
    left = make_session(SocketType.DEALER, b"me", mechanism=client)
    pair = SessionPair(left, make_session(SocketType.ROUTER, mechanism=server))
    pair.run(chunk_size)
    pair.right.receive_zap_reply(ALLOWED)
    pair.run(chunk_size)
    return pair


class CurveParty:
    """A CURVE client and server, with the commands that have passed between them so far."""

    def __init__(self, *, keys: tuple[bytes, bytes] = CLIENT, server_key: bytes = SERVER[0]) -> None:
        self.client = CurveClient(*keys, server_key)
        self.server = CurveServer(SERVER[1])
        self.server.start(facts(SocketType.ROUTER))
        self.hello = self.client.start(facts())[0]
        self.welcome = b""
        self.initiate = b""
        self.ready = b""

    def to_welcome(self) -> CurveParty:
        """Go on until the server has said WELCOME."""
        self.welcome = self.server.receive(self.hello)[0]
        return self

    def to_initiate(self) -> CurveParty:
        """Go on until the client has said INITIATE."""
        self.to_welcome()
        self.initiate = self.client.receive(self.welcome)[0]
        return self

    def to_ready(self) -> CurveParty:
        """Go on until the server has said READY."""
        self.to_initiate()
        self.server.receive(self.initiate)
        self.ready = self.server.answer(ALLOWED)[0]
        return self

    def to_traffic(self) -> CurveParty:
        """Go on until both sides are ready."""
        self.to_ready()
        self.client.receive(self.ready)
        return self

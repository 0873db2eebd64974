"""The NULL mechanism: no secrets, just the metadata of both sides (RFC 37, The NULL Security Mechanism).

    null = READY *message | ERROR

Each side sends READY as soon as the greetings are over. The RFC wants the connecting side to begin; libzmq does not
wait for it, and so needs nobody else to.
"""

from __future__ import annotations

from typing import ClassVar

from aiomq.zmtp.commands import ERROR, READY, encode_ready
from aiomq.zmtp.mechanisms.base import (
    Mechanism,
    SessionFacts,
    ZapRequest,
    accept_metadata,
    outweigh,
    refusal,
    unexpected_command,
)

__all__ = ["NullMechanism"]


class NullMechanism(Mechanism):
    """One side of a NULL handshake; with a ZAP domain it asks before it says READY."""

    __slots__ = ("_facts", "_received", "_sent")

    name: ClassVar[bytes] = b"NULL"
    accepts_old_peers: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self._facts: SessionFacts
        self._sent = False
        self._received = False

    @property
    def ready(self) -> bool:
        """READY was sent and received."""
        return self._sent and self._received

    def start(self, facts: SessionFacts) -> list[bytes]:
        """Send READY, or ask for leave to do so."""
        self._facts = facts
        if facts.zap_domain:
            self.question = ZapRequest(mechanism=self.name, required=facts.zap_enforce_domain)
            return []
        return self.accepted()

    def accepted(self) -> list[bytes]:
        """Send READY."""
        self._sent = True
        return [encode_ready(self._facts.properties())]

    def receive(self, body: bytes) -> list[bytes]:
        """Take in the peer's READY or ERROR; there is nothing to reply.

        Raises:
            ZmtpError: the peer sent ERROR, or something else than one READY, or is not one to talk to.
        """
        if self._received:
            raise unexpected_command(self.name, body)
        if body.startswith(READY):
            # What a ZAP handler said of the peer outweighs what it says of itself.
            self.metadata = outweigh(accept_metadata(self._facts, body[len(READY) :]), self.metadata)
            self._received = True
            return []
        if body.startswith(ERROR):
            raise refusal(body)
        raise unexpected_command(self.name, body)

    def __repr__(self) -> str:
        said = "sent" if self._sent else "unsent"
        heard = "received" if self._received else "awaited"
        return f"<NullMechanism READY {said}, {heard}>"

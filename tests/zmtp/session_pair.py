"""Two sessions back to back, and one session against octets written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from aiomq.constants import SocketType
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.mechanisms.base import Mechanism
from aiomq.zmtp.mechanisms.null import NullMechanism
from aiomq.zmtp.session import Session, SessionConfig

SIGNATURE: Final = bytes.fromhex("ff00000000000000017f")
NULL_REST: Final = b"\x01NULL" + bytes(16) + bytes(32)
"""The greeting from the minor version on, for 3.1 and NULL."""
GREETING_31: Final = SIGNATURE + b"\x03" + NULL_REST
GREETING_30: Final = SIGNATURE + b"\x03\x00" + NULL_REST[1:]

READY_REP: Final = bytes.fromhex("04190552454144590b536f636b65742d5479706500000003524550")
READY_PUB: Final = bytes.fromhex("04190552454144590b536f636b65742d5479706500000003505542")
READY_SUB: Final = bytes.fromhex("04190552454144590b536f636b65742d5479706500000003535542")
READY_PULL: Final = bytes.fromhex("041a0552454144590b536f636b65742d547970650000000450554c4c")


def make_session(
    socket_type: SocketType,
    routing_id: bytes = b"",
    *,
    max_message_size: int = -1,
    metadata: tuple[tuple[str, bytes], ...] = (),
    zap_domain: bytes = b"",
    mechanism: Callable[[], Mechanism] = NullMechanism,
) -> Session:
    """Return a session that has started and whose signature is still to be sent."""
    session = Session(
        SessionConfig(
            socket_type=socket_type,
            routing_id=routing_id,
            max_message_size=max_message_size,
            metadata=metadata,
            zap_domain=zap_domain,
            mechanism=mechanism,
        )
    )
    session.start()
    return session


def feed(session: Session, chunks: Iterable[bytes]) -> bytes:
    """Give chunks to a session and return all that it wants sent; what comes once it is ready goes to its leftover."""
    sent = session.data_to_send()
    late = b""
    for chunk in chunks:
        if session.ready:
            late += chunk
        else:
            session.receive_data(chunk)
        sent += session.data_to_send()
    if late:
        raise AssertionError(f"the session was ready before {late!r}: feed only the handshake")
    return sent


def octets(data: bytes) -> list[bytes]:
    """Return data cut into single octets."""
    return [data[index : index + 1] for index in range(len(data))]


def failure_of(session: Session, data: bytes) -> ZmtpError:
    """Return the error that data makes a session raise; it must raise one."""
    try:
        session.receive_data(data)
    except ZmtpError as error:
        return error
    raise AssertionError(f"{session!r} accepted {data!r}")


class SessionPair:
    """Two sessions that read what the other one sends, and the wire between them."""

    def __init__(self, left: Session, right: Session) -> None:
        self.left = left
        self.right = right
        self.left_sent = b""
        self.right_sent = b""

    def run(self, chunk_size: int = 1 << 20) -> None:
        """Carry octets to and fro, in chunks, until neither side has any more to say."""
        while True:
            from_left = self.left.data_to_send()
            from_right = self.right.data_to_send()
            self.left_sent += from_left
            self.right_sent += from_right
            if not from_left and not from_right:
                return
            self._carry(from_left, self.right, chunk_size)
            self._carry(from_right, self.left, chunk_size)

    @staticmethod
    def _carry(data: bytes, receiver: Session, chunk_size: int) -> None:
        for start in range(0, len(data), chunk_size):
            receiver.receive_data(data[start : start + chunk_size])

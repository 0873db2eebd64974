"""How a peer breaks the protocol, and what the connection needs to know about it."""

from __future__ import annotations

from typing import Final

from aiomq.constants import ProtocolError

__all__ = ["QUOTE_LIMIT", "ZmtpError", "quoted"]

QUOTE_LIMIT: Final = 80
"""So many characters of a peer's own text are repeated in an error, not more."""


class ZmtpError(Exception):
    """The peer broke the protocol, or refused us: the connection must end.

    Attributes:
        reason: what went wrong, in words; what the peer said is quoted and cut.
        code: the value of the HANDSHAKE_FAILED_PROTOCOL event to raise; None where libzmq raises no such event.
        errno: the value of a HANDSHAKE_FAILED_NO_DETAIL event; None for any other failure.
        auth_status: 300, 400 or 500, the value of a HANDSHAKE_FAILED_AUTH event; None for any other failure.
        fatal: trying again would fail again: a dialer must not reconnect.
        incompatible: the two socket types cannot talk to each other: somebody has made a mistake.
        budget: the name of the budget (see `aiomq.budgets`) that it went over; empty for any other failure.
        report: the reason of an ERROR command that tells the peer; None to close without a word. No spaces: the
            RFC allows visible characters only.
    """

    def __init__(
        self,
        reason: str,
        *,
        code: ProtocolError | None = None,
        errno: int | None = None,
        auth_status: int | None = None,
        fatal: bool = True,
        incompatible: bool = False,
        report: bytes | None = None,
        budget: str = "",
    ) -> None:
        super().__init__(reason)
        self.reason: Final = reason
        self.code: Final = code
        self.errno: Final = errno
        self.auth_status: Final = auth_status
        self.fatal: Final = fatal
        self.incompatible: Final = incompatible
        self.report: Final = report
        self.budget: Final = budget


def quoted(octets: bytes) -> str:
    """Return a peer's octets in quotes: cut to `QUOTE_LIMIT` characters, with nothing in it that a terminal obeys."""
    text = ascii(octets[: QUOTE_LIMIT + 1].decode("latin-1"))[1:-1]
    return f"'{text}'" if len(text) <= QUOTE_LIMIT else f"'{text[:QUOTE_LIMIT]}...'"

"""The two messages of ZAP, by which a socket asks a handler of its context about a peer (RFC 27).

    request = "" "1.0" request-id domain address identity mechanism *credentials
    reply   = "" "1.0" request-id status-code status-text user-id metadata

The empty frame first is the envelope's: a REP handler does not see it. As libzmq does, we put our own routing id where
the RFC says "identity", and number no requests: there is one for each connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from aiomq.constants import ProtocolError
from aiomq.message import Frames, Message, frames_of
from aiomq.zmtp.commands import encode_metadata, parse_metadata
from aiomq.zmtp.errors import ZmtpError, quoted
from aiomq.zmtp.mechanisms.base import ZapReply, ZapRequest, outweigh

__all__ = ["ENDPOINT", "VERSION", "encode_reply", "encode_request", "parse_reply"]

ENDPOINT: Final = "inproc://zeromq.zap.01"
"""Where a handler is bound."""

VERSION: Final = b"1.0"

_REQUEST_ID: Final = b"1"
_REPLY_FRAMES: Final = 7
_STATUSES: Final = {b"200": 200, b"300": 300, b"400": 400, b"500": 500}


def encode_request(request: ZapRequest, *, domain: bytes, address: bytes, routing_id: bytes) -> Frames:
    """Return the message that asks about a peer.

    Args:
        request: what the mechanism found out.
        domain: ZAP_DOMAIN.
        address: the peer's, as a number and without a port.
        routing_id: our own.
    """
    head = (b"", VERSION, _REQUEST_ID, domain, address, routing_id, request.mechanism)
    return head + request.credentials


def encode_reply(
    request_id: bytes, status: int, text: str, user_id: bytes = b"", metadata: Iterable[tuple[str, bytes]] = ()
) -> Frames:
    """Return a handler's answer, without the envelope."""
    return (VERSION, request_id, b"%d" % status, text.encode(), user_id, encode_metadata(metadata))


def parse_reply(message: Message) -> ZapReply:
    """Return what a handler answered.

    Raises:
        ZmtpError: it is not the answer that the RFC describes; its code says what is wrong with it.
    """
    frames = frames_of(message)
    if len(frames) != _REPLY_FRAMES:
        code = ProtocolError.PROTOCOL_ERROR_ZAP_MALFORMED_REPLY
        raise ZmtpError(f"a ZAP reply of {len(frames)} frames, not {_REPLY_FRAMES}", code=code)
    delimiter, version, request_id, status, text, user_id, metadata = frames
    if delimiter:
        raise _wrong("delimiter", delimiter, b"", ProtocolError.PROTOCOL_ERROR_ZAP_UNSPECIFIED)
    if version != VERSION:
        raise _wrong("version", version, VERSION, ProtocolError.PROTOCOL_ERROR_ZAP_BAD_VERSION)
    if request_id != _REQUEST_ID:
        raise _wrong("request id", request_id, _REQUEST_ID, ProtocolError.PROTOCOL_ERROR_ZAP_BAD_REQUEST_ID)
    if status not in _STATUSES:
        expected = b", ".join(_STATUSES)
        raise _wrong("status", status, expected, ProtocolError.PROTOCOL_ERROR_ZAP_INVALID_STATUS_CODE)
    return ZapReply(
        status=_STATUSES[status],
        text=text.decode(errors="replace"),
        metadata=outweigh(_metadata(metadata), {"User-Id": user_id}),
    )


def _metadata(data: bytes) -> dict[str, bytes]:
    try:
        return parse_metadata(data)
    except ZmtpError as error:
        code = ProtocolError.PROTOCOL_ERROR_ZAP_INVALID_METADATA
        raise ZmtpError(f"a ZAP reply with {error.reason}", code=code) from None


def _wrong(what: str, got: bytes, expected: bytes, code: ProtocolError) -> ZmtpError:
    return ZmtpError(f"a ZAP reply whose {what} is {quoted(got)}, not {quoted(expected)}", code=code)

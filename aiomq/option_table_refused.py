"""The options that libzmq has and aiomq has not, each with the reason that its users are told."""

from __future__ import annotations

from typing import Final, TypeAlias

from aiomq.constants import SocketOption
from aiomq.option_spec import OptionKind, OptionSpec, refused

__all__ = ["REFUSED"]

_O: TypeAlias = SocketOption

_KERBEROS: Final = "the GSSAPI mechanism needs a Kerberos library; NULL, PLAIN and CURVE are there"
_VMCI: Final = "there is no vmci transport: VMware has given its sockets up, and vsock:// is there"
_NORM: Final = "there is no norm transport: it would need the NORM library"
_WEB: Final = "there are no ws and wss transports yet"

_STR: Final = OptionKind.STR

REFUSED: Final[tuple[OptionSpec, ...]] = (
    refused(_O.FD, "A descriptor to watch for changes of EVENTS.", "there is none: aiomq.Poller watches sockets"),
    refused(_O.ROUTER_RAW, "Raw tcp on a ROUTER.", "use a STREAM socket, which replaced it in libzmq, too"),
    refused(_O.BLOCKY, "Whether new sockets linger.", "it is an option of the context: aiomq.Context().set(BLOCKY, 0)"),
    refused(_O.LOOPBACK_FASTPATH, "A short way for tcp inside Windows.", "Windows has it no more"),
    refused(_O.BUSY_POLL, "How long the system may poll a device.", "it makes no sense under an event loop"),
    refused(_O.GSSAPI_SERVER, "Be the server of GSSAPI.", _KERBEROS),
    refused(_O.GSSAPI_PRINCIPAL, "Our principal.", _KERBEROS, _STR),
    refused(_O.GSSAPI_SERVICE_PRINCIPAL, "The server's principal.", _KERBEROS, _STR),
    refused(_O.GSSAPI_PLAINTEXT, "Whether to leave encryption out.", _KERBEROS),
    refused(_O.GSSAPI_PRINCIPAL_NAMETYPE, "The kind of our principal's name.", _KERBEROS),
    refused(_O.GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, "The kind of the server's name.", _KERBEROS),
    refused(_O.VMCI_BUFFER_SIZE, "The system's buffer.", _VMCI),
    refused(_O.VMCI_BUFFER_MIN_SIZE, "The smallest it may be.", _VMCI),
    refused(_O.VMCI_BUFFER_MAX_SIZE, "The largest it may be.", _VMCI),
    refused(_O.VMCI_CONNECT_TIMEOUT, "How long one attempt to connect may take.", _VMCI),
    refused(_O.NORM_MODE, "How to control congestion.", _NORM),
    refused(_O.NORM_UNICAST_NACK, "Whether receivers answer by unicast.", _NORM),
    refused(_O.NORM_BUFFER_SIZE, "How much to keep for repairs.", _NORM),
    refused(_O.NORM_SEGMENT_SIZE, "The payload of a packet.", _NORM),
    refused(_O.NORM_BLOCK_SIZE, "Packets of a coding block.", _NORM),
    refused(_O.NORM_NUM_PARITY, "Parity packets of a block.", _NORM),
    refused(_O.NORM_NUM_AUTOPARITY, "Parity packets that are sent unasked.", _NORM),
    refused(_O.NORM_PUSH, "Whether to overwrite what was not sent in time.", _NORM),
    refused(_O.WSS_KEY_PEM, "The private key of a wss server.", _WEB, _STR),
    refused(_O.WSS_CERT_PEM, "The certificate of a wss server.", _WEB, _STR),
    refused(_O.WSS_TRUST_PEM, "The certificates that a wss client trusts.", _WEB, _STR),
    refused(_O.WSS_HOSTNAME, "The name that the server's certificate must have.", _WEB, _STR),
    refused(_O.WSS_TRUST_SYSTEM, "Whether to trust the system's certificates.", _WEB),
)
"""In the order of the page."""

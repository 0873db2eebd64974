"""Who a peer is: its address, and the properties that it announced in its handshake."""

from __future__ import annotations

from asyncio import BaseTransport
from collections.abc import Mapping
from types import MappingProxyType

from aiomq.transports.addresses import host_text
from aiomq.transports.credentials import credentials_text

__all__ = ["peer_address", "peer_properties"]


def peer_properties(announced: Mapping[str, bytes], transport: BaseTransport) -> Mapping[str, bytes]:
    """Return what is known of a peer, by the names under which libzmq's `zmq_msg_gets` gives it.

    Those are `Socket-Type`, `Routing-Id` (also as `Identity`), `Peer-Address`, `User-Id`, and the `X-` ones of the
    peer's METADATA option; and of a CURVE client, to its server, the `Public-Key` that it proved to have (as 40
    characters of Z85; libzmq has no such property). `User-Id` is what a ZAP handler gave, and `Peer-Address` what this
    side sees (or, where the system does not tell, what the handler gave): a peer cannot announce them.
    """
    properties = dict(announced)
    if "Identity" in properties:
        properties["Routing-Id"] = properties["Identity"]
    address = peer_address(transport)
    if address:
        properties["Peer-Address"] = address
    return MappingProxyType(properties)


def peer_address(transport: BaseTransport) -> bytes:
    """Return the numeric host without the port; over ipc `localhost:uid:gid:pid`, where the system tells them (Linux).

    "localhost" is what glibc makes of a Unix domain socket where libzmq asks for the numeric host.
    """
    name = transport.get_extra_info("peername")
    if isinstance(name, tuple):
        return host_text(name).encode()
    credentials = credentials_text(transport.get_extra_info("socket"))
    return f"localhost{credentials}".encode() if credentials else b""

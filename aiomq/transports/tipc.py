"""tipc: between the nodes of a cluster, by the number of a service or of a port. Linux."""

from __future__ import annotations

import socket
from typing import Final

from aiomq.endpoint_numbered import TipcEndpoint
from aiomq.transports.numbered import NumberedTransport, system_socket

__all__ = ["TipcTransport"]

_SERVICE_RANGE: Final = 1  # TIPC_ADDR_NAMESEQ
_SERVICE: Final = 2  # TIPC_ADDR_NAME
_PORT: Final = 3  # TIPC_ADDR_ID
_ZONE_SCOPE: Final = 1


class TipcTransport(NumberedTransport[TipcEndpoint]):
    """Byte streams over tipc."""

    def make_socket(self) -> socket.socket:
        """Return a new socket of the system."""
        return system_socket("AF_TIPC", "tipc")

    def bind_address(self, endpoint: TipcEndpoint) -> tuple[int, ...] | None:
        """Return the instances of a service; nothing for a port, whose number the system chooses."""
        return None if endpoint.service is None else (_SERVICE_RANGE, *endpoint.service, _ZONE_SCOPE)

    def target_address(self, endpoint: TipcEndpoint) -> tuple[int, ...]:
        """Return what the system connects to."""
        if endpoint.service is not None:
            kind, instance, _ = endpoint.service
            return _SERVICE, kind, instance, 0
        assert endpoint.port is not None
        return _PORT, *endpoint.port, 0

    def bound_endpoint(self, sock: socket.socket, endpoint: TipcEndpoint) -> str:
        """Return the service, or the number that the system has chosen for the port."""
        if endpoint.service is not None:
            return str(endpoint)
        _, node, reference, *_ = sock.getsockname()
        return str(TipcEndpoint(port=(node, reference)))

"""vsock: between a virtual machine and its host, by the number of the machine and a port. Linux, mostly."""

from __future__ import annotations

import socket

from aiomq.endpoint_numbered import VsockEndpoint
from aiomq.transports.numbered import NumberedTransport, system_socket

__all__ = ["VsockTransport"]

_ANY = 2**32 - 1
"""VMADDR_CID_ANY and VMADDR_PORT_ANY."""


class VsockTransport(NumberedTransport[VsockEndpoint]):
    """Byte streams over vsock."""

    def make_socket(self) -> socket.socket:
        """Return a new socket of the system."""
        return system_socket("AF_VSOCK", "vsock")

    def bind_address(self, endpoint: VsockEndpoint) -> tuple[int, int]:
        """Return what the system binds."""
        return self.target_address(endpoint)

    def target_address(self, endpoint: VsockEndpoint) -> tuple[int, int]:
        """Return what the system connects to."""
        return _ANY if endpoint.cid is None else endpoint.cid, _ANY if endpoint.port is None else endpoint.port

    def bound_endpoint(self, sock: socket.socket, endpoint: VsockEndpoint) -> str:
        """Return the numbers that the system gives."""
        cid, port = sock.getsockname()
        return str(VsockEndpoint(None if cid == _ANY else cid, port))

"""`zmq.ssh`: see `zmq.ssh.tunnel`."""

from __future__ import annotations

from aiomq.compat.zmq.ssh.tunnel import (
    open_tunnel,
    openssh_tunnel,
    paramiko_tunnel,
    select_random_ports,
    tunnel_connection,
)

__all__ = ["open_tunnel", "openssh_tunnel", "paramiko_tunnel", "select_random_ports", "tunnel_connection"]

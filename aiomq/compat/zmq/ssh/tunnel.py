"""`zmq.ssh.tunnel`: the names, for programs that import them and connect directly. Tunnels are refused, and why."""

from __future__ import annotations

import errno
from typing import Any, NoReturn

from aiomq.compat.zmq.constants import PUSH
from aiomq.compat.zmq.error import ZMQError
from aiomq.compat.zmq.sugar.context import Context

__all__ = [
    "open_tunnel",
    "openssh_tunnel",
    "paramiko_tunnel",
    "select_random_ports",
    "ssh_tunnel",
    "try_passwordless_ssh",
    "tunnel_connection",
]


def select_random_ports(n: int) -> list[int]:
    """Return so many ports of this machine that are free now."""
    with Context() as context:
        sockets = [context.socket(PUSH) for _ in range(n)]  # all at once: so no port comes twice
        ports: list[int] = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in sockets]
        for socket in sockets:
            socket.close()
        return ports


def _refuse(addr: Any, server: Any) -> NoReturn:
    raise ZMQError(
        errno.ENOTSUP,
        f"aiomq starts no ssh for {addr} by {server}: run `ssh -N -L PORT:HOST:REMOTEPORT {server}` beside the program,"
        " and connect to tcp://127.0.0.1:PORT",
    )


def tunnel_connection(socket: Any, addr: str, server: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse.

    Raises:
        ZMQError: ENOTSUP, with what to do instead.
    """
    _refuse(addr, server)


def open_tunnel(addr: str, server: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse, as `tunnel_connection`."""
    _refuse(addr, server)


def openssh_tunnel(lport: int, rport: int, server: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse, as `tunnel_connection`."""
    _refuse(f"port {rport}", server)


ssh_tunnel = openssh_tunnel


def try_passwordless_ssh(server: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse, as `tunnel_connection`."""
    _refuse("a tunnel", server)


def paramiko_tunnel(lport: int, rport: int, server: str, *args: Any, **kwargs: Any) -> NoReturn:
    """Refuse, as `tunnel_connection`."""
    _refuse(f"port {rport}", server)

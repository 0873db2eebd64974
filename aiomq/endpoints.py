"""From the address in a `bind` or `connect` to the listener or dialer behind it: the place that knows all schemes."""

from __future__ import annotations

import errno
from typing import Final

from aiomq.budgets import BUDGETS
from aiomq.constants import Event, SecurityMechanism
from aiomq.core import SocketCore
from aiomq.core_protocols import Endpoint
from aiomq.endpoint import InprocEndpoint, IpcEndpoint, TcpEndpoint, TipcEndpoint, UdpEndpoint, VsockEndpoint, parse
from aiomq.errors import ZMQBindError, ZMQError
from aiomq.security import check_handler, check_security
from aiomq.socket_types import PLAIN_DATAGRAMS, RAW_STREAMS, check_transport
from aiomq.transports.connection import Connection
from aiomq.transports.dialer import Dialer
from aiomq.transports.inproc_names import InprocDialer, InprocListener, InprocNames
from aiomq.transports.ipc import IpcTransport
from aiomq.transports.listener import Listener
from aiomq.transports.raw import RawConnection
from aiomq.transports.recorded import RecordedConnection
from aiomq.transports.tcp import TcpTransport
from aiomq.transports.tipc import TipcTransport
from aiomq.transports.udp import DatagramCodec, GroupCodec, PlainCodec, UdpDialer, UdpListener
from aiomq.transports.vsock import VsockTransport

__all__ = ["make_dialer", "make_listener"]

_tcp = TcpTransport()
_ipc = IpcTransport()
_tipc = TipcTransport()
_vsock = VsockTransport()


def _connection_type(core: SocketCore) -> type[Connection]:
    if core.socket_type in RAW_STREAMS:
        return RawConnection
    if core.durable is not None and core.durable.ledger is not None:
        return RecordedConnection
    return Connection


def _codec(core: SocketCore) -> DatagramCodec:
    return PlainCodec() if core.socket_type in PLAIN_DATAGRAMS else GroupCodec()


def _check_secured(core: SocketCore, scheme: str) -> None:
    """Refuse to send in the clear what was to be secured: security is a part of ZMTP.

    Raises:
        ZMQError: EINVAL if a mechanism is set, and there will be no ZMTP.
    """
    if core.options.mechanism and (scheme == UdpEndpoint.scheme or core.socket_type in RAW_STREAMS):
        name = SecurityMechanism(core.options.mechanism).name
        what = f"a {core.socket_type.name} socket has no {name} over {scheme}: what it sends would not be secured"
        raise ZMQError(errno.EINVAL, f"{what}. Unset the security options")


_COUNTED: Final = frozenset({"inproc", "udp"})
"""Schemes whose queues are bounded by the number of messages alone."""

_NO_SOCKET: Final = frozenset({None, errno.ENODEV, errno.EPROTONOSUPPORT})
"""What `bind` fails with before there is a system socket: all other failures close one, and tell of that too."""


def make_listener(core: SocketCore, names: InprocNames, address: str) -> Endpoint:
    """Bind, and return what listens; it is to be started.

    Raises:
        ZMQBindError: the system, or another socket of the context, has the address, or it means nothing here.
        ZMQError: the address is malformed or of an unknown scheme, or the security options do not go together.
    """
    target = parse(address, for_bind=True, ipv6=core.options.ipv6)
    check_transport(core.socket_type, target.scheme, for_bind=True)
    _check_secured(core, target.scheme)
    _check_byte_marks(core, target.scheme)
    if isinstance(target, InprocEndpoint):
        check_handler(str(target), core.socket_type)
    else:
        check_security(core.options)
    try:
        if isinstance(target, UdpEndpoint):
            return UdpListener(core, _codec(core), target)
        if isinstance(target, TcpEndpoint):
            return _adopting(core, Listener(core, _tcp, target, _connection_type(core)))
        if isinstance(target, IpcEndpoint):
            return _adopting(core, Listener(core, _ipc, target, _connection_type(core)))
        if isinstance(target, VsockEndpoint):
            return Listener(core, _vsock, target, _connection_type(core))
        if isinstance(target, TipcEndpoint):
            return Listener(core, _tipc, target, _connection_type(core))
        return InprocListener(core, names, str(target))
    except OSError as error:
        if error.errno not in _NO_SOCKET:
            core.emit(Event.CLOSED, address, -1, local=address, error=error)
        core.emit(Event.BIND_FAILED, address, error.errno or 0, local=address, error=error)
        text = error.strerror or str(error)
        raise ZMQBindError(f"cannot bind {address}: {text}", error.errno or errno.EINVAL) from error


def _check_byte_marks(core: SocketCore, scheme: str) -> None:
    """Refuse marks in bytes that somebody has set, where nobody would look at them."""
    options = core.options
    chosen = [name for name in ("sndhwm_bytes", "rcvhwm_bytes") if getattr(options, name) not in {0, _default(name)}]
    if chosen and scheme in _COUNTED:
        raise ZMQError(
            errno.EINVAL,
            f"sndhwm_bytes and rcvhwm_bytes bound queues over tcp and ipc, not over {scheme}: set them to 0 for this"
            " endpoint, and bound it by messages (SNDHWM, RCVHWM)",
        )


def _default(name: str) -> int:
    return BUDGETS[name].default


def _adopting(core: SocketCore, listener: Endpoint) -> Endpoint:
    """Forget USE_FD: its descriptor belongs to the listener now, and can be given to no other."""
    core.options.use_fd = -1
    return listener


def make_dialer(core: SocketCore, names: InprocNames, address: str, routing_id: bytes) -> Endpoint:
    """Return what connects; it is to be started.

    Raises:
        ZMQError: the address is malformed or of an unknown scheme, or the security options do not go together.
    """
    target = parse(address, for_bind=False, ipv6=core.options.ipv6)
    check_transport(core.socket_type, target.scheme, for_bind=False)
    _check_secured(core, target.scheme)
    _check_byte_marks(core, target.scheme)
    if isinstance(target, UdpEndpoint):
        return _make_udp_dialer(core, target, address)
    if isinstance(target, InprocEndpoint):
        return InprocDialer(core, names, str(target), routing_id)
    check_security(core.options)
    if isinstance(target, TcpEndpoint):
        return Dialer(core, _tcp, target, address, routing_id, connection_type=_connection_type(core))
    if isinstance(target, VsockEndpoint):
        _check_platform(_vsock, address)
        return Dialer(core, _vsock, target, address, routing_id)
    if isinstance(target, TipcEndpoint):
        _check_platform(_tipc, address)
        return Dialer(core, _tipc, target, address, routing_id)
    return Dialer(core, _ipc, target, address, routing_id, connection_type=_connection_type(core))


def _check_platform(transport: VsockTransport | TipcTransport, address: str) -> None:
    """Refuse to try, and try again, what the platform never will have."""
    try:
        transport.check_platform()
    except OSError as error:
        text = f"cannot connect to {address}: {error.strerror}"
        raise ZMQError(error.errno or errno.EPROTONOSUPPORT, text) from error


def _make_udp_dialer(core: SocketCore, target: UdpEndpoint, address: str) -> Endpoint:
    try:
        return UdpDialer(core, _codec(core), target, address)
    except OSError as error:
        text = f"cannot connect to {address}: {error.strerror or error}"
        raise ZMQError(error.errno or errno.EINVAL, text) from error

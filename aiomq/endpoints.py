"""From the address in a `bind` or `connect` to the listener or dialer behind it: the place that knows all schemes."""

from __future__ import annotations

import errno

from aiomq.constants import Event
from aiomq.core import Endpoint, SocketCore
from aiomq.endpoint import InprocEndpoint, IpcEndpoint, TcpEndpoint, parse
from aiomq.errors import ZMQBindError
from aiomq.transports.dialer import Dialer
from aiomq.transports.inproc_names import InprocDialer, InprocListener, InprocNames
from aiomq.transports.ipc import IpcTransport
from aiomq.transports.listener import Listener
from aiomq.transports.tcp import TcpTransport

__all__ = ["make_dialer", "make_listener"]

_tcp = TcpTransport()
_ipc = IpcTransport()


def make_listener(core: SocketCore, names: InprocNames, address: str) -> Endpoint:
    """Bind, and return what listens; it is to be started.

    Raises:
        ZMQBindError: the system, or another socket of the context, has the address, or it means nothing here.
        ZMQError: the address is malformed or of an unknown scheme.
    """
    target = parse(address, for_bind=True, ipv6=core.options.ipv6)
    try:
        if isinstance(target, TcpEndpoint):
            return Listener(core, _tcp, target)
        if isinstance(target, IpcEndpoint):
            return Listener(core, _ipc, target)
        return InprocListener(core, names, str(target))
    except OSError as error:
        core.emit(Event.BIND_FAILED, address, error.errno or 0, error=error)
        text = error.strerror or str(error)
        raise ZMQBindError(f"cannot bind {address}: {text}", error.errno or errno.EINVAL) from error


def make_dialer(core: SocketCore, names: InprocNames, address: str, routing_id: bytes) -> Endpoint:
    """Return what connects; it is to be started.

    Raises:
        ZMQError: the address is malformed or of an unknown scheme.
    """
    target = parse(address, for_bind=False, ipv6=core.options.ipv6)
    if isinstance(target, InprocEndpoint):
        return InprocDialer(core, names, str(target), routing_id)
    if isinstance(target, TcpEndpoint):
        return Dialer(core, _tcp, target, address, routing_id)
    return Dialer(core, _ipc, target, address, routing_id)

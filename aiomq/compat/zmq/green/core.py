"""The classes of `zmq.green`."""

from __future__ import annotations

from typing import Any, ClassVar

from aiomq.compat.zmq.green.waiter import GreenWaiter
from aiomq.compat.zmq.sugar.context import Context as _Context
from aiomq.compat.zmq.sugar.poll import Poller as _Poller
from aiomq.compat.zmq.sugar.socket import Socket as _Socket
from aiomq.compat.zmq.sugar.waiters import Waiter

__all__ = ["Context", "Poller", "Socket"]


class Socket(_Socket[Any]):
    """A socket that blocks only the greenlet that calls."""

    _waiter: ClassVar[type[Waiter]] = GreenWaiter


class Poller(_Poller):
    """A poller that blocks only the greenlet that polls."""

    _waiter: ClassVar[type[Waiter]] = GreenWaiter


class Context(_Context):
    """Makes such sockets."""

    _instance: ClassVar[Any] = None
    _socket_class: ClassVar[type[_Socket[Any]]] = Socket
    _waiter: ClassVar[type[Waiter]] = GreenWaiter

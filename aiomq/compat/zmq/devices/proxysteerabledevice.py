"""`zmq.devices.proxysteerabledevice`: proxies that obey a fourth socket."""

from __future__ import annotations

from typing import Any

from aiomq.compat.zmq.constants import PUB
from aiomq.compat.zmq.devices.ends import End
from aiomq.compat.zmq.devices.proxydevice import ProcessProxy, Proxy, ProxyBase, ThreadProxy
from aiomq.compat.zmq.sugar.proxying import proxy_steerable

__all__ = ["ProcessProxySteerable", "ProxySteerable", "ThreadProxySteerable"]


class ProxySteerableBase(ProxyBase):
    """What a steerable proxy has beyond a proxy; see `zmq.proxy_steerable` for the commands."""

    def __init__(self, in_type: int, out_type: int, mon_type: int = PUB, ctrl_type: int | None = None) -> None:
        if ctrl_type is None:
            raise TypeError("a steerable proxy has a control socket: give it ctrl_type")
        super().__init__(in_type=in_type, out_type=out_type, mon_type=mon_type)
        self.ctrl_type = ctrl_type
        self._ctrl = End(ctrl_type)

    def bind_ctrl(self, addr: str) -> None:
        """Bind the control socket there when it is made."""
        self._ctrl.binds.append(addr)

    def bind_ctrl_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the control socket to a free port of an address without one, and return the port."""
        return self._bind_to_random_port(self._ctrl, addr, *args, **kwargs)

    def connect_ctrl(self, addr: str) -> None:
        """Connect the control socket there when it is made."""
        self._ctrl.connects.append(addr)

    def setsockopt_ctrl(self, opt: int, value: Any) -> None:
        """Set an option of the control socket when it is made."""
        self._ctrl.options.append((opt, value))

    def _setup_sockets(self) -> tuple[Any, ...]:
        return (*super()._setup_sockets(), self._make(self._ctrl))

    def run_device(self) -> None:
        """Make the sockets, pass messages on, and obey."""
        proxy_steerable(*self._setup_sockets())


class ProxySteerable(ProxySteerableBase, Proxy):
    """A steerable proxy; `start` runs it right here."""


class ThreadProxySteerable(ProxySteerableBase, ThreadProxy):
    """A steerable proxy in a thread."""


class ProcessProxySteerable(ProxySteerableBase, ProcessProxy):
    """A steerable proxy in a process."""

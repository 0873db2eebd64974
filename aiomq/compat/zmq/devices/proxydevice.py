"""`zmq.devices.proxydevice`: devices with a third socket, which gets a copy of every message."""

from __future__ import annotations

from typing import Any

from aiomq.compat.zmq.constants import PUB
from aiomq.compat.zmq.devices.basedevice import Device, ProcessDevice, ThreadDevice
from aiomq.compat.zmq.devices.ends import End

__all__ = ["ProcessProxy", "Proxy", "ProxyBase", "ThreadProxy"]


class ProxyBase(Device):
    """What a proxy has beyond a device."""

    def __init__(self, in_type: int, out_type: int, mon_type: int = PUB) -> None:
        super().__init__(in_type=in_type, out_type=out_type)
        self.mon_type = mon_type
        self._mon = End(mon_type)

    def bind_mon(self, addr: str) -> None:
        """Bind the third socket there when it is made."""
        self._mon.binds.append(addr)

    def bind_mon_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the third socket to a free port of an address without one, and return the port."""
        return self._bind_to_random_port(self._mon, addr, *args, **kwargs)

    def connect_mon(self, addr: str) -> None:
        """Connect the third socket there when it is made."""
        self._mon.connects.append(addr)

    def setsockopt_mon(self, opt: int, value: Any) -> None:
        """Set an option of the third socket when it is made."""
        self._mon.options.append((opt, value))

    def _setup_sockets(self) -> tuple[Any, ...]:
        return (*super()._setup_sockets(), self._make(self._mon))


class Proxy(ProxyBase):
    """A proxy; `start` runs it right here."""


class ThreadProxy(ProxyBase, ThreadDevice):
    """A proxy in a thread."""


class ProcessProxy(ProxyBase, ProcessDevice):
    """A proxy in a process."""

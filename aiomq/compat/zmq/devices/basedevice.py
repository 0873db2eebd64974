"""`zmq.devices.basedevice`: the device itself, and what runs it in the background."""

from __future__ import annotations

import errno
import multiprocessing
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from aiomq.compat.zmq.constants import QUEUE
from aiomq.compat.zmq.devices.ends import End, reserve
from aiomq.compat.zmq.error import ZMQError
from aiomq.compat.zmq.sugar.context import Context
from aiomq.compat.zmq.sugar.proxying import proxy
from aiomq.errors import ETERM

__all__ = ["Device", "ProcessDevice", "ThreadDevice"]


class Device:
    """A proxy whose sockets are made where it runs; `start` runs it right here.

    Args:
        device_type: says what it is for, and changes nothing.
        in_type: the type of the one socket.
        out_type: the type of the other one; negative for the same socket once more.
    """

    context_factory: Callable[[], Any] = Context.instance
    daemon: bool = True

    def __init__(self, device_type: int = QUEUE, in_type: int | None = None, out_type: int | None = None) -> None:
        if in_type is None or out_type is None:
            raise TypeError("a device has two sockets: give it in_type and out_type")
        self.device_type = device_type
        self.in_type = in_type
        self.out_type = out_type
        self.done = False
        self._in = End(in_type)
        self._out = End(out_type)
        self._taken: set[str] = set()
        self._sockets: list[Any] = []
        self._context: Any = None

    def bind_in(self, addr: str) -> None:
        """Bind the one socket there when it is made."""
        self._in.binds.append(addr)

    def bind_in_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the one socket to a free port of an address without one, and return the port."""
        return self._bind_to_random_port(self._in, addr, *args, **kwargs)

    def connect_in(self, addr: str) -> None:
        """Connect the one socket there when it is made."""
        self._in.connects.append(addr)

    def setsockopt_in(self, opt: int, value: Any) -> None:
        """Set an option of the one socket when it is made."""
        self._in.options.append((opt, value))

    def bind_out(self, addr: str) -> None:
        """Bind the other socket there when it is made."""
        self._out.binds.append(addr)

    def bind_out_to_random_port(self, addr: str, *args: int, **kwargs: int) -> int:
        """Bind the other socket to a free port of an address without one, and return the port."""
        return self._bind_to_random_port(self._out, addr, *args, **kwargs)

    def connect_out(self, addr: str) -> None:
        """Connect the other socket there when it is made."""
        self._out.connects.append(addr)

    def setsockopt_out(self, opt: int, value: Any) -> None:
        """Set an option of the other socket when it is made."""
        self._out.options.append((opt, value))

    def _bind_to_random_port(self, end: End, addr: str, *args: int, **kwargs: int) -> int:
        port = reserve(addr, self._taken, *args, **kwargs)
        end.binds.append(f"{addr}:{port}")
        return port

    def _setup_sockets(self) -> tuple[Any, ...]:
        self._context = self.context_factory()
        ins = self._make(self._in)
        if self.out_type >= 0:
            return ins, self._make(self._out)
        self._out.equip(ins)
        return ins, ins

    def _make(self, end: End) -> Any:
        socket = self._context.socket(end.socket_type)
        self._sockets.append(socket)
        end.equip(socket)
        return socket

    def run_device(self) -> None:
        """Make the sockets and pass messages on; what a subclass changes."""
        proxy(*self._setup_sockets())

    def run(self) -> None:
        """Run until the context is terminated or a socket closed."""
        try:
            self.run_device()
        except ZMQError as error:
            if error.errno not in {ETERM, errno.ENOTSOCK}:
                raise
        finally:
            self.done = True
            for socket in self._sockets:
                if not socket.closed:
                    socket.close()

    def start(self) -> Any:
        """Run it; in a subclass elsewhere."""
        return self.run()

    def join(self, timeout: float | None = None) -> Any:
        """Wait until it has ended: here it has."""


class BackgroundDevice(Device):
    """What runs elsewhere."""

    launcher: Any = None
    _launch_class: ClassVar[Callable[..., Any]]

    def start(self) -> Any:
        """Start it, and return at once."""
        self.launcher = type(self)._launch_class(target=self.run)
        self.launcher.daemon = self.daemon
        return self.launcher.start()

    def join(self, timeout: float | None = None) -> Any:
        """Wait until it has ended, for so many seconds at most."""
        return self.launcher.join(timeout)


class ThreadDevice(BackgroundDevice):
    """A device in a thread."""

    _launch_class = threading.Thread


class ProcessDevice(BackgroundDevice):
    """A device in a process, with a context of its own."""

    context_factory = Context
    _launch_class = multiprocessing.Process

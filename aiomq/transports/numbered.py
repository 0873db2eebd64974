"""What vsock and tipc have in common: streams between addresses that are numbers, which nobody has to look up."""

from __future__ import annotations

import asyncio
import errno
import socket
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

from aiomq.options import SocketOptions
from aiomq.transports.base import Address
from aiomq.transports.lookups import AddressInfo, Name
from aiomq.transports.system_options import set_buffers

__all__ = ["NumberedTransport", "has_family", "system_socket"]

TargetT = TypeVar("TargetT")


class NumberedTransport(ABC, Generic[TargetT]):
    """Byte streams between numbers."""

    takes_time = True

    @abstractmethod
    def make_socket(self) -> socket.socket:
        """Return a new socket of the system.

        Raises:
            OSError: EPROTONOSUPPORT if the platform has none of this kind.
        """

    @abstractmethod
    def bind_address(self, endpoint: TargetT) -> tuple[int, ...] | None:
        """Return what the system binds; None for nothing, where it chooses by itself."""

    @abstractmethod
    def target_address(self, endpoint: TargetT) -> tuple[int, ...]:
        """Return what the system connects to."""

    @abstractmethod
    def bound_endpoint(self, sock: socket.socket, endpoint: TargetT) -> str:
        """Return the endpoint that was really bound, as LAST_ENDPOINT gives it."""

    def check_platform(self) -> None:
        """Find out whether there are such sockets here.

        Raises:
            OSError: EPROTONOSUPPORT if the platform has none of this kind.
        """
        self.make_socket().close()

    def bind(self, endpoint: TargetT, options: SocketOptions) -> socket.socket:
        """Return a socket that listens.

        Raises:
            OSError: it can't be bound, or the platform has no such sockets.
        """
        sock = self.make_socket()
        try:
            sock.setblocking(False)
            address = self.bind_address(endpoint)
            if address is not None:
                sock.bind(address)
            sock.listen(max(options.backlog, 1))
        except BaseException:  # raised again; nobody else would close it
            sock.close()
            raise
        return sock

    def names(self, target: TargetT, options: SocketOptions) -> Sequence[Name]:
        """Nothing has to be looked up."""
        return ()

    def addresses(
        self, target: TargetT, options: SocketOptions, found: Mapping[Name, Sequence[AddressInfo]]
    ) -> Sequence[Address]:
        """Return the numbers."""
        return (Address(socket.AF_UNSPEC, self.target_address(target)),)

    def is_lasting(self, target: TargetT, options: SocketOptions) -> bool:
        """Numbers stay what they are."""
        return True

    def open_socket(self, family: int) -> socket.socket:
        """Return a new socket of the system, whose family is always the same."""
        sock = self.make_socket()
        sock.setblocking(False)
        return sock

    def prepare(
        self, sock: socket.socket, target: TargetT, options: SocketOptions, found: Mapping[Name, Sequence[AddressInfo]]
    ) -> None:
        """Set the sizes of the buffers."""
        set_buffers(sock, options)

    def check(self, sock: socket.socket, target: TargetT) -> None:
        """Who is connected has somebody at the other end."""

    async def introduce(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, target: TargetT, options: SocketOptions
    ) -> None:
        """Nobody stands between."""

    def accepted(self, sock: socket.socket, name: object, options: SocketOptions) -> str:
        """Set the options of an accepted connection; everybody is let in."""
        set_buffers(sock, options)
        return ""

    def release(self, endpoint: str) -> None:
        """Nothing to remove."""


def has_family(family_name: str) -> bool:
    """Return whether this platform has sockets of a family."""
    try:
        system_socket(family_name, family_name).close()
    except OSError:
        return False
    return True


def system_socket(family_name: str, scheme: str) -> socket.socket:
    """Return a socket of a family that not every platform has.

    Raises:
        OSError: EPROTONOSUPPORT if this one has it not.
    """
    family: Any = getattr(socket, family_name, None)
    failure: OSError | None = None
    if family is not None:
        try:
            return socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            if error.errno not in {errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}:
                raise
            failure = error
    text = f"{scheme} is not supported by this platform: it has no {family_name} sockets"
    raise OSError(errno.EPROTONOSUPPORT, text) from failure

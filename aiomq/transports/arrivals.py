"""A connection from the moment in which the system gave it to us."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from aiomq.transports.address_keys import address_key
from aiomq.transports.addresses import address_text
from aiomq.transports.admission import Guest, Over
from aiomq.transports.base import ConnectionFactory
from aiomq.transports.connection import Connection
from aiomq.transports.credentials import credentials_text
from aiomq.transports.handover import hand_over
from aiomq.zmtp.errors import ZmtpError

__all__ = ["Arrival", "refusal"]


_Making: TypeAlias = "Coroutine[asyncio.Future[Any], None, object]"
_Ended: TypeAlias = "Callable[[Arrival, BaseException | None], None]"


class Arrival(Guest):
    """Somebody who connected: at first a system socket, then a connection."""

    __slots__ = ("_ended", "_making", "connection", "error", "is_made", "name", "sock")

    def __init__(self, sock: socket.socket, name: object) -> None:
        super().__init__(address_key(sock, name))
        self.sock = sock
        self.name = name
        self.connection: Connection | None = None
        self.is_made = False
        """The loop has told the connection that there is one."""
        self.error: ZmtpError | None = None
        """Why it has to go."""
        self._making: _Making | None = None
        self._ended: _Ended | None = None

    @property
    def address(self) -> str:
        """The other end, as text."""
        return address_text(self.name) or credentials_text(self.sock)

    def begin(
        self,
        loop: asyncio.AbstractEventLoop,
        factory: ConnectionFactory,
        ended: _Ended,
    ) -> None:
        """Have the loop make a connection of it.

        No task runs the loop's coroutine: it has a transport after its first step, and then waits for one thing. A
        task for each costs a fifth more, and would have to be cancelled before it ever ran.

        Args:
            loop: which.
            factory: makes the connection.
            ended: is told when the loop has it, or what was wrong.
        """
        is_known = not isinstance(self.name, tuple) or isinstance(self.name[0], str)
        making: _Making = (
            loop.connect_accepted_socket(factory, self.sock)
            if is_known
            else hand_over(loop, self.sock, factory)  # vsock and tipc: uvloop takes them for dialed connections alone
        )

        self._making, self._ended = making, ended
        self._step()

    def _step(self, _: object = None) -> None:
        making, ended = self._making, self._ended
        assert making is not None
        assert ended is not None
        try:
            awaited = making.send(None)
        except StopIteration:
            self._making = self._ended = None
            ended(self, None)
        except Exception as error:  # of whatever kind: it is told
            self._making = self._ended = None
            ended(self, error)
        else:
            awaited.add_done_callback(self._step)

    def drop(self) -> None:
        """The loop will never have it."""
        self.leave()
        self.sock.close()

    def evicted(self, over: Over) -> None:
        """Let it go for a newcomer."""
        whose = "of its address" if over.budget.endswith("_address") else "of the address that has most"
        reason = f"the oldest handshake {whose} makes room for another: {over.budget} is {over.limit}"
        self.error = ZmtpError(reason, errno=errno.EMFILE, budget=over.budget)
        self.cut_if_evicted()

    def cut_if_evicted(self) -> None:
        """End the connection as soon as there is one, if it has to go."""
        if self.connection is not None and self.is_made and self.error is not None:
            self.connection.cut_handshake(self.error, errno.EMFILE)


def refusal(over: Over) -> OSError:
    """Return the error of a newcomer that is over a budget."""
    return OSError(errno.EMFILE, f"no more connections are let in here: {over.budget} is {over.limit}")

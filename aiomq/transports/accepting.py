"""Taking connections from a listening system socket, and what to do when the system has none to give.

The loops' own servers are not used: out of descriptors they log an error for every attempt, try again a second later
or at once, and tell nobody; and they leave open, for ever, whom they were accepting as they were closed.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from typing import Final, Protocol

from aiomq.transports.handover import can_watch
from aiomq.transports.spare import spare
from aiomq.transports.turns import turns_for

__all__ = ["ACCEPTS_A_TURN", "AcceptHost", "Acceptor", "Episodes", "make_acceptor"]

log = logging.getLogger("aiomq.socket")

ACCEPTS_A_TURN: Final = 64
"""So many connections are accepted before the loop gets a turn."""

LEAST_A_TURN: Final = 8
"""So many are accepted in any turn, and more as long as its allowance lasts."""

_COST: Final = 8
"""What one takes of the allowance."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
"""Seconds without accepting, when the system cannot give us a connection; each is twice as long as the last."""

_QUIET: Final = 10.0
"""Seconds without trouble after which new trouble is news."""

_NONE_FREE: Final = frozenset({errno.EMFILE, errno.ENFILE})
"""No descriptor is free, in the process or in the system: the spare one helps."""

_PASSING: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("ECONNABORTED", "ECONNRESET", "EPROTO", "EPERM", "ETIMEDOUT", "ENOPROTOOPT"),
        *("ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH", "ENONET"),
    )
    if hasattr(errno, name)
)
"""What happened to the one connection that was to be accepted (Linux passes its error on; EPERM is of a firewall)."""


class AcceptHost(Protocol):
    """The listener, as it is told of connections."""

    endpoint: str

    def arrived(self, sock: socket.socket, name: object) -> None:
        """Somebody connected; the socket is the host's from now on."""

    def turned_away(self, name: object, error: OSError) -> None:
        """Somebody connected and was closed at once, as no descriptor was free."""

    def accept_failed(self, error: OSError) -> None:
        """The system has not given us a connection."""


class Episodes:
    """Logs trouble once, until it has been away for some seconds."""

    def __init__(self, loop: asyncio.AbstractEventLoop, endpoint: str) -> None:
        self._loop = loop
        self._endpoint = endpoint
        self._quiet_from = float("-inf")

    def trouble(self, error: OSError) -> None:
        """Something went wrong that whoever runs this program should know of."""
        now = self._loop.time()
        if now >= self._quiet_from:
            log.warning("%s: connections are refused or have to wait: %s", self._endpoint, error)
        self._quiet_from = now + _QUIET


class Acceptor:
    """Accepts as the loop says that somebody waits."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, host: AcceptHost, episodes: Episodes
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._host = host
        self._episodes = episodes
        self._turns = turns_for(loop)
        self._pause = _FIRST_PAUSE
        self._failures = 0
        """Failures of single connections without a success between them."""
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Begin."""
        self._timer = None
        self._loop.add_reader(self._sock, self._accept)

    def stop(self) -> None:
        """End, at once and for good; the socket stays open."""
        self._is_stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        else:
            self._loop.remove_reader(self._sock)

    def _accept(self) -> None:
        """Take those who wait, but not all if they are many."""
        allowance = self._turns.allowance
        for count in range(ACCEPTS_A_TURN):
            if allowance.left <= 0 and count >= LEAST_A_TURN:
                return
            try:
                sock, name = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                seconds = self._failed(error)
                if seconds:
                    self._loop.remove_reader(self._sock)
                    self._timer = self._loop.call_later(seconds, self.start)
                    return
            else:
                self._succeeded()
                allowance.left -= _COST
                self._turns.renew_soon()
                self._host.arrived(sock, name)
            if self._is_stopped:
                return

    def _succeeded(self) -> None:
        self._pause = _FIRST_PAUSE
        self._failures = 0

    def _failed(self, error: OSError) -> float:
        """Tell of a failure; return for how many seconds to pause, 0 for not at all."""
        self._failures += 1
        if error.errno in _PASSING and self._failures % ACCEPTS_A_TURN:
            self._host.accept_failed(error)
            return 0.0
        self._episodes.trouble(error)
        if error.errno not in _NONE_FREE or not self._turn_away(error):
            self._host.accept_failed(error)
        seconds = self._pause
        self._pause = min(2 * seconds, _LONGEST_PAUSE)
        return seconds

    def _turn_away(self, error: OSError) -> bool:
        """Let those who wait hear that there is no room for them; return whether there was anybody to tell."""
        for count in range(ACCEPTS_A_TURN):
            try:
                name = spare.turn_away(self._sock)
            except OSError:  # nobody waits any longer, or somebody else was faster to take the descriptor
                return count > 0
            self._host.turned_away(name, error)
            if self._is_stopped:
                break
        return True


class WaitingAcceptor(Acceptor):
    """Accepts where a loop cannot say that somebody waits, and has the system accept instead (Windows' Proactor)."""

    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        self._task = self._loop.create_task(self._run(), name=f"aiomq accept {self._host.endpoint}")
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        """End, at once and for good; the socket stays open."""
        self._is_stopped = True
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while not self._is_stopped:
            try:
                sock, name = await self._loop.sock_accept(self._sock)
            except OSError as error:
                if not self._is_stopped:
                    await asyncio.sleep(self._failed(error))
            else:
                self._succeeded()
                self._host.arrived(sock, name)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._task = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            about = {"message": f"accepting at {self._host.endpoint} failed", "exception": error, "task": task}
            self._loop.call_exception_handler(about)
            if not self._is_stopped:
                self._loop.call_soon(self.start)


def make_acceptor(
    loop: asyncio.AbstractEventLoop, sock: socket.socket, host: AcceptHost, episodes: Episodes
) -> Acceptor:
    """Return what accepts in this loop, to be started."""
    kind = Acceptor if can_watch(loop) else WaitingAcceptor
    return kind(loop, sock, host, episodes)

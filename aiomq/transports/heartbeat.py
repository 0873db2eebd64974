"""Liveness of one connection: PING on our side's interval, and the time-to-live that the other side's PING sets.

Any bytes that arrive show that the peer lives (RFC 37, PING and PONG; libzmq counts any traffic), and so do bytes that
leave for it: a PING that stands behind a large message on a slow link is answered when it gets there. While this side
does not read, for an inbox is full, nothing that the peer does can be heard: no time counts against it. The connection
only sets a flag per read; the timers look at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from aiomq.options import SocketOptions
from aiomq.transports.patience import Patience
from aiomq.zmtp.commands import Command, Ping, encode_ping, encode_pong

__all__ = ["Beating", "Heartbeat", "answer_commands", "heartbeat_for"]

_MIN_CADENCE: Final = 0.1
"""PINGs are taken to be at least so many seconds apart: those that lay unread for a while are read all at once."""


class Beating(Protocol):
    """The connection, as its heartbeat sees it."""

    def send_command(self, body: bytes) -> None:
        """Send a command as soon as the transport takes it."""

    def peer_silent(self, why: str) -> None:
        """Give the peer up."""

    @property
    def handed(self) -> int:
        """How many bytes the transport was given, or will be before anything else."""

    def bytes_left(self) -> int:
        """Return how many of these have left for the peer, as far as the system tells."""


class Heartbeat:
    """The timers of one connection; times in seconds, 0 is off."""

    __slots__ = (
        "_cadence",
        "_connection",
        "_deaf",
        "_interval",
        "_loop",
        "_ping",
        "_ping_timer",
        "_pinged_at",
        "_sign_timer",
        "_silence",
        "_timeout",
        "_ttl",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, interval: float, timeout: float, ping: bytes, connection: Beating
    ) -> None:
        self._loop = loop
        self._interval = interval
        self._timeout = timeout
        self._ping = ping
        self._connection = connection
        self._ping_timer = loop.call_later(interval, self._send_ping) if interval else None
        self._sign_timer: asyncio.TimerHandle | None = None
        self._silence: Patience | None = None
        self._ttl: Patience | None = None
        self._deaf = False
        """Reading is paused."""
        self._pinged_at = loop.time()
        self._cadence = 0.0
        """Seconds between the PINGs of the peer, or 0 if none has come."""

    def heard(self) -> None:
        """The peer sent something: it lives."""
        if self._silence is not None:
            self._silence.stop()
            self._silence = None
        if self._ttl is not None:
            self._ttl.stop()
            self._ttl = None

    def pinged(self, time_to_live: float) -> None:
        """The peer sent a PING: it may ask to be given up if nothing more comes from it for so many seconds."""
        now = self._loop.time()
        gap = max(now - self._pinged_at, _MIN_CADENCE)
        self._cadence = min(self._cadence, gap) if self._cadence else gap
        self._pinged_at = now
        if time_to_live:
            self.expect_within(time_to_live)

    def expect_within(self, seconds: float) -> None:
        """Give the peer up if nothing more comes from it for so long."""
        if self._ttl is not None:
            self._ttl.stop()
        why = f"silent for its time-to-live of {seconds} s"
        self._ttl = Patience(self._loop, seconds, lambda: self._connection.peer_silent(why))

    def reading_paused(self) -> None:
        """Nothing can be heard from now on: hold the timers that wait to hear something.

        The peer's own PINGs lie unread meanwhile. If it sends any, it is shown life unasked, so that it does not give
        up a side that is only slow: any traffic counts for libzmq too.
        """
        self._deaf = True
        for patience in (self._silence, self._ttl):
            if patience is not None:
                patience.stop()
        if self._cadence:
            self._show_life()

    def reading_resumed(self) -> None:
        """The peer can be heard again: it has the whole of its time from now on."""
        self._deaf = False
        if self._sign_timer is not None:
            self._sign_timer.cancel()
            self._sign_timer = None
        for patience in (self._silence, self._ttl):
            if patience is not None:
                patience.restart()

    def _show_life(self) -> None:
        self._sign_timer = self._loop.call_later(self._cadence / 2, self._show_life)
        self._connection.send_command(encode_pong(b""))

    def _send_ping(self) -> None:
        self._ping_timer = self._loop.call_later(self._interval, self._send_ping)
        connection = self._connection
        ahead = connection.handed
        connection.send_command(self._ping)
        if self._timeout and self._silence is None and not self._deaf:
            why = f"no traffic within {self._timeout} s of a PING"
            # Only what stands before the PING counts: a system goes on taking PINGs in for a program that is stopped.
            # Below 0 there are bytes of the handshake that the other system has not acknowledged yet.
            self._silence = Patience(
                self._loop,
                self._timeout,
                lambda: connection.peer_silent(why),
                lambda: max(0, min(connection.bytes_left(), ahead)),
            )

    def stop(self) -> None:
        """Cancel all timers."""
        for timer in (self._ping_timer, self._sign_timer):
            if timer is not None:
                timer.cancel()
        for patience in (self._silence, self._ttl):
            if patience is not None:
                patience.stop()
        self._ping_timer = self._sign_timer = self._silence = self._ttl = None


def heartbeat_for(options: SocketOptions, loop: asyncio.AbstractEventLoop, connection: Beating) -> Heartbeat:
    """Return the heartbeat that the options of a socket ask for.

    Args:
        options: HEARTBEAT_IVL, HEARTBEAT_TIMEOUT and HEARTBEAT_TTL are looked at.
        loop: where the timers run.
        connection: sends the commands, and is told why the peer is to be given up.
    """
    timeout = options.heartbeat_timeout if options.heartbeat_timeout >= 0 else options.heartbeat_ivl
    ping = encode_ping(options.heartbeat_ttl // 100)
    return Heartbeat(loop, options.heartbeat_ivl / 1000, timeout / 1000, ping, connection)


def answer_commands(commands: list[Command], heartbeat: Heartbeat | None, send: Callable[[list[bytes]], None]) -> None:
    """Answer the PINGs among commands, all in one write, and forget them all."""
    pings = [command for command in commands if isinstance(command, Ping)]
    commands.clear()
    if pings:
        if heartbeat is not None:
            heartbeat.pinged(pings[-1].ttl / 10)  # those before it are out of date
        send([encode_pong(ping.context) for ping in pings])

"""Liveness of one connection: PING on our side's interval, and the time-to-live that the other side's PING sets.

Any bytes that arrive show that the peer lives (RFC 37, PING and PONG; libzmq counts any traffic). The connection only
sets a flag per read; the timers look at it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiomq.options import SocketOptions
from aiomq.zmtp.commands import Command, Ping, encode_ping, encode_pong

__all__ = ["Heartbeat", "answer_commands", "heartbeat_for"]


class Heartbeat:
    """The timers of one connection; times in seconds, 0 is off."""

    __slots__ = ("_dead", "_interval", "_loop", "_ping", "_ping_timer", "_silence_timer", "_timeout", "_ttl_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        interval: float,
        timeout: float,
        ping: Callable[[], None],
        dead: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._interval = interval
        self._timeout = timeout
        self._ping = ping
        self._dead = dead
        self._ping_timer = loop.call_later(interval, self._send_ping) if interval else None
        self._silence_timer: asyncio.TimerHandle | None = None
        self._ttl_timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """The peer sent something: it lives."""
        if self._silence_timer is not None:
            self._silence_timer.cancel()
            self._silence_timer = None
        if self._ttl_timer is not None:
            self._ttl_timer.cancel()
            self._ttl_timer = None

    def expect_within(self, seconds: float) -> None:
        """The peer's PING asked to be given up if nothing more comes from it for so long."""
        if self._ttl_timer is not None:
            self._ttl_timer.cancel()
        self._ttl_timer = self._loop.call_later(seconds, self._dead, f"silent for its time-to-live of {seconds} s")

    def _send_ping(self) -> None:
        self._ping_timer = self._loop.call_later(self._interval, self._send_ping)
        self._ping()
        if self._timeout and self._silence_timer is None:
            why = f"no traffic within {self._timeout} s of a PING"
            self._silence_timer = self._loop.call_later(self._timeout, self._dead, why)

    def stop(self) -> None:
        """Cancel all timers."""
        for timer in (self._ping_timer, self._silence_timer, self._ttl_timer):
            if timer is not None:
                timer.cancel()
        self._ping_timer = self._silence_timer = self._ttl_timer = None


def heartbeat_for(
    options: SocketOptions,
    loop: asyncio.AbstractEventLoop,
    send: Callable[[bytes], None],
    dead: Callable[[str], None],
) -> Heartbeat:
    """Return the heartbeat that the options of a socket ask for.

    Args:
        options: HEARTBEAT_IVL, HEARTBEAT_TIMEOUT and HEARTBEAT_TTL are looked at.
        loop: where the timers run.
        send: sends the body of a command.
        dead: is told why the peer is to be given up.
    """
    timeout = options.heartbeat_timeout if options.heartbeat_timeout >= 0 else options.heartbeat_ivl
    ttl = options.heartbeat_ttl // 100
    return Heartbeat(loop, options.heartbeat_ivl / 1000, timeout / 1000, lambda: send(encode_ping(ttl)), dead)


def answer_commands(commands: list[Command], heartbeat: Heartbeat | None, send: Callable[[bytes], None]) -> None:
    """Answer the PINGs among commands, and forget them all."""
    for command in commands:
        if isinstance(command, Ping):
            if command.ttl and heartbeat is not None:
                heartbeat.expect_within(command.ttl / 10)
            send(encode_pong(command.context))
    commands.clear()

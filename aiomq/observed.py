"""The part of a socket that is looked at from outside: what its monitors are told, what was counted, who waits for it.

It decides nothing. The other part, `SocketCore`, is built on it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from aiomq.constants import Event
from aiomq.counters import Tally
from aiomq.events import MonitorEvent

__all__ = ["ObservedCore"]

log = logging.getLogger("aiomq.socket")


class ObservedCore:
    """Monitors, counters, and those who wait for a connection or a subscription."""

    def __init__(self) -> None:
        self.monitors: list[Callable[[MonitorEvent], None]] = []
        self.adopted_callbacks: list[Callable[[], None]] = []
        """To be called when the socket gets its loop."""
        self.tally = Tally()
        self.watchers: list[asyncio.Future[None]] = []
        """Futures of those who wait for a change in who is connected or subscribed; each is for one change."""
        self._warned: set[str] = set()

    def emit(
        self,
        event: Event,
        endpoint: str,
        value: int = 0,
        *,
        values: tuple[int, ...] = (),
        local: str = "",
        remote: str = "",
        address: str = "",
        routing_id: bytes = b"",
        error: BaseException | None = None,
    ) -> None:
        """Tell the socket's monitors."""
        if not self.monitors:
            return
        told = MonitorEvent(
            event=event,
            endpoint=endpoint,
            value=value,
            values=values,
            local_endpoint=local,
            remote_endpoint=remote,
            peer_address=address,
            routing_id=routing_id,
            reason=str(error) if error is not None else "",
            error=error,
        )
        for monitor in tuple(self.monitors):
            monitor(told)

    def warn_once(self, endpoint: str, reason: str) -> None:
        """Log what whoever runs this program has to mend: once for each endpoint, however often a peer tries."""
        if endpoint not in self._warned:
            self._warned.add(endpoint)
            log.warning("%s: %s", endpoint, reason)

    def link_made(self) -> None:
        """A peer has a connection now, whose handshake is over."""
        self.tally.connects += 1
        self.tell_watchers()

    def link_lost(self) -> None:
        """A peer has no connection any longer."""
        self.tally.disconnects += 1
        self.tell_watchers()

    def tell_watchers(self) -> None:
        """Who is connected or subscribed has changed, or the socket is closed: let those who wait look again."""
        if self.watchers:
            watchers, self.watchers = self.watchers, []
            for watcher in watchers:
                if not watcher.done():
                    watcher.set_result(None)

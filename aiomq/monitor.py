"""The events of a socket's connections, as an asynchronous iterator."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from aiomq.constants import Event
from aiomq.events import MonitorEvent

__all__ = ["Monitor"]

MAX_EVENTS: Final = 10_000
"""Events kept for a reader that does not come; beyond them the oldest are dropped and counted."""


class Monitor:
    """What happens to a socket's listeners, dialers and connections, from the moment this was made.

    The last event is MONITOR_STOPPED, when the socket is closed. One task reads at a time. Events that nobody reads are
    kept, up to `MAX_EVENTS`; a monitor never holds up the socket.
    """

    def __init__(
        self,
        monitors: list[Callable[[MonitorEvent], None]],
        events: int = Event.ALL_V2,
        begin: Callable[[], None] | None = None,
    ) -> None:
        """Collect events from now on.

        Args:
            monitors: the socket's.
            events: which.
            begin: called when somebody waits for an event: a socket that waits for a loop has one now.
        """
        self._monitors = monitors
        self._begin = begin
        self._wanted = events
        self._events: deque[MonitorEvent] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._stopped = False
        self.dropped = 0
        """Events that were dropped because nobody read them."""
        monitors.append(self._add)

    def _add(self, event: MonitorEvent) -> None:
        if event.event & self._wanted:
            if len(self._events) >= MAX_EVENTS:
                self._events.popleft()
                self.dropped += 1
            self._events.append(event)
        if event.event is Event.MONITOR_STOPPED:
            self._stopped = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __aiter__(self) -> Monitor:
        return self

    async def __anext__(self) -> MonitorEvent:
        """Wait for the next event. Cancellation: no event is lost."""
        if self._begin is not None and not self._events:
            self._begin()
        while not self._events:
            if self._stopped:
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return self._events.popleft()

    def close(self) -> None:
        """Collect no more events; what was collected can still be read, and then the iteration ends."""
        if self._add in self._monitors:
            self._monitors.remove(self._add)
        self._stopped = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

"""What a program can see of a socket beside its messages: events, peers, counters, and who is there."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING, Final, overload

from aiomq.constants import Event, SocketType
from aiomq.core import SocketCore
from aiomq.counters import Counters, PeerStatus
from aiomq.endpoint import address_text
from aiomq.errors import ZMQError
from aiomq.monitor import Monitor
from aiomq.monitor_socket import MonitorSocket, check_monitor
from aiomq.waiting import wait_connected, wait_subscribed

if TYPE_CHECKING:
    from aiomq.context import Context
    from aiomq.socket import Socket

__all__ = ["SocketStatus"]

_numbers: Final = itertools.count(1)


class _Own:
    """The type of `OWN`."""

    def __repr__(self) -> str:
        return "OWN"


OWN: Final = _Own()
"""In place of an address for `monitor`: none, the events are to be iterated."""


class SocketStatus:
    """The parts of `Socket` that tell what goes on."""

    __slots__ = ("_monitor_reader", "_monitor_sender")

    _core: SocketCore
    _context: Context
    _monitor_sender: MonitorSocket | None
    _monitor_reader: Socket | None

    # -- events ------------------------------------------------------------------------------------------------------

    @overload
    def monitor(self, addr: _Own = OWN, events: int | None = None) -> Monitor: ...

    @overload
    def monitor(
        self,
        addr: str | bytes | None,
        events: int | None = None,
        *,
        version: int = 1,
        socket_type: int = SocketType.PAIR,
    ) -> None: ...

    def monitor(
        self,
        addr: str | bytes | _Own | None = OWN,
        events: int | None = None,
        *,
        version: int = 1,
        socket_type: int = SocketType.PAIR,
    ) -> Monitor | None:
        """Tell what happens to this socket's connections from now on.

        Without an address it returns the events, to be iterated with `async for`; any number of such monitors may be
        open. With one it sends them there, in libzmq's frames, to whoever connects; there is one of these at a time,
        and a new one stops the one before. With None for an address it stops that one.

        Args:
            addr: an inproc address to bind.
            events: which events, as a sum of `Event` members; None for all that the version has.
            version: how they are sent: 1 with two frames an event, 2 with all values and both ends of the connection.
            socket_type: PAIR, or with version 2 also PUB or PUSH.

        Raises:
            ZMQError: EINVAL for an unknown version, event or type, EPROTONOSUPPORT for an address that is not inproc,
                EADDRINUSE for one in use.
            TypeError: the address is neither str nor bytes.
        """
        core = self._core
        core.check_open()
        if isinstance(addr, _Own):
            core.unstarted.start()
            return Monitor(core.monitors, int(Event.ALL_V2) if events is None else events, core.unstarted.start)
        core.enter_sync()
        if addr is not None:
            addr = address_text(addr)
            check_monitor(addr, events, version, socket_type)
        sender, self._monitor_sender = self._monitor_sender, None
        if sender is not None:
            sender.stop()
        if addr is not None:
            make = self._context._own_socket
            self._monitor_sender = MonitorSocket(core, make, addr, events, version=version, kind=socket_type)
        return None

    def get_monitor_socket(self, events: int | None = None, addr: str | bytes | None = None) -> Socket:
        """Return a PAIR socket that receives the events, two frames each: see `recv_monitor_message`.

        The same one again while it is open. Its last message is MONITOR_STOPPED. It is yours to close.

        Args:
            events: which events, as a sum of `Event` members; None for all.
            addr: the inproc address to use; None for one that nobody else has.

        Raises:
            ZMQError: as `monitor`.
        """
        reader = self._monitor_reader
        if reader is not None and not reader.closed:
            return reader
        if addr is None:
            addr = f"inproc://monitor.s-{next(_numbers)}"
        self.monitor(addr, events)
        reader = self._context._own_socket(SocketType.PAIR)
        try:
            reader.connect(addr)
        except BaseException:  # raised again; nobody else would close it
            reader.close()
            raise
        self._monitor_reader = reader
        return reader

    def disable_monitor(self) -> None:
        """Stop what `monitor(addr)` or `get_monitor_socket` began; without effect if there is nothing to stop."""
        self._monitor_reader = None
        self.monitor(None)

    def monitor_pipes_stats(self) -> None:
        """Tell the monitors how many messages are queued for each peer and from it, by a PIPES_STATS event each.

        Raises:
            ZMQError: EINVAL if there is no monitor, EAGAIN if there is no peer.
        """
        core = self._core
        core.enter_sync()
        if not core.monitors:
            raise ZMQError(errno.EINVAL, "nobody monitors this socket: PIPES_STATS would be told to nobody")
        peers = self.peers()
        if not peers:
            raise ZMQError(errno.EAGAIN, "this socket has no peer to tell of")
        for peer in peers:
            core.emit(
                Event.PIPES_STATS,
                peer.endpoint,
                peer.queued_out,
                values=(peer.queued_out, peer.queued_in),
                address=peer.address,
                routing_id=peer.routing_id,
            )

    # -- numbers -----------------------------------------------------------------------------------------------------

    def peers(self) -> list[PeerStatus]:
        """Return the peers as they are now, the connecting ones without a connection too, in no special order.

        Raises:
            ZMQError: ENOTSOCK if the socket is closed.
            WrongLoopError: it belongs to another loop.
        """
        core = self._core
        core.enter_sync()
        core.revoke_grants()  # what they let pass uncounted is counted then
        durable = core.durable
        away = {} if durable is None else {peer: durable.away_since(peer) for peer in core.peers}
        return [
            PeerStatus(
                endpoint=peer.endpoint,
                address=peer.address,
                routing_id=peer.routing_id,
                state=peer.state if away.get(peer) is None else "away",
                away_since=away.get(peer),
                queued_out=peer.queued_out,
                queued_in=len(peer.inbox),
                sent=peer.sent,
                received=peer.received,
                dropped=peer.dropped,
            )
            for peer in tuple(core.peers)
        ]

    @property
    def counters(self) -> Counters:
        """What this socket has done so far, in numbers; also once it is closed. To be read in the socket's own loop."""
        core = self._core
        core.revoke_grants()
        tally, peers = core.tally, tuple(core.peers)
        return Counters(
            sent=tally.sent + sum(peer.sent for peer in peers),
            received=tally.received + sum(peer.received for peer in peers),
            dropped=core.pattern.dropped + (0 if core.durable is None else core.durable.dropped),
            forgotten=0 if core.durable is None else core.durable.forgotten,
            connects=tally.connects,
            disconnects=tally.disconnects,
            refused=tally.refused,
            failed_handshakes=tally.failed_handshakes,
            protocol_errors=tally.protocol_errors,
            cut=tally.cut,
            over=dict(tally.over),
        )

    # -- who is there ------------------------------------------------------------------------------------------------

    async def wait_connected(self, n: int = 1) -> None:
        """Wait until at least `n` peers are connected, with their handshakes done.

        Put `asyncio.timeout` around it to wait no longer than that. Over inproc a peer is connected once the name is
        bound.

        Raises:
            ZMQError: ENOTSOCK if the socket is closed meanwhile, EINVAL if `n` is less than 1.
            ContextTerminated: the context is terminated meanwhile.

        Cancellation: safe; nothing is changed by it.
        """
        await wait_connected(self._core, n)

    async def wait_subscribed(self, topic: str | bytes = b"", n: int = 1) -> None:
        """Wait until at least `n` peers of a PUB or XPUB would get a message that begins with `topic`.

        Args:
            topic: how the message begins. A subscription to a prefix of it counts, one to something longer does not.
            n: how many.

        Raises:
            ZMQError: ENOTSUP for a type that does not publish, EINVAL if `n` is less than 1, ENOTSOCK if the socket is
                closed meanwhile.
            ContextTerminated: the context is terminated meanwhile.

        Cancellation: safe; nothing is changed by it.
        """
        await wait_subscribed(self._core, topic.encode() if isinstance(topic, str) else topic, n)

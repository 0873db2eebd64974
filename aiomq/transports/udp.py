"""udp: datagrams for RADIO, DISH and DGRAM.

There are no connections: a port, bound or only sent from, is one peer of the socket, whoever is at the other end. What
does not fit is dropped and counted, on the way out if a datagram would be too long, on the way in if the inbox is full.
"""

from __future__ import annotations

import asyncio
import socket
from abc import ABC, abstractmethod
from copy import copy
from typing import ClassVar, Final, Protocol, cast

from aiomq.constants import Event
from aiomq.datagrams import DATAGRAM_BYTES_MAX, decode_group, encode_group, format_address, parse_address
from aiomq.endpoint import UdpEndpoint
from aiomq.message import Item, Membership, Message
from aiomq.peer import StreamPeer
from aiomq.teardown import run_all
from aiomq.transports.base import SocketHost
from aiomq.transports.descriptors import descriptor_of
from aiomq.transports.dialer import Backoff
from aiomq.transports.lookups import resolve
from aiomq.transports.udp_sockets import (
    Address,
    address_of,
    bind_socket,
    bound_endpoint,
    numeric_target,
    send_socket,
    target_name,
)

__all__ = ["DatagramCodec", "GroupCodec", "PlainCodec", "UdpDialer", "UdpListener"]

_WRITE_HIGH: Final = 256 * 1024
"""Bytes in the transport's own buffer at which the outbox holds back."""

_IPV4_IN_IPV6: Final = "::ffff:"


class DatagramCodec(Protocol):
    """How a message of a socket is a datagram, and where that goes."""

    def encode(self, message: Message) -> tuple[bytes, tuple[str, int] | None] | None:
        """Return a datagram and its address, None for that of the connect; None for a message that is too long."""

    def decode(self, datagram: bytes, sender: Address) -> Message | None:
        """Return the message that came; None for one that is none."""


class GroupCodec:
    """RADIO and DISH: the group and the body."""

    def encode(self, message: Message) -> tuple[bytes, tuple[str, int] | None] | None:
        """Return the datagram for a message to a group."""
        group, body = message
        datagram = encode_group(cast("bytes", group), cast("bytes", body))
        return None if datagram is None else (datagram, None)

    def decode(self, datagram: bytes, sender: Address) -> Message | None:
        """Return the group and the body."""
        return decode_group(datagram)


class PlainCodec:
    """DGRAM: an address and the datagram."""

    def encode(self, message: Message) -> tuple[bytes, tuple[str, int] | None] | None:
        """Return the datagram and where it goes."""
        address, datagram = message
        return cast("bytes", datagram), parse_address(cast("bytes", address))

    def decode(self, datagram: bytes, sender: Address) -> Message | None:
        """Return where a datagram came from, and it."""
        return (format_address(sender[0], sender[1]), datagram) if len(datagram) <= DATAGRAM_BYTES_MAX else None


class _Port(asyncio.DatagramProtocol):
    """One system socket: what links a peer to the network."""

    def __init__(self, owner: _UdpPort, sock: socket.socket, target: Address | None) -> None:
        self._owner = owner
        self._sock = sock
        self._target = target
        self._paused = False
        self._finishing = False
        self._kill_timer: asyncio.TimerHandle | None = None
        self.transport: asyncio.DatagramTransport
        self.lost = False

    # -- called by the transport -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The port can be used."""
        self.transport = cast("asyncio.DatagramTransport", transport)  # uvloop's are of no class of asyncio's
        self.transport.set_write_buffer_limits(high=_WRITE_HIGH)  # type: ignore[attr-defined]  # every loop's has it

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Give a datagram to the socket."""
        self._owner.received(bytes(data), addr)

    def error_received(self, exc: Exception) -> None:
        """A datagram could not be sent, or did not find anybody: as on the network, nobody is told."""
        self._owner.missed()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        self._paused = False
        self._send_queued()
        if self._is_over():  # not from here: the transport goes on to see to its own end
            self._owner.owner.loop.call_soon(self._close)

    def connection_lost(self, exc: Exception | None) -> None:
        """The system socket is closed."""
        self.lost = True
        timer = self._kill_timer
        run_all(*(() if timer is None else (timer.cancel,)), lambda: self._owner.port_lost(exc))

    # -- called by the peer ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Send what is in the outbox, as far as the transport takes it."""
        self._send_queued()
        if self._is_over():
            self._close()

    def _is_over(self) -> bool:
        return self._finishing and not self._owner.peer.outbox

    def _send_queued(self) -> None:
        outbox = self._owner.peer.outbox
        count = 0
        while outbox and not self._paused and not self.lost:
            count += 1
            item = outbox.popleft()
            if type(item) is bytes or type(item) is tuple:
                self._send(item)
        if count:
            self._owner.peer.flushed(count)

    def _send(self, message: Message) -> None:
        encoded = self._owner.codec.encode(message)
        if encoded is None:
            self._owner.missed()
            return
        datagram, address = encoded
        target = self._target if address is None else self._reachable(address)
        if target is None:
            self._owner.missed()
        elif datagram:
            self.transport.sendto(datagram, target)
        else:
            self._send_empty(target)

    def _send_empty(self, target: Address) -> None:
        """Send a datagram without a single byte, which asyncio's transports leave out before Python 3.13."""
        try:
            self._sock.sendto(b"", target)
        except OSError as error:
            self.error_received(error)

    def _reachable(self, address: tuple[str, int]) -> Address | None:
        """Return an address in the family of the socket; None for one of IPv6 where there is only IPv4."""
        host, port = address
        if self._sock.family == socket.AF_INET6:
            return (host if ":" in host else f"{_IPV4_IN_IPV6}{host}", port, 0, 0)
        return None if ":" in host else address

    def refill(self) -> None:
        """Nothing: what came while the inbox was full is gone."""

    def end(self, reason: str = "", budget: str = "") -> None:
        """Close at once."""
        if not self.lost:
            self._abort()

    def finish(self, linger: float | None) -> None:
        """Close when the outbox is empty, at the latest after `linger` seconds (None: no limit)."""
        if self.lost:
            return
        if linger == 0:
            self._abort()
            return
        if linger is not None and self._kill_timer is None:
            self._kill_timer = asyncio.get_running_loop().call_later(linger, self._abort)
        self._finishing = True
        self.flush()

    def _abort(self) -> None:
        run_all(self.transport.abort, self._free_port)

    def _close(self) -> None:
        run_all(self.transport.close, self._free_port)

    def _free_port(self) -> None:
        """Give the port back in this very turn, for the next bind, where the loop has let go of the descriptor."""
        if isinstance(self._owner.owner.loop, asyncio.SelectorEventLoop) and not self.unsent_bytes():
            self._sock.close()

    def unsent_bytes(self) -> int:
        """Return how many bytes the transport still holds."""
        return 0 if self.lost else _held(self.transport)


def _held(transport: asyncio.DatagramTransport) -> int:
    size: int = transport.get_write_buffer_size()  # type: ignore[attr-defined]  # every loop's has it
    return size


class _UdpPort(ABC):
    """What a bound and a connected port have in common: the peer, the system socket, the end."""

    _first: ClassVar[tuple[Item, ...]] = ()
    """What stands in the peer's inbox from the beginning."""

    def __init__(self, owner: SocketHost, codec: DatagramCodec, endpoint: str) -> None:
        self.owner = owner
        self.codec = codec
        self.endpoint = endpoint
        self.options = copy(owner.options)
        self._peer: StreamPeer | None = None
        self._port: _Port | None = None
        self._opening: asyncio.Task[None] | None = None
        self._kill_timer: asyncio.TimerHandle | None = None
        self._using = False
        """The system socket is being given to the loop, which must not be interrupted."""
        self._closed = False
        self._dropping = False
        """Closed, and what is queued is not to leave."""
        self._ended = False

    def start(self) -> None:
        """Become a peer of the socket, and open the port. Needs the owner's loop."""
        owner = self.owner
        self._peer = StreamPeer(owner, owner.flusher, self.endpoint)
        self.peer.inbox.extend(self._first)
        owner.peer_attached(self.peer)
        if self.peer.left:  # a DGRAM that has a port takes no other
            self.close(0)
            return
        self._opening = owner.loop.create_task(self._open(), name=f"aiomq udp {self.endpoint}")
        self._opening.add_done_callback(self._opened)

    @property
    def peer(self) -> StreamPeer:
        """The peer; there is one from `start` on."""
        assert self._peer is not None
        return self._peer

    @abstractmethod
    async def _open(self) -> None:
        """Make the system socket and `_use` it."""

    async def _use(self, sock: socket.socket, target: Address | None) -> None:
        port = _Port(self, sock, target)
        self._using = True
        try:
            await self.owner.loop.create_datagram_endpoint(lambda: port, sock=sock)
        except BaseException:  # raised again; nobody else would close it
            self._using = False
            sock.close()
            raise
        self._port = port

    def _opened(self, task: asyncio.Task[None]) -> None:
        self._opening = None
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.owner.emit(Event.CLOSED, self.endpoint, -1, error=error)
            if not isinstance(error, OSError):
                task.get_loop().call_exception_handler(
                    {"message": f"opening {self.endpoint} failed", "exception": error, "task": task}
                )
        if self._port is None:
            self._closed = True
            run_all(self.peer.close, self._end)
        elif self.peer.left and not self._closed:  # the pattern turned it away meanwhile
            self.close(0)
        else:
            self._begin(self._port)

    def _begin(self, port: _Port) -> None:
        if self._dropping:
            port.finish(0)
            return
        self.peer.attach_link(port)
        if self._closed:
            port.finish(None)

    # -- called by the port ------------------------------------------------------------------------------------------

    def received(self, datagram: bytes, sender: Address) -> None:
        """Put a message into the inbox, if there is room for it."""
        peer = self.peer
        hwm = self.owner.options.rcvhwm
        message = self.codec.decode(datagram, sender)
        if message is None or len(peer.inbox) >= hwm > 0:
            self.missed()
            return
        peer.inbox.append(message)
        peer.received += 1
        self.owner.message_received(peer, 1)

    def missed(self) -> None:
        """A datagram did not get on."""
        self.peer.dropped += 1

    def port_lost(self, error: Exception | None) -> None:
        """The system socket is closed, by us or by a failure."""
        run_all(
            self.peer.detach_link,
            lambda: self.owner.emit(Event.CLOSED, self.endpoint, -1, error=error),
            self.peer.close,
            self._end,
        )

    # -- the end -----------------------------------------------------------------------------------------------------

    def close(self, linger: float | None) -> None:
        """End when everything queued is sent, at the latest after `linger` seconds (None: no limit)."""
        self._closed = True
        peer = self._peer
        run_all(*(() if peer is None else (lambda: peer.leave(drop=True),)), lambda: self._end_within(linger))

    def _end_within(self, linger: float | None) -> None:
        if self._port is not None:
            self._port.finish(linger)
        elif self._opening is None:
            self._end()
        elif linger == 0 or not self.peer.outbox:
            self._give_up()
        elif linger is not None:
            self._cancel_kill_timer()
            self._kill_timer = self.owner.loop.call_later(linger, self._give_up)

    def _give_up(self) -> None:
        """What is queued has had its time."""
        self._dropping = True
        if self._port is not None:
            self._port.finish(0)
        elif self._opening is not None and not self._using:
            self._opening.cancel()

    def _cancel_kill_timer(self) -> None:
        if self._kill_timer is not None:
            self._kill_timer.cancel()
            self._kill_timer = None

    def _end(self) -> None:
        was_ended, self._ended = self._ended, True
        tell = () if was_ended else (lambda: self.owner.endpoint_closed(self),)
        run_all(self._cancel_kill_timer, *tell)

    def is_busy(self) -> bool:
        """Return False: datagrams have no handshake."""
        return False

    def queued(self) -> int:
        """Return how many messages and bytes still wait to leave, as one number that only says "none" or "some"."""
        unsent = 0 if self._port is None else self._port.unsent_bytes()
        return unsent + (0 if self._peer is None else len(self._peer.outbox))

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptor of its port, once that is open."""
        return () if self._port is None or self._port.lost else descriptor_of(self._port.transport)


class UdpListener(_UdpPort):
    """A bound port: it receives, and for a DGRAM it also sends."""

    def __init__(self, owner: SocketHost, codec: DatagramCodec, endpoint: UdpEndpoint) -> None:
        """Bind.

        Raises:
            OSError: it can't be bound.
        """
        self._sock: socket.socket | None = bind_socket(endpoint, owner.options)
        super().__init__(owner, codec, bound_endpoint(self._sock, endpoint))

    def start(self) -> None:
        """Begin to receive. Until then the system keeps what comes."""
        assert self._sock is not None
        self.owner.emit(Event.LISTENING, self.endpoint, self._sock.fileno(), local=self.endpoint)
        super().start()

    async def _open(self) -> None:
        sock, self._sock = self._sock, None
        assert sock is not None
        await self._use(sock, None)

    def _give_up(self) -> None:
        run_all(super()._give_up, self._drop_socket)  # it is still here if the loop has not been given it yet

    def _end(self) -> None:
        run_all(self._drop_socket, super()._end)

    def abandon(self) -> None:
        """The loop does not run any more: free the address."""
        self._drop_socket()

    def descriptors(self) -> tuple[int, ...]:
        """Return the descriptor of its port, from the bind on."""
        return super().descriptors() if self._sock is None else (self._sock.fileno(),)

    def _drop_socket(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()

    def __repr__(self) -> str:
        return f"<UdpListener {self.endpoint}>"


class UdpDialer(_UdpPort):
    """A port that sends to one address or group.

    Nobody at the other end can tell it what to send, so it is taken to have joined every group.
    """

    _first = (Membership(None, join=True),)

    def __init__(self, owner: SocketHost, codec: DatagramCodec, target: UdpEndpoint, endpoint: str) -> None:
        """Check the address, and the interface, as far as nothing has to be looked up.

        Raises:
            OSError: the interface, or an option, means nothing here.
        """
        super().__init__(owner, codec, endpoint)
        self._target = target
        address = numeric_target(target, self.options)
        if address is not None:
            send_socket(target, address, self.options).close()

    async def _open(self) -> None:
        """Look the name up until it means something."""
        owner, options = self.owner, self.options
        backoff = Backoff(options)
        while True:
            try:
                address = numeric_target(self._target, options)
                if address is None:
                    name = target_name(self._target, options)
                    address = address_of(name, await resolve(owner.loop, name))
                await self._use(send_socket(self._target, address, options), address)
            except OSError as error:
                if options.reconnect_ivl <= 0:
                    raise
                pause = backoff.next_ms()
                owner.emit(Event.CONNECT_RETRIED, self.endpoint, pause, remote=self.endpoint, error=error)
                await asyncio.sleep(pause / 1000)
            else:
                return

    def abandon(self) -> None:
        """The loop does not run any more: a port that only sends has nothing that others may want."""

    def __repr__(self) -> str:
        return f"<UdpDialer {self.endpoint}>"

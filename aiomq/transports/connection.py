"""One byte stream and its ZMTP state, as an asyncio protocol.

A connection moves bytes: from the transport through the decoder into a peer's inbox, and from the peer's outbox through
the encoder to the transport. It decides nothing about sockets: what a ready or a lost connection means is up to its
host, the listener or the dialer it came from.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import sys
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from aiomq.constants import Event
from aiomq.counters import Tally
from aiomq.options import SocketOptions
from aiomq.rest import Rest
from aiomq.teardown import run_all
from aiomq.transports.addresses import address_text
from aiomq.transports.connection_host import ConnectionHost
from aiomq.transports.credentials import credentials_text
from aiomq.transports.hangups import hangups_of
from aiomq.transports.heartbeat import heartbeat_for
from aiomq.transports.pace import Pace, pace_for
from aiomq.transports.patience import Patience
from aiomq.transports.peer_properties import peer_address
from aiomq.transports.reading import HANDSHAKE, Reading
from aiomq.transports.unsent import held_by_system
from aiomq.transports.zap_client import Verdict, ZapQuestion
from aiomq.zmtp.allowance import UNBOUNDED, Allowance
from aiomq.zmtp.codecs import Encoder, codec_for
from aiomq.zmtp.errors import ZmtpError
from aiomq.zmtp.frames import FrameDecoder, FrameEncoder
from aiomq.zmtp.session import Session

__all__ = ["Connection"]

WRITE_HIGH: Final = 256 * 1024
"""Bytes in the transport's own buffer at which the outbox holds back: they are beyond any high-water mark."""

_WRITELINES_PAUSES: Final = not ((3, 12) <= sys.version_info < (3, 12, 9) or (3, 13) <= sys.version_info < (3, 13, 2))
"""Before these versions asyncio's own transports do not say that they are full in `writelines` (CVE-2024-12254)."""

SLICE: Final = 1 << 20
"""So much of a large frame is written at a time to asyncio's own transports: they copy what does not leave at once.

With a quarter of it messages of 1 MiB were a fifth slower."""

MAX_HELD_COMMANDS: Final = 16
"""Commands (PONG, PING) that wait for a full transport; beyond them the oldest are dropped: they are out of date."""

CLOSE_GRACE: Final = 1.0
"""Seconds that the rest of a closing transport's buffer gets to leave, where no linger says otherwise."""


class Connection(Reading):
    """See the module. Its life: connected, handshake, ready, lost; every step at most once."""

    __slots__ = (
        "_closing",
        "_encoder",
        "_ended_here",
        "_finishing",
        "_half_closed",
        "_handshake_limit",
        "_held_commands",
        "_kill_timer",
        "_lost_by",
        "_options",
        "_pace",
        "_question",
        "_session",
        "_unwritten",
        "_write_paused",
        "address",
        "fd",
        "handed",
        "host",
        "local",
        "loop",
        "lost",
        "routing_id",
        "transport",
    )

    def __init__(self, host: ConnectionHost, loop: asyncio.AbstractEventLoop, options: SocketOptions) -> None:
        super().__init__(loop, options)
        self.host = host
        self.loop = loop
        self.address = ""
        """The other end: `host:port`, `:uid:gid:pid` over ipc, or the empty string where the system tells neither."""
        self.local = ""
        """This end, in the same form."""
        self.routing_id = b""
        """What the peer announced in its handshake."""
        self.fd = -1
        self.lost = False
        self.transport: asyncio.Transport
        self._options = options
        self._unread = host.unread
        self._session = Session(host.session_config())
        self._encoder: Encoder
        self._closing = False
        self._ended_here = False
        """It was not the peer, nor the network, that ended it."""
        self._finishing = False
        self._half_closed = False
        """The other side was told that nothing more comes, and is given the time to read what is on its way."""
        self.handed = 0
        """Bytes that the transport was given since the handshake, or will be before anything else."""
        self._handshake_limit: Patience | None = None
        self._pace: Pace | None = None
        self._kill_timer: asyncio.TimerHandle | None = None
        self._lost_by: Exception | None = None
        self._question: ZapQuestion | None = None
        self._write_paused = False
        self._held_commands: deque[bytes] | None = None  # hardly anybody needs one, and it is large
        self._unwritten: deque[memoryview] | None = None
        """What is left of a batch with large frames whose messages have left the outbox already."""

    # -- called by the transport -------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        try:
            self._begin(transport)
        except BaseException:  # raised again; the loop would leave the transport open, and nobody would hear of it
            transport.close()
            raise

    def _begin(self, transport: asyncio.BaseTransport) -> None:
        self._take_transport(transport)
        if self._options.handshake_ivl > 0:
            self._handshake_limit = Patience(self.loop, self._options.handshake_ivl / 1000, self._handshake_late)
        self.host.connection_made(self)
        if not self.transport.is_closing():
            self._session.start()
            self._send_handshake()

    def _take_transport(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's
        transport.set_write_buffer_limits(high=WRITE_HIGH)
        sock = transport.get_extra_info("socket")
        self.address = address_text(transport.get_extra_info("peername")) or credentials_text(sock)
        self.local = address_text(transport.get_extra_info("sockname"))
        self.fd = sock.fileno() if sock is not None else -1

    def _receive_handshake(self, data: memoryview) -> None:
        self._session.receive_data(data)
        self._continue_handshake()

    def pause_writing(self) -> None:
        """The transport's buffer is full."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """The transport's buffer has drained."""
        if isinstance(self.loop, asyncio.BaseEventLoop):
            # Its transports call this from within their own write: one that is closed meanwhile, or fails in a write
            # that is begun here, loses its connection twice, with a traceback.
            self.loop.call_soon(self._write_on)
        else:
            self._write_on()

    def _write_on(self) -> None:
        """Write what waited for the transport: the rest of a batch, commands, and the outbox."""
        if self.lost:  # since the transport said so
            return
        self._write_paused = False
        self._write_rest()
        while self._held_commands and not self._write_paused:
            self.send_command(self._held_commands.popleft())
        self.flush()

    def eof_received(self) -> bool:
        """The other side sends nothing more; close as libzmq does. What is queued stays for the next connection."""
        self._closing = True  # also what was half closed ends so: the other side has read everything
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the peer what had arrived, and tell the host."""
        if self.lost:
            return
        self.lost = True
        self._lost_by = exc
        run_all(self._stop_timers, self._begin_loss)

    def _begin_loss(self) -> None:
        """End it now, or in a later turn: a crowd that leaves all at once must not stand in the way of others."""
        if self._waits_turn:  # then it will
            return
        if self._allowance.left > 0:
            self._allowance.left -= HANDSHAKE
            self._turns.renew_soon()
            self._end_loss()
        else:
            self._wait_turn()

    def _end_loss(self) -> None:
        """Give the peer what had arrived, and tell the host: in a later turn, if that is too much for this one."""
        exc = self._lost_by
        try:
            if self.peer is not None:
                self._deliver_rest()
        finally:  # whatever that raised, the connection must not stay
            if self._rest_waits():
                self._wait_turn()
            else:
                if self._decoder is not None:  # what the user makes room for from now on comes at once
                    self._decoder.assembly.allowance = Allowance(UNBOUNDED)
                run_all(
                    self._deliver_departed,
                    self._discard_rest,
                    self._leave_peer,
                    lambda: self._tell_end(exc),
                    lambda: self.host.connection_lost(self, self._error or exc),
                )

    def _deliver_departed(self) -> None:
        if self.peer is not None and self.host.lifecycle.departed:
            self._deliver([*self.host.lifecycle.departed])

    def _discard_rest(self) -> None:
        """Let go of what leads nowhere: a message that is not whole, a batch that is not written."""
        self._unwritten = self._held_commands = None
        self._keep(0)
        rest = None if self.peer is None else self.peer.rest
        if self._decoder is not None and not (isinstance(rest, Rest) and rest.holds(self._decoder)):
            self._decoder.assembly.discard()

    def _leave_peer(self) -> None:
        if self.peer is not None:
            self._unread.left(self.peer)
            self.peer.detach_link()

    def _tell_end(self, exc: Exception | None) -> None:
        """Tell the monitors. Of what the socket itself ends for no special reason they hear nothing, as in libzmq."""
        error = self._error or exc
        if self._ended_here and error is None:
            return
        if error is None:
            error = EOFError("the peer closed the connection")
        if self._error is None and self._heartbeat is None:
            # Older peers than 3.0 have no handshake: libzmq says at the end of each that it was never done.
            number = getattr(exc, "errno", None) or errno.EPIPE
            self.host.emit(Event.HANDSHAKE_FAILED_NO_DETAIL, self, number, error)
        self.host.emit(Event.DISCONNECTED, self, self.fd, error)

    def count_end(self, tally: Tally, error: Exception | None) -> None:
        """Count how it ended, if it was not this side that simply ended it."""
        if error is not None or not self._ended_here:
            breach = error if isinstance(error, ZmtpError) and error.auth_status is None else None
            budget = "" if breach is None else breach.budget
            tally.end(is_proved=self.is_proved, is_breach=breach is not None, budget=budget)

    # -- the handshake -----------------------------------------------------------------------------------------------

    def _continue_handshake(self) -> None:
        self._send_handshake()
        session = self._session
        if session.ready:
            self._become_ready()
        elif self._question is None and session.zap_request is not None:
            address = peer_address(self.transport)
            self._restart_handshake_limit()
            self._question = self.host.zap.ask(
                self.loop, session.zap_request, address, self._options, self._zap_answered
            )

    def _zap_answered(self, verdict: Verdict) -> None:
        """The ZAP handler has decided, or there is none to do so."""
        if self._closing or self.lost:
            return
        try:
            if isinstance(verdict, ZmtpError):
                raise verdict
            self._restart_handshake_limit()
            self._session.receive_zap_reply(verdict)
            self._continue_handshake()
        except ZmtpError as error:
            self.fail(error)

    def _send_handshake(self) -> None:
        data = self._session.data_to_send()
        if data:
            self.transport.write(data)

    def _restart_handshake_limit(self) -> None:
        """Begin HANDSHAKE_IVL anew: it bounds the handler's time, and what the peer takes before and after it, each."""
        if self._handshake_limit is not None:
            self._handshake_limit.restart()

    def _handshake_late(self) -> None:
        late = "no handshake" if self._question is None or self._question.settled else "no answer of the ZAP handler"
        error = TimeoutError(f"{late} within {self._options.handshake_ivl} ms (HANDSHAKE_IVL)")
        self.cut_handshake(error, errno.EAGAIN)

    def cut_handshake(self, error: Exception, number: int) -> None:
        """End it before its handshake is over; `number` is the value of the event."""
        if not self._closing:
            self._error = error
            self.host.emit(Event.HANDSHAKE_FAILED_NO_DETAIL, self, number, error)
        self._abort()

    def _become_ready(self) -> None:
        session = self._session
        del self._session  # with its buffers and keys: the rest of the connection's life is longer
        info = session.peer
        if self._handshake_limit is not None:
            self._handshake_limit.stop()
            self._handshake_limit = None
        self._decoder, self._encoder = codec_for(session, self._options.maxmsgsize)
        self._knows_lone = not self._is_exact and type(self._decoder) is FrameDecoder  # not that of encrypted traffic
        self.routing_id = info.routing_id
        if info.version >= (3, 0):
            self.host.emit(Event.HANDSHAKE_SUCCEEDED, self)
            self._heartbeat = heartbeat_for(self._options, self.loop, self)
        self._pace = pace_for(self._options, self.loop, self)
        lifecycle = self.host.lifecycle
        if lifecycle.hello:
            self._write(self._encoder.encode(deque((lifecycle.hello,)))[0])
        self.peer = self.host.connection_ready(self, info)
        assembly = self._decoder.assembly
        assembly.allowance = self._allowance
        keeps_parts = self.peer.owner.accepts_messages
        assembly.limit(self._options.message_bytes_max, self._options.message_frames_max, keeps_parts=keeps_parts)
        assembly.keeps_subscriptions = self.peer.owner.accepts_subscriptions
        assembly.keeps_memberships = self.peer.owner.accepts_memberships
        assembly.large_given_up = self._give_up_large
        if self.peer.rest is not None:
            self._read_on(self.peer, is_full=True, low_water=self.peer.low_water)
        leftover = session.leftover()
        if told := [*lifecycle.arrived, *session.injected]:
            self._deliver(told)
        if leftover and not self.lost:
            self._decoder.feed(leftover)
            self._pump()

    @property
    def is_proved(self) -> bool:
        """Whether the other side has shown that it is one: the handshake was over."""
        return self.peer is not None

    def peer_silent(self, why: str) -> None:
        """Give up a peer whose heartbeat has stopped."""
        self._error = TimeoutError(why)
        self._abort()

    def _give_up_large(self, error: ZmtpError) -> None:
        """Other connections, maybe of other threads, need what an unfinished frame holds here."""
        with contextlib.suppress(RuntimeError):  # the loop was closed: the frame goes with it
            self.loop.call_soon_threadsafe(self._cut, error)

    def _cut(self, error: ZmtpError) -> None:
        if not self.lost:
            self._error = self._error or error
            self._abort()

    def bytes_left(self) -> int:
        """Return how many bytes have ever left for the peer, as far as the system tells."""
        return self.handed - self.unsent_bytes() - self._held_by_system()

    def has_to_send(self) -> bool:
        """Whether something waits here to leave; what the system holds is not here."""
        return bool(self.peer is not None and self.peer.outbox) or self.unsent_bytes() > 0

    def stands_still(self, error: ZmtpError) -> None:
        """Cut a connection on which nothing has moved for too long."""
        self._cut(error)

    def _held_by_system(self) -> int:
        return 0 if self.lost else held_by_system(self.transport.get_extra_info("socket"))

    # -- from the outbox to the wire ---------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is in the outbox, as far as the transport takes it."""
        peer = self.peer
        if peer is None:
            return
        outbox = peer.outbox
        while outbox and not self._write_paused and not self._closing and not self.lost:
            batch = peer.flusher.last_batch
            buffers, count = batch.encode(self._encoder, outbox) if batch else self._encoder.encode(outbox)
            if len(buffers) == 1 and len(buffers[0]) <= SLICE:
                self.handed += len(buffers[0])
                self.transport.write(buffers[0])
            else:
                self._write(buffers)
            if count == len(outbox):
                outbox.clear()
            else:
                for _ in range(count):
                    outbox.popleft()
            peer.flushed(count)
        if outbox or self._write_paused:
            peer.left_behind(self.unsent_bytes())
        elif peer.noted and not self.lost:
            peer.nothing_left()
        if self._finishing and not outbox and not self._unwritten:
            self._close()

    def _write(self, buffers: list[bytes]) -> None:
        """Write a batch with large frames; on asyncio's own loops only as much as the transport takes now."""
        self.handed += sum(map(len, buffers))
        if self._unwritten:
            self._unwritten.extend(memoryview(each) for each in buffers)
        elif self._takes_at_once(buffers):
            self.transport.writelines(buffers)
        else:
            self._unwritten = deque(memoryview(each) for each in buffers)
            self._write_rest()

    def _takes_at_once(self, buffers: list[bytes]) -> bool:
        is_asyncios = isinstance(self.loop, asyncio.BaseEventLoop)
        return not is_asyncios or (_WRITELINES_PAUSES and max(map(len, buffers)) <= SLICE)

    def _write_rest(self) -> None:
        """Write on what is left of a batch, until the transport is full."""
        unwritten = self._unwritten
        while unwritten and not self._write_paused and not self.lost and not self.transport.is_closing():
            buffer = unwritten.popleft()
            if len(buffer) > SLICE:
                unwritten.appendleft(buffer[SLICE:])
                buffer = buffer[:SLICE]
            self.transport.write(buffer)
        if not unwritten:
            self._unwritten = None

    def send_command(self, body: bytes) -> None:
        """Send a command as soon as the transport takes it, and between two messages."""
        self.send_commands([body])

    def send_commands(self, bodies: list[bytes]) -> None:
        """Send commands, all in one write."""
        encoder = self._encoder
        if not isinstance(encoder, FrameEncoder) or self._closing or self.lost:
            return
        if self._write_paused or self._unwritten:
            if self._held_commands is None:
                self._held_commands = deque(maxlen=MAX_HELD_COMMANDS)
            self._held_commands.extend(bodies)
        else:
            commands = b"".join(map(encoder.encode_command, bodies))
            self.handed += len(commands)
            self.transport.write(commands)

    # -- the end -----------------------------------------------------------------------------------------------------

    def fail(self, error: ZmtpError) -> None:
        """The peer broke the protocol: close, and say why."""
        self._error = error
        if error.incompatible:
            self.host.warn(str(error))
        if error.auth_status is not None:
            self.host.emit(Event.HANDSHAKE_FAILED_AUTH, self, error.auth_status, error)
        elif error.code is not None:
            self.host.emit(Event.HANDSHAKE_FAILED_PROTOCOL, self, error.code, error)
        elif error.errno is not None:
            self.host.emit(Event.HANDSHAKE_FAILED_NO_DETAIL, self, error.errno, error)
        if self.peer is None:
            self._send_handshake()
        self.end()

    def end(self, reason: str = "", budget: str = "") -> None:
        """Close at once; what the transport holds already may still leave, for a moment."""
        if reason and self._error is None:
            self._error = ZmtpError(reason, budget=budget) if budget else ConnectionAbortedError(reason)
        self.finish(CLOSE_GRACE, drop=True)

    def finish(self, linger: float | None, *, drop: bool = False) -> None:
        """Close when everything queued has left, at the latest after `linger` seconds (None: no limit).

        With `drop`, what is still in the outbox is not waited for.
        """
        if self.lost:
            return
        if linger == 0:
            self._abort()
            return
        if linger is not None:
            if self._kill_timer is not None:
                self._kill_timer.cancel()
            self._kill_timer = self.loop.call_later(linger, self._abort)
        self._finishing = True
        if drop or self.peer is None:
            self._end_here()
            self.transport.close()
        else:
            self.flush()

    def _close(self) -> None:
        """Write nothing more: it would be lost, and a dialed peer may still send it by another connection."""
        if self._closing:
            return
        self._end_here()
        if self._other_side_would_lose():
            self._half_closed = True
            if self._heartbeat is not None:
                self._heartbeat.stop()  # nothing can be asked any longer: LINGER bounds the wait
            self.transport.write_eof()
        else:
            self.transport.close()

    def _other_side_would_lose(self) -> bool:
        """Tell whether libzmq at the other end, while it does not read, would lose what the system holds for it.

        It takes the hang-up of a Unix domain socket for the end, whatever is still to be read. The end of the stream
        alone it does not see before it reads again, and then closes its side. Over tcp a close is no more than that.
        """
        sock = self.transport.get_extra_info("socket")
        is_unix = hasattr(socket, "AF_UNIX") and sock is not None and sock.family == socket.AF_UNIX
        return is_unix and held_by_system(sock) > 0 and not self.transport.is_closing()

    def _abort(self) -> None:
        self._end_here()
        self.transport.abort()

    def _end_here(self) -> None:
        if not self._closing:
            self._closing = self._ended_here = True

    def _stop_timers(self) -> None:
        steps: list[Callable[[], object]] = [lambda: hangups_of(self.loop).forget(self)]
        if self._heartbeat is not None:
            steps.append(self._heartbeat.stop)
        if self._handshake_limit is not None:
            steps.append(self._handshake_limit.stop)
        if self._pace is not None:
            steps.append(self._pace.stop)
        if self._kill_timer is not None:
            steps.append(self._kill_timer.cancel)
        if self._question is not None:
            steps.append(self._question.take_back)
        run_all(*steps)

    def unsent_bytes(self) -> int:
        """Return how many bytes have still to leave; those that the system holds count where a close waits for them."""
        if self.lost:
            return 0
        unsent = self.transport.get_write_buffer_size()
        if self._unwritten:
            unsent += sum(map(len, self._unwritten))
        return unsent + self._held_by_system() if self._half_closed else unsent

    def __repr__(self) -> str:
        state = "lost" if self.lost else "handshake" if self.peer is None else "ready"
        return f"<Connection {self.address or 'local'} {state}>"

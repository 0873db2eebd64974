"""The strangers, in a process of their own: raw sockets, one epoll, no library that would take time or be polite.

`python -m tests.attack.strangers SPEC` connects when a line comes in, goes when its standard input ends, and says then
what it did.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import itertools
import os
import random
import select
import socket
import struct
import sys
import time
from typing import Final

import msgspec

from tests.attack.kinds import Plan
from tests.attack.plans import plan, shares
from tests.attack.specs import AttackReport, AttackSpec, KindReport
from tests.attack.system import allow_files, settle_on

NICENESS: Final = 10
"""The strangers yield to the good client, with which they share a core: in the field they have their own machines."""

RAMP_PER_SECOND: Final = 2000
"""How many strangers come in a second, at first."""

SEND_BUFFER: Final = 128 * 1024
"""Bytes that the system keeps for each of them: enough to flood, and few enough for thousands."""

READ_BYTES: Final = 256 * 1024
IP_BIND_ADDRESS_NO_PORT: Final = 24
_RESET: Final = struct.pack("ii", 1, 0)


class Stranger:
    """One of them, through all its connections."""

    __slots__ = ("_address", "_crowd", "_generation", "_pending", "_plan", "_report", "_rest", "_sock")

    def __init__(self, crowd: Crowd, plan: Plan, report: KindReport, address: str) -> None:
        self._crowd = crowd
        self._plan = plan
        self._report = report
        self._address = address
        self._sock: socket.socket | None = None
        self._pending = memoryview(b"")
        self._rest = memoryview(b"")
        """Of the opening, while it is said in pieces."""
        self._generation = 0

    def come(self) -> None:
        """Connect."""
        self._generation += 1
        self._report.connects += 1
        sock = self._sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET if self._plan.resets else struct.pack("ii", 0, 0))
        sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((self._address, 0))
        if sock.connect_ex(("127.0.0.1", self._crowd.port)) not in {0, errno.EINPROGRESS}:
            self._gone(cut=True)
            return
        self._rest = memoryview(self._plan.opening)
        self._next_piece()
        self._crowd.watch(self, sock, self._events(writes=True))
        if self._plan.life:
            self._crowd.call_in(self._plan.life, self, self._generation, "leave")

    def turn(self, events: int) -> None:
        """Something happened to the connection."""
        if events & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
            self._gone(cut=True)
            return
        try:
            if events & select.EPOLLIN and self._sock is not None:
                self._sock.recv_into(self._crowd.scratch)
            if events & select.EPOLLOUT:
                self._write()
        except BlockingIOError:
            return
        except OSError:
            self._gone(cut=True)

    def timer(self, generation: int, what: str) -> None:
        """The time has come to go, to come again, or to go on."""
        if generation != self._generation:
            return
        if what == "come":
            self.come()
        elif what == "leave":
            self._gone(cut=False)
        elif self._sock is not None:
            self._next_piece()
            self._crowd.change(self._sock, self._events(writes=True))

    def _write(self) -> None:
        assert self._sock is not None
        if self._pending:
            sent = self._sock.send(self._pending)
            self._report.sent += sent
            self._pending = self._pending[sent:]
            if self._pending:
                return
        if not self._rest and self._plan.ends:
            self._sock.shutdown(socket.SHUT_WR)
        if (self._rest or self._plan.chunk) and not self._plan.every:
            self._next_piece()
            return
        self._crowd.change(self._sock, self._events(writes=False))
        if self._rest or self._plan.chunk:
            self._crowd.call_in(self._plan.every, self, self._generation, "go on")

    def _next_piece(self) -> None:
        if self._rest:
            size = self._plan.piece or len(self._rest)
            self._pending, self._rest = self._rest[:size], self._rest[size:]
        else:
            self._pending = memoryview(self._plan.chunk)

    def _events(self, *, writes: bool) -> int:
        events = select.EPOLLRDHUP
        if writes:
            events |= select.EPOLLOUT
        if self._plan.reads:
            events |= select.EPOLLIN
        return events

    def _gone(self, *, cut: bool) -> None:
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._report.cuts += cut
        self._generation += 1
        if cut:  # else the server's end would wait for a last word, and keep the port
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._crowd.forget(sock)
        sock.close()
        self._crowd.call_in(self._plan.again * random.uniform(0.5, 1.5), self, self._generation, "come")


class Crowd:
    """All of them, and what they share."""

    def __init__(self, spec: AttackSpec) -> None:
        self.port = spec.port
        self.scratch = bytearray(READ_BYTES)
        self.report = AttackReport({})
        self._epoll = select.epoll()
        self._by_fd: dict[int, Stranger] = {}
        self._timers: list[tuple[float, int, Stranger, int, str]] = []
        self._numbers = itertools.count()
        self._members = self._make(spec)

    def _make(self, spec: AttackSpec) -> list[Stranger]:
        members = []
        addresses = itertools.cycle(_addresses(spec.addresses))
        for kind, count in shares(spec.connections, spec.flooders, spec.kinds).items():
            does, report = plan(kind, spec.type), KindReport(strangers=count)
            self.report.kinds[kind] = report
            members += [Stranger(self, does, report, next(addresses)) for _ in range(count)]
        random.shuffle(members)
        return members

    def run_until(self, stop: int) -> None:
        """Let all of them come, and go on until a descriptor can be read."""
        for number, member in enumerate(self._members):
            self.call_in(number / RAMP_PER_SECOND, member, 0, "come")
        self._epoll.register(stop, select.EPOLLIN)
        while True:
            for fd, events in self._epoll.poll(self._wait()):
                if fd == stop:
                    return
                if (each := self._by_fd.get(fd)) is not None:
                    each.turn(events)
            self._run_timers()

    def _wait(self) -> float:
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else 1.0

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            _, _, each, generation, what = heapq.heappop(self._timers)
            each.timer(generation, what)

    # -- called by strangers -----------------------------------------------------------------------------------------

    def call_in(self, seconds: float, each: Stranger, generation: int, what: str) -> None:
        """Call its `timer` later."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), each, generation, what))

    def watch(self, each: Stranger, sock: socket.socket, events: int) -> None:
        """Tell it what happens to a socket."""
        self._by_fd[sock.fileno()] = each
        self._epoll.register(sock.fileno(), events)

    def change(self, sock: socket.socket, events: int) -> None:
        """Tell it of other events."""
        self._epoll.modify(sock.fileno(), events)

    def forget(self, sock: socket.socket) -> None:
        """Tell it of nothing more."""
        if self._by_fd.pop(sock.fileno(), None) is not None:
            self._epoll.unregister(sock.fileno())


def _addresses(count: int) -> list[str]:
    """Return that many loopback addresses beside 127.0.0.1, which is the good client's; for 0 just that one."""
    return [f"127.0.1.{number}" for number in range(1, count + 1)] or ["127.0.0.1"]


def main() -> None:
    """Attack as the argument says."""
    spec = msgspec.json.decode(sys.argv[1], type=AttackSpec)
    settle_on(spec.core)
    os.nice(NICENESS)
    allow_files(spec.connections + 100)
    random.seed(spec.port)
    crowd = Crowd(spec)
    print("{}", flush=True)  # noqa: T201  # the parent waits for it
    os.read(sys.stdin.fileno(), 4096)
    crowd.run_until(sys.stdin.fileno())
    print(msgspec.json.encode(crowd.report).decode(), flush=True)  # noqa: T201  # the report


if __name__ == "__main__":
    main()

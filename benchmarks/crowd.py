"""Thousands of subscribers in one process, as bare sockets that speak just enough ZMTP: `python -m benchmarks.crowd`.

They subscribe to everything, the same for every publisher. See `benchmarks/peers/crowds.py` for what is played.
"""

from __future__ import annotations

import faulthandler
import selectors
import socket as stdlib_socket
import sys
import time
from typing import Final

import msgspec

from benchmarks.machine import raise_file_limit
from benchmarks.peers.crowds import BROADCASTS, DONE
from benchmarks.peers.scenarios import BASELINE_PEERS
from benchmarks.spec import Spec

__all__ = ["main"]

_GREETING: Final = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
_READY: Final = b"\x05READY" + b"\x0bSocket-Type" + b"\x00\x00\x00\x03SUB"
_SUBSCRIBED: Final = bytes((4, len(_READY))) + _READY + b"\x00\x01\x01"
"""What follows the greeting of ZMTP 3.0 (RFC 23) once the publisher is ready: READY of a SUB that wants everything.

Not sooner: libzmq 4.3 closes a connection on which greeting, READY and a message come in one piece.
"""

_WAVE: Final = 50
"""Subscribers that connect before the last ones are let in: fewer than any listener's backlog."""


class _Subscriber:
    """One connection: what came in, and what of it are messages."""

    __slots__ = ("_data", "is_connected", "messages", "stream")

    def __init__(self, address: tuple[str, int]) -> None:
        self.stream = stdlib_socket.create_connection(address)
        self.stream.setsockopt(stdlib_socket.IPPROTO_TCP, stdlib_socket.TCP_NODELAY, 1)
        self.stream.sendall(_GREETING)
        self.stream.setblocking(False)
        self._data = b""
        self.is_connected = False
        self.messages = 0

    def read(self) -> int:
        """Read what is there and return how many messages it completed.

        Raises:
            ConnectionError: the publisher closed the connection, or sent what this script has no use for.
        """
        chunk = self.stream.recv(4096)
        if not chunk:
            raise ConnectionError("the publisher closed a connection")
        self._data += chunk
        if not self.is_connected:
            self._skip_handshake()
        return self._count_messages() if self.is_connected else 0

    def _skip_handshake(self) -> None:
        data = self._data
        if len(data) >= 66 and len(data) >= 66 + data[65]:
            if data[64] != 4:
                raise ConnectionError(f"the publisher should send READY after its greeting, not {data[64:80]!r}")
            self.stream.sendall(_SUBSCRIBED)
            self.is_connected = True
            self._data = data[66 + data[65] :]

    def _count_messages(self) -> int:
        count, data = 0, self._data
        while len(data) >= 2 and len(data) >= 2 + data[1]:
            if data[0] != 0:
                raise ConnectionError(f"the publisher should send messages of one short frame, not {data[:16]!r}")
            data = data[2 + data[1] :]
            count += 1
        self._data = data
        self.messages += count
        return count


class _Crowd:
    """All subscribers, and a way to wait for them."""

    def __init__(self, address: tuple[str, int], timeout_seconds: float) -> None:
        self._address = address
        self._selector = selectors.DefaultSelector()
        self._end = time.monotonic() + timeout_seconds
        self._unconnected = 0
        self.subscribers: list[_Subscriber] = []
        self.messages = 0
        """Of all subscribers together."""

    def grow(self, count: int) -> None:
        """Connect so many more, wave by wave, each wave to the end of its handshake."""
        while count:
            wave = min(count, _WAVE)
            for _ in range(wave):
                subscriber = _Subscriber(self._address)
                self.subscribers.append(subscriber)
                self._selector.register(subscriber.stream, selectors.EVENT_READ, subscriber)
            self._unconnected += wave
            while self._unconnected:
                self._read_once()
            count -= wave

    def await_messages(self, total: int) -> None:
        """Read until all together have got so many messages."""
        while self.messages < total:
            self._read_once()

    def _read_once(self) -> None:
        if time.monotonic() > self._end:
            raise TimeoutError(f"{self._unconnected} subscribers connecting, {self.messages} messages here")
        for key, _ in self._selector.select(1.0):
            subscriber: _Subscriber = key.data
            was_connected = subscriber.is_connected
            self.messages += subscriber.read()
            self._unconnected -= subscriber.is_connected and not was_connected


def _play(spec: Spec) -> None:
    host, _, port = spec.endpoint.removeprefix("tcp://").rpartition(":")
    crowd = _Crowd((host, int(port)), spec.timeout_seconds)
    crowd.grow(BASELINE_PEERS)
    crowd.await_messages(BASELINE_PEERS)  # the signal to go on
    crowd.grow(spec.case.fan)
    total, speaker = BASELINE_PEERS, crowd.subscribers[0].stream
    for _ in range(BROADCASTS):
        before = crowd.messages
        total += len(crowd.subscribers)
        crowd.await_messages(total)
        answer = b"\x01" + DONE + b"%d %d" % (crowd.messages - before, time.perf_counter_ns())
        speaker.sendall(bytes((0, len(answer))) + answer)
    crowd.await_messages(total + 1)  # there is none: until this process is ended


def main(arguments: list[str]) -> int:
    """Play what the one argument, a spec in JSON, says."""
    if len(arguments) != 1:
        print("usage: python -m benchmarks.crowd SPEC (one JSON object, see benchmarks/spec.py)", file=sys.stderr)
        return 2
    spec = msgspec.json.decode(arguments[0], type=Spec)
    faulthandler.dump_traceback_later(spec.timeout_seconds + 1, exit=True)
    raise_file_limit(spec.case.fan + BASELINE_PEERS)
    _play(spec)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Peers that fall silent without a word: a process that is stopped, a network that is gone.

Only heartbeats can tell: the system keeps such a connection for a quarter of an hour. Both libraries are on the other
side, and aiomq is the client as well as the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Final, TypeAlias

import pytest

import aiomq
from aiomq import Event, MonitorEvent
from aiomq.monitor import Monitor
from aiomq.transports.heartbeat import Heartbeat
from tests.faults.processes import Program, program

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be stopped there"),
    pytest.mark.parametrize("library", ["aiomq", "libzmq"]),
]

INTERVAL: Final = 50
TIMEOUT: Final = 500
WITHIN: Final = (INTERVAL + TIMEOUT) / 1000 + 3.0
"""Seconds after which silence must have been noticed, and a few for a busy machine."""

BOUND: Final = 20

_ENTER: Final = """
import ctypes, os, sys
kind, role, where, space, ivl, ttl = sys.argv[1:7]
if space:
    fd = os.open(f"/var/run/netns/{space}", os.O_RDONLY)
    assert ctypes.CDLL(None, use_errno=True).setns(fd, 0) == 0, os.strerror(ctypes.get_errno())
    os.close(fd)
options = dict(linger=0, heartbeat_ivl=int(ivl), heartbeat_ttl=int(ttl), heartbeat_timeout=500, reconnect_ivl=20)
"""

Peer: TypeAlias = contextlib.AbstractContextManager[Program]

_PEERS: Final = {
    "aiomq": _ENTER
    + """
import asyncio, aiomq
async def main():
    async with aiomq.Context() as context:
        socket = context.socket(getattr(aiomq, kind), **options)
        if role == "bind":
            socket.bind(where)
        else:
            socket.connect(where)
        print(socket.last_endpoint, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
""",
    "libzmq": _ENTER
    + """
import zmq
context = zmq.Context()
socket = context.socket(getattr(zmq, kind))
for name, value in options.items():
    setattr(socket, name, value)
if role == "bind":
    socket.bind(where)
else:
    socket.connect(where)
print(socket.getsockopt_string(zmq.LAST_ENDPOINT), flush=True)
sys.stdin.readline()
context.destroy(linger=0)
""",
}


def peer(library: str, role: str, where: str, *, space: str = "", interval: int = 0, ttl: int = 0) -> Peer:
    """Run a PULL in a process of its own."""
    return program(_PEERS[library], "PULL", role, where, space, str(interval), str(ttl))


async def expect(events: Monitor, wanted: Event) -> MonitorEvent:
    """Wait for an event."""
    async with asyncio.timeout(BOUND):
        async for event in events:
            if event.event is wanted:
                return event
    raise AssertionError(f"no {wanted!r}")


async def expect_in_time(events: Monitor) -> MonitorEvent:
    """Wait for the end of a connection; it must come within the time that was set."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    lost = await expect(events, Event.DISCONNECTED)
    assert loop.time() - began < WITHIN
    return lost


def beating(context: aiomq.Context) -> aiomq.Socket:
    """Return a PUSH with heartbeats."""
    return context.socket(
        aiomq.PUSH,
        heartbeat_ivl=INTERVAL,
        heartbeat_timeout=TIMEOUT,
        reconnect_ivl=20,
        connect_timeout=300,
        handshake_ivl=2000,
    )


# -- a process that is stopped ----------------------------------------------------------------------------------------


async def test_heartbeat_of_a_client_notices_a_stopped_server_and_comes_back(
    context: aiomq.Context, library: str
) -> None:
    push = beating(context)
    with peer(library, "bind", "tcp://127.0.0.1:*") as server, push.monitor() as events:
        push.connect(server.read_line())
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        server.signal(signal.SIGSTOP)
        try:
            lost = await expect_in_time(events)
        finally:
            server.signal(signal.SIGCONT)
        assert "no traffic within 0.5 s of a PING" in lost.reason
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        push.close()


async def test_heartbeat_of_a_server_notices_a_stopped_client_which_comes_back(
    context: aiomq.Context, library: str
) -> None:
    push = beating(context)
    push.bind("tcp://127.0.0.1:*")
    with push.monitor() as events, peer(library, "connect", push.last_endpoint) as client:
        client.read_line()
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        client.signal(signal.SIGSTOP)
        try:
            lost = await expect_in_time(events)
        finally:
            client.signal(signal.SIGCONT)
        assert "no traffic within 0.5 s of a PING" in lost.reason
        await expect(events, Event.HANDSHAKE_SUCCEEDED)


async def test_heartbeat_time_to_live_of_a_stopped_client_is_kept_by_a_server_without_heartbeats(
    context: aiomq.Context, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pinged = asyncio.Event()
    expect_within = Heartbeat.expect_within

    def expect_and_tell(heartbeat: Heartbeat, seconds: float) -> None:
        expect_within(heartbeat, seconds)
        pinged.set()

    monkeypatch.setattr(Heartbeat, "expect_within", expect_and_tell)
    push = context.socket(aiomq.PUSH)
    push.bind("tcp://127.0.0.1:*")
    with (
        push.monitor() as events,
        peer(library, "connect", push.last_endpoint, interval=20, ttl=TIMEOUT) as client,
    ):
        client.read_line()
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        async with asyncio.timeout(BOUND):
            await pinged.wait()
        client.signal(signal.SIGSTOP)
        try:
            lost = await expect_in_time(events)
        finally:
            client.signal(signal.SIGCONT)
        assert lost.reason == "silent for its time-to-live of 0.5 s"
        await expect(events, Event.HANDSHAKE_SUCCEEDED)


async def test_heartbeat_of_a_peer_that_answers_keeps_an_idle_connection(context: aiomq.Context, library: str) -> None:
    push = context.socket(aiomq.PUSH, heartbeat_ivl=20, heartbeat_timeout=3000, heartbeat_ttl=3000)
    push.bind("tcp://127.0.0.1:*")
    with push.monitor() as events, peer(library, "connect", push.last_endpoint, interval=20, ttl=3000) as client:
        client.read_line()
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                raise AssertionError(await anext(events))
        assert push.peers()[0].state == "connected"


# -- a network that is gone -------------------------------------------------------------------------------------------

_numbers: Final = itertools.count(1)


class Network:
    """A network namespace, and a cable to it."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.space = f"aiomq-{os.getpid()}-{number}"
        self._here = f"aq{os.getpid() % 100_000}x{number}"
        net = f"10.{(os.getpid() >> 6) & 255}.{((os.getpid() & 63) << 2) | (number & 3)}"
        self.here, self.there = f"{net}.1", f"{net}.2"
        try:
            _ip("netns", "add", self.space)
            _ip("link", "add", self._here, "type", "veth", "peer", "name", "cable", "netns", self.space)
            _ip("addr", "add", f"{self.here}/24", "dev", self._here)
            _ip("link", "set", self._here, "up")
            _ip("-n", self.space, "addr", "add", f"{self.there}/24", "dev", "cable")
            self.plug("up")
        except BaseException:  # raised again; nobody else would close it
            self.close()
            raise

    def plug(self, state: str) -> None:
        """Take the other end of the cable `down`, or `up` again."""
        _ip("-n", self.space, "link", "set", "cable", state)

    def close(self) -> None:
        """Remove it; the cable goes with its end."""
        for words in (("link", "del", self._here), ("netns", "del", self.space)):
            subprocess.run(["ip", *words], capture_output=True, timeout=20, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, timeout=20, check=True)


@pytest.fixture
def network() -> Iterator[Network]:
    """Return a network of two."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces are made by root on Linux, with ip")
    try:
        made = Network()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr.decode().strip()}")
    yield made
    made.close()


async def test_heartbeat_of_a_client_notices_a_network_that_is_gone(
    context: aiomq.Context, library: str, network: Network
) -> None:
    push = beating(context)
    with (
        peer(library, "bind", f"tcp://{network.there}:*", space=network.space, interval=INTERVAL) as server,
        push.monitor() as events,
    ):
        push.connect(server.read_line())
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        network.plug("down")
        await expect_in_time(events)
        network.plug("up")
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        push.close()


async def test_heartbeat_of_a_server_notices_a_network_that_is_gone(
    context: aiomq.Context, library: str, network: Network
) -> None:
    push = beating(context)
    push.bind(f"tcp://{network.here}:*")
    with (
        push.monitor() as events,
        peer(library, "connect", push.last_endpoint, space=network.space, interval=INTERVAL) as client,
    ):
        client.read_line()
        await expect(events, Event.HANDSHAKE_SUCCEEDED)
        network.plug("down")
        await expect_in_time(events)
        network.plug("up")
        await expect(events, Event.HANDSHAKE_SUCCEEDED)

"""Out of descriptors: newcomers hear it at once, the monitor and the log are told, and it ends by itself."""

from __future__ import annotations

import importlib.util

import pytest

from tests.faults.processes import program

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("resource") is None, reason="this system has no limit of descriptors"
)

LOOPS = ["asyncio", *(["uvloop"] if importlib.util.find_spec("uvloop") is not None else [])]

COMMON = """
import asyncio, importlib, logging, os, resource, socket, sys
import aiomq
from aiomq import Event
from aiomq.transports.spare import descriptor_limit

BOUND = 10
lines = []
logging.basicConfig(level=logging.WARNING)
class Lines(logging.Handler):
    def emit(self, record):
        lines.append(record.name + ": " + record.getMessage())
logging.getLogger().addHandler(Lines())

def limit_to(free):
    "Leave the process so many descriptors above those that it has."
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    descriptor_limit._until = 0.0  # it is known for a second

async def until(monitor, event):
    async with asyncio.timeout(BOUND):
        async for each in monitor:
            if each.event == event:
                return each

def run(main):
    loop = importlib.import_module(sys.argv[1])
    with asyncio.Runner(loop_factory=loop.new_event_loop) as runner:
        runner.run(main())
"""

EXHAUSTED = (
    COMMON
    + """
from aiomq.transports import accepting

async def main():
    with aiomq.Context() as context, context.socket(aiomq.PULL, descriptors_free=0) as pull:
        monitor = pull.monitor()
        pull.bind("tcp://127.0.0.1:*")
        host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
        print(host, port, flush=True)
        sys.stdin.readline()  # the other side is ready: fill up
        limit_to(0)
        print("full", flush=True)
        failed = await until(monitor, Event.ACCEPT_FAILED)
        assert "Too many open files" in failed.reason, failed
        assert failed.peer_address.startswith("127.0.0.1:"), failed
        for _ in range(2):
            await until(monitor, Event.ACCEPT_FAILED)
        assert pull.counters.refused == 3
        assert not pull.counters.over
        resource.setrlimit(resource.RLIMIT_NOFILE, [resource.getrlimit(resource.RLIMIT_NOFILE)[1]] * 2)
        print("free", flush=True)
        await until(monitor, Event.ACCEPTED)
        assert len(lines) == 1 and "Too many open files" in lines[0], lines
        assert lines[0].startswith("aiomq.socket: tcp://"), lines
        print("served", flush=True)

run(main)
"""
)

KEPT_FREE = (
    COMMON
    + """
async def main():
    with aiomq.Context() as context, context.socket(aiomq.PULL, descriptors_free=8) as pull:
        monitor = pull.monitor()
        pull.bind("tcp://127.0.0.1:*")
        host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
        _, warm = await asyncio.open_connection(host, port)  # all that a loop opens as it goes is open now
        await until(monitor, Event.ACCEPTED)
        warm.close()
        await until(monitor, Event.DISCONNECTED)
        limit_to(12)
        print(host, port, flush=True)
        failed = await until(monitor, Event.ACCEPT_FAILED)
        assert "descriptors_free is 8" in failed.reason, failed
        while pull.counters.refused + len(pull._core.guests.handshakes) < 10:
            await until(monitor, Event.ACCEPT_FAILED)
        files = [os.open(os.devnull, os.O_RDONLY) for _ in range(8)]  # what the program itself wants to open
        for each in files:
            os.close(each)
        assert pull.counters.over["descriptors_free"] == pull.counters.refused > 0, pull.counters
        assert 1 <= len(pull._core.guests.handshakes) <= 4, pull._core.guests.count
        assert len(lines) == 1 and "descriptors_free is 8" in lines[0], lines
        await asyncio.to_thread(sys.stdin.readline)
        print("kept", flush=True)

run(main)
"""
)

CLIENT = """
import socket, sys
where = (sys.argv[1], int(sys.argv[2]))
def ask():
    with socket.create_connection(where, timeout=10) as sock:
        try:
            return len(sock.recv(1))
        except ConnectionError:
            return 0
"""

ASKS = CLIENT + "print([ask() for _ in range(int(sys.argv[3]))], flush=True)"
HOLDS = CLIENT + (
    """
held = [socket.create_connection(where, timeout=10) for _ in range(int(sys.argv[3]))]
def hears(sock):
    try:
        return len(sock.recv(1))
    except ConnectionError:
        return 0
print(sum(map(hears, held)), flush=True)
sys.stdin.readline()
"""
)


@pytest.mark.parametrize("loop", LOOPS)
def test_newcomers_hear_that_no_descriptor_is_free_and_are_let_in_when_one_is(loop: str) -> None:
    with program(EXHAUSTED, loop) as server:
        where = server.read_line().split()
        server.write_line("go")
        assert server.read_line() == "full"
        with program(ASKS, *where, "3") as client:
            assert client.read_line() == "[0, 0, 0]"
        assert server.read_line() == "free"
        with program(ASKS, *where, "1") as client:
            assert client.read_line() == "[1]"
        status, output, errors = server.finish()

    assert (status, output.strip()) == (0, "served"), errors


@pytest.mark.parametrize("loop", LOOPS)
def test_connections_leave_descriptors_to_the_program(loop: str) -> None:
    with program(KEPT_FREE, loop) as server:
        where = server.read_line().split()
        with program(HOLDS, *where, "10") as client:
            heard = client.read_line()
            server.write_line("go")
            status, output, errors = server.finish()

    assert (status, output.strip()) == (0, "kept"), errors
    assert heard in {"1", "2", "3", "4"}

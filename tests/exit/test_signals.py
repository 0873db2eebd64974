"""Signals to programs with sockets, whatever these are doing: they clean up, end soon, and say nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

import pytest

import aiomq
from tests.faults.processes import Program, program

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")

SOON: Final = 4
"""Seconds in which a program ends that has nothing to wait for: less than what `term` gives lingering messages."""

UVLOOP: Final = """
import uvloop
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""

RUNNERS: Final = {"aiomq": "aiomq.run(main())", "asyncio": "asyncio.run(main())"}
if importlib.util.find_spec("uvloop") is not None:
    RUNNERS["uvloop"] = UVLOOP

SITUATIONS: Final = {
    "idle in recv": """
        pull = context.socket(aiomq.PULL)
        pull.bind("tcp://127.0.0.1:0")
        ready()
        await pull.recv()
        """,
    "idle in an async for": """
        pull = context.socket(aiomq.PULL)
        pull.bind("ipc://*")
        ready()
        async for _ in pull:
            pass
        """,
    "blocked in send at the mark": """
        push = context.socket(aiomq.PUSH, sndhwm=1, linger=0)
        pull = context.socket(aiomq.PULL, rcvhwm=1)
        pull.bind("inproc://full")
        push.connect("inproc://full")
        await push.send_many([b"1", b"2"])
        ready()
        await push.send(b"3")
        """,
    "blocked in send to nobody": """
        push = context.socket(aiomq.PUSH)
        push.bind("tcp://127.0.0.1:0")
        ready()
        await push.send(b"x")
        """,
    "connecting, and connecting again": """
        pair = context.socket(aiomq.PAIR, reconnect_ivl=1)
        with pair.monitor(events=aiomq.Event.CONNECT_RETRIED) as retries:
            pair.connect(sys.argv[1])
            for _ in range(3):
                await anext(retries)
            ready()
            await pair.recv()
        """,
    "connected to one that says nothing": """
        stranger = socket.create_server(("127.0.0.1", 0))
        try:
            pair = context.socket(aiomq.PAIR)
            with pair.monitor(events=aiomq.Event.CONNECTED) as events:
                pair.connect("tcp://127.0.0.1:%d" % stranger.getsockname()[1])
                await anext(events)
                ready()
                await pair.wait_connected()
        finally:
            stranger.close()
        """,
    "several tasks": """
        sockets = [context.socket(kind) for kind in (aiomq.PULL, aiomq.REP, aiomq.ROUTER)]
        poller = aiomq.Poller()
        async with asyncio.TaskGroup() as group:
            for each in sockets:
                each.bind("tcp://127.0.0.1:0")
                poller.register(each)
                group.create_task(each.recv_multipart())
                group.create_task(each.poll())
            group.create_task(poller.poll())
            await asyncio.sleep(0)
            ready()
        """,
    "sockets in two threads": """
        async def work():
            async with context.socket(aiomq.PUSH, sndhwm=1) as push:
                push.connect("inproc://work")
                with contextlib.suppress(aiomq.ContextTerminated):
                    while True:
                        await push.send(b"x")

        pull = context.socket(aiomq.PULL, rcvhwm=1)
        pull.bind("inproc://work")
        worker = aiomq.run_in_thread(work)
        try:
            await pull.recv()
            ready()
            await asyncio.Event().wait()
        finally:
            worker.cancel()
        """,
    "computing between two turns": """
        context.linger = 0  # the reader may end before the last message has left
        pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
        pull.bind("tcp://127.0.0.1:0")
        push.connect(pull.last_endpoint)
        ready()
        while True:
            await push.send(b"x")
            await pull.recv()
        """,
}

PROGRAM: Final = """
import asyncio, contextlib, socket, sys
import aiomq

def ready():
    print("ready", flush=True)

async def main():
    try:
        async with aiomq.Context() as context:
{situation}
    finally:
        print("cleaned up", flush=True)

{runner}
"""


def source(situation: str, runner: str) -> str:
    """Return a program that gets into a situation, and says that it is ready."""
    body = textwrap.indent(textwrap.dedent(SITUATIONS[situation]), 12 * " ")
    return PROGRAM.format(situation=body, runner=RUNNERS[runner])


def ready(running: Program) -> None:
    """Wait until a program says that it is."""
    assert running.read_line() == "ready", running.finish()


def complaints(errors: str) -> list[str]:
    """Return the lines of what a program complained of that are of no business in the report of an interruption."""
    noises = ("Warning", "never retrieved", "was destroyed", "never awaited", "Exception ignored", "aiomq.context")
    return [line for line in errors.splitlines() if any(noise in line for noise in noises)]


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_sigint_ends_a_program_cleanly_whatever_it_does(situation: str, runner: str, tmp_path: Path) -> None:
    text = source(situation, runner)
    with program(text, f"ipc://{tmp_path}/nobody", options=("-X", "dev")) as running:
        ready(running)
        running.signal(signal.SIGINT)
        status, output, errors = running.finish(timeout=SOON)

    assert (status, output) == (-signal.SIGINT, "cleaned up\n")
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert complaints(errors) == []


@pytest.mark.parametrize("situation", SITUATIONS)
def test_sigterm_ends_a_program_of_aiomq_run_cleanly_whatever_it_does(situation: str, tmp_path: Path) -> None:
    text = source(situation, "aiomq")
    with program(text, f"ipc://{tmp_path}/nobody", options=("-X", "dev")) as running:
        ready(running)
        running.signal(signal.SIGTERM)

        assert running.finish(timeout=SOON) == (143, "cleaned up\n", "")


@pytest.mark.parametrize("runner", [each for each in RUNNERS if each != "aiomq"])
def test_sigterm_under_another_runner_ends_a_program_as_python_has_it(runner: str) -> None:
    with program(source("idle in recv", runner)) as running:
        ready(running)
        running.signal(signal.SIGTERM)

        assert running.finish(timeout=SOON) == (-signal.SIGTERM, "", "")


HANDLED: Final = """
import asyncio, contextlib, signal
import aiomq

async def main():
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        async with aiomq.Context() as context, context.socket(aiomq.PULL) as pull:
            pull.bind("tcp://127.0.0.1:0")
            print("ready", flush=True)
            await pull.recv()
    print("cleaned up", flush=True)

{runner}
"""


@pytest.mark.parametrize("runner", RUNNERS)
def test_sigterm_that_the_program_handles_itself_is_left_to_it(runner: str) -> None:
    with program(HANDLED.format(runner=RUNNERS[runner]), options=("-X", "dev")) as running:
        ready(running)
        running.signal(signal.SIGTERM)

        assert running.finish(timeout=SOON) == (0, "cleaned up\n", "")


# -- messages that are still queued -----------------------------------------------------------------------------------

COUNT: Final = 10_000

SENDER: Final = """
import asyncio, sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        push = context.socket(aiomq.PUSH, sndhwm=0)
        push.connect(sys.argv[1])
        await push.send_many(b"%05d" % number + bytes(1000) for number in range({count}))  # more than kernels hold
        asyncio.get_running_loop().call_soon(lambda: print("ready", flush=True))
        {then}

{runner}
"""

THEN: Final = {"waiting": "await asyncio.Event().wait()", "in term": ""}

SENDERS: Final = [
    *((runner, "waiting", signal.SIGINT) for runner in RUNNERS),
    ("aiomq", "waiting", signal.SIGTERM),
    ("aiomq", "in term", signal.SIGINT),
    ("aiomq", "in term", signal.SIGTERM),
]


@pytest.mark.parametrize(("runner", "then", "number"), SENDERS)
async def test_messages_that_are_queued_when_the_signal_comes_leave_before_the_end(
    context: aiomq.Context, runner: str, then: str, number: signal.Signals
) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=10, rcvbuf=4096)
    pull.bind("tcp://127.0.0.1:0")

    text = SENDER.format(count=COUNT, then=THEN[then], runner=RUNNERS[runner])
    with program(text, pull.last_endpoint) as sender:
        await asyncio.to_thread(ready, sender)
        sender.signal(number)
        received = [int((await pull.recv())[:5]) for _ in range(COUNT)]
        status, _, errors = await asyncio.to_thread(sender.finish)

    assert received == list(range(COUNT))
    assert status == (-number if number == signal.SIGINT else 128 + number)
    assert complaints(errors) == []


LINGERING: Final = """
import asyncio, sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        push = context.socket(aiomq.PUSH, linger=int(sys.argv[2]))
        push.connect(sys.argv[1])
        await push.send(b"for nobody")
        asyncio.get_running_loop().call_soon(lambda: print("ready", flush=True))

{runner}
"""


@pytest.mark.parametrize("runner", [each for each in RUNNERS if each != "aiomq"])
@pytest.mark.parametrize("linger", [-1, 60_000])
def test_sigint_in_term_under_another_runner_ends_the_wait_for_what_lingers(
    tmp_path: Path, runner: str, linger: int
) -> None:
    with program(LINGERING.format(runner=RUNNERS[runner]), f"ipc://{tmp_path}/nobody", str(linger)) as running:
        ready(running)
        running.signal(signal.SIGINT)
        status, _, errors = running.finish(timeout=SOON)

    assert status == -signal.SIGINT
    assert complaints(errors) == []


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("linger", [-1, 60_000])
def test_second_signal_in_term_ends_the_wait_for_what_lingers(
    tmp_path: Path, first: signal.Signals, second: signal.Signals, linger: int
) -> None:
    with program(LINGERING.format(runner=RUNNERS["aiomq"]), f"ipc://{tmp_path}/nobody", str(linger)) as running:
        ready(running)
        running.signal(first)
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.3)  # the first one gives the message its time
        running.signal(second)
        status, _, _ = running.finish(timeout=SOON)

    assert status in {-second, 128 + second, 128 + first}


INTERRUPTED: Final = """
import asyncio, sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        push = context.socket(aiomq.PUSH, linger=int(sys.argv[2]))
        push.connect(sys.argv[1])
        await push.send(b"for nobody")
        print("ready", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            print("first", flush=True)

aiomq.run(main())
"""


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("linger", [-1, 60_000])
def test_second_signal_ends_the_wait_for_what_lingers_after_the_first_ended_main(
    tmp_path: Path, first: signal.Signals, second: signal.Signals, linger: int
) -> None:
    with program(INTERRUPTED, f"ipc://{tmp_path}/nobody", str(linger)) as running:
        ready(running)
        running.signal(first)
        assert running.process.stdout is not None
        assert running.process.stdout.readline().strip() == "first"
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.3)  # the first one gives the message its time
        running.signal(second)
        status, _, _ = running.finish(timeout=SOON)

    assert status in {-second, 128 + second, 128 + first}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_gives_messages_the_time_that_linger_allows_and_no_more(tmp_path: Path, number: signal.Signals) -> None:
    with program(LINGERING.format(runner=RUNNERS["aiomq"]), f"ipc://{tmp_path}/nobody", "200") as running:
        ready(running)
        running.signal(number)
        status, _, errors = running.finish(timeout=SOON)

    assert status in {-number, 128 + number}
    assert complaints(errors) == []


DESTROYED: Final = """
import sys
import aiomq

async def main():
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH, sndhwm=0)
    push.connect(sys.argv[1])
    await push.send_many(b"%05d" % number + bytes(1000) for number in range(10_000))
    context.destroy()

aiomq.run(main())
"""


async def test_messages_of_a_destroyed_context_leave_before_aiomq_run_returns(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL, rcvhwm=10)
    pull.bind("tcp://127.0.0.1:0")

    with program(DESTROYED, pull.last_endpoint) as sender:
        received = [int((await pull.recv())[:5]) for _ in range(COUNT)]

        assert await asyncio.to_thread(sender.finish) == (0, "", "")
    assert received == list(range(COUNT))

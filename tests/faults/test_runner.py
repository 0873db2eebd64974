"""`aiomq.run` as a program: its result, its signals, and the messages that still leave at its end."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import aiomq
from aiomq.runner import loop_factory
from tests.faults.processes import Program, program
from tests.sockets.links import until

HAS_UVLOOP = importlib.util.find_spec("uvloop") is not None

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")


# -- in this process --------------------------------------------------------------------------------------------------


def test_run_returns_what_main_returned() -> None:
    async def main() -> str:
        await asyncio.sleep(0)
        return "result"

    assert aiomq.run(main()) == "result"


def test_run_raises_what_main_raised() -> None:
    async def main() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        aiomq.run(main())


def test_run_uses_uvloop_where_there_is_one() -> None:
    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert aiomq.run(main()) == ("uvloop" if HAS_UVLOOP else "asyncio")


def test_run_uses_asyncio_where_there_is_no_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)

    async def main() -> str:
        return type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert loop_factory() is asyncio.new_event_loop
    assert aiomq.run(main()) == "asyncio"


def test_run_debug_is_that_of_asyncio() -> None:
    async def main() -> bool:
        return asyncio.get_running_loop().get_debug()

    assert aiomq.run(main(), debug=True)
    assert not aiomq.run(main(), debug=False)


def test_run_terminates_the_contexts_that_main_left_open() -> None:
    left: list[aiomq.Context] = []

    async def main() -> aiomq.Socket:
        left.append(aiomq.Context())
        socket = left[0].socket(aiomq.PULL)
        socket.bind("tcp://127.0.0.1:0")
        return socket

    socket = aiomq.run(main())

    assert left[0].closed
    assert socket.closed
    assert not left[0]._cores


def test_run_puts_the_signal_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    async def main() -> bool:
        return signal.getsignal(signal.SIGTERM) != before[0]

    assert aiomq.run(main())
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


async def test_run_works_in_another_thread_and_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    async def main() -> int:
        seen.append(signal.getsignal(signal.SIGTERM))
        return threading.get_ident()

    assert await asyncio.to_thread(lambda: aiomq.run(main())) != threading.get_ident()
    assert seen == [before]


async def test_run_in_a_running_loop_is_refused() -> None:
    async def main() -> None:
        raise AssertionError

    coroutine = main()
    with pytest.raises(RuntimeError, match="one runs here already: await the coroutine instead"):
        aiomq.run(coroutine)
    coroutine.close()


# -- as a program -----------------------------------------------------------------------------------------------------

WAITING = """
import sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        pull = context.socket(aiomq.PULL)
        pull.bind("tcp://127.0.0.1:0")
        print("ready", flush=True)
        try:
            await pull.recv()
        finally:
            print("cleaned up", flush=True)
            pull.close()

aiomq.run(main())
"""


def ready(running: Program) -> None:
    """Wait until a program says that it is."""
    assert running.read_line() == "ready", running.finish()


@posix
def test_sigint_cancels_main_which_cleans_up_and_ends_as_an_interrupted_program() -> None:
    with program(WAITING) as running:
        ready(running)
        running.signal(signal.SIGINT)
        status, output, errors = running.finish()

    assert output == "cleaned up\n"
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert status == -signal.SIGINT


@posix
def test_sigterm_cancels_main_which_cleans_up_and_ends_with_143() -> None:
    with program(WAITING) as running:
        ready(running)
        running.signal(signal.SIGTERM)
        status, output, errors = running.finish()

    assert (status, output, errors) == (143, "cleaned up\n", "")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_that_main_does_not_give_in_to_leaves_it_its_result(number: signal.Signals) -> None:
    with program(
        """
        import asyncio
        import aiomq

        async def main():
            print("ready", flush=True)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "finished anyway"

        print(aiomq.run(main()), flush=True)
        """
    ) as running:
        ready(running)
        running.signal(number)

        assert running.finish() == (0, "finished anyway\n", "")


STUBBORN = """
import asyncio
import aiomq

async def main():
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaning up", flush=True)
        await asyncio.Event().wait()

aiomq.run(main())
"""


@posix
@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_a_program_whose_cleaning_up_takes_for_ever(
    first: signal.Signals, second: signal.Signals
) -> None:
    with program(STUBBORN) as running:
        ready(running)
        running.signal(first)
        assert running.read_line() == "cleaning up"
        running.signal(second)
        status, _, _ = running.finish(timeout=4)

    assert status in {-second, 128 + second, 128 + first}


LINGERING = """
import asyncio, sys
import aiomq

async def main():
    context = aiomq.Context()
    push = context.socket(aiomq.PUSH)
    push.connect(sys.argv[1])
    await push.send(b"x")
    print("ready", flush=True)
    push.close()
    await asyncio.Event().wait()

aiomq.run(main())
"""


@posix
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_ends_a_program_that_lingers(tmp_path: Path, second: signal.Signals) -> None:
    with program(LINGERING, f"ipc://{tmp_path}/nobody") as running:
        ready(running)
        running.signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            running.process.wait(0.3)  # for somebody to take the message
        running.signal(second)
        status, _, _ = running.finish(timeout=3)

    assert status == -second


@posix
def test_program_with_messages_for_nobody_comes_to_an_end_and_says_what_it_dropped(tmp_path: Path) -> None:
    address = f"ipc://{tmp_path}/nobody"
    with program(
        """
        import sys
        import aiomq, aiomq.context
        aiomq.context.TERM_GRACE = 0.05

        async def main():
            push = aiomq.Context.instance().socket(aiomq.PUSH)
            push.connect(sys.argv[1])
            await push.send(b"x")
            push.close()

        aiomq.run(main())
        """,
        address,
    ) as running:
        status, _, errors = running.finish()

    assert status == 0
    assert "PUSH socket made at" in errors
    assert address in errors


SENDER = """
import asyncio, os, signal, sys
import aiomq

async def main():
    push = aiomq.Context.instance().socket(aiomq.PUSH, sndhwm=0)
    push.connect(sys.argv[1])
    await push.send_many(b"%d" % number for number in range(30_000))
    if sys.argv[2] == "closed":
        push.close()
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.Event().wait()
    if sys.argv[2] == "interrupted":
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()
    return push

kept = aiomq.run(main())
"""


@posix
@pytest.mark.parametrize(
    ("how", "expected"), [("closed", 0), ("left open", 0), ("killed", 143), ("interrupted", -signal.SIGINT)]
)
async def test_messages_still_leave_however_the_program_ends(
    context: aiomq.Context, how: str, expected: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    pull = context.socket(aiomq.PULL, rcvhwm=100)
    pull.bind("tcp://127.0.0.1:0")

    with program(SENDER, pull.last_endpoint, how) as sender:
        received = [int(await pull.recv()) for _ in range(30_000)]
        status, _, errors = await asyncio.to_thread(sender.finish)

    assert received == list(range(30_000))
    assert status == expected
    assert "Warning" not in errors
    await until(lambda: "peers=0" in repr(pull))


def test_run_in_another_thread_leaves_the_contexts_of_this_one_open() -> None:
    context = aiomq.Context()

    async def use() -> None:
        with context.socket(aiomq.PAIR) as sock:
            sock.bind("inproc://elsewhere")

    worker = threading.Thread(target=lambda: aiomq.run(use()))
    worker.start()
    worker.join(10)
    assert not worker.is_alive()
    assert not context.closed
    context.socket(aiomq.PAIR).close()
    context.destroy()

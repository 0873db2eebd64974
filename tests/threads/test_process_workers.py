"""Workers in processes: their results, their errors, their end."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import CancelledError

import pytest

import aiomq
from aiomq import run_in_process
from tests.faults.processes import program
from tests.threads import jobs

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
ENDPOINT = "tcp://127.0.0.1:*" if sys.platform == "win32" else "ipc://*"


async def test_worker_result_comes_back_from_another_process() -> None:
    worker = run_in_process(jobs.process_id)
    assert await worker.join() == worker.pid != os.getpid()


def test_worker_result_comes_back_to_a_thread_without_a_loop() -> None:
    assert run_in_process(jobs.add, 1, second=2).join_sync(30) == 3


async def test_worker_exception_comes_back_with_where_it_was() -> None:
    with pytest.raises(LookupError, match="of no use") as raised:
        await run_in_process(jobs.fail, "of no use").join()
    assert "jobs.py" in "".join(raised.value.__notes__)


async def test_errors_of_aiomq_come_back_whole() -> None:
    with pytest.raises(aiomq.ZMQBindError, match="nothing is free") as raised:
        await run_in_process(jobs.fail_to_bind).join()
    assert raised.value.errno == 98


async def test_error_that_cannot_travel_is_told_in_words() -> None:
    with pytest.raises(ChildProcessError, match="AwkwardError"):
        await run_in_process(jobs.fail_awkwardly).join()


async def test_result_that_cannot_travel_is_an_error() -> None:
    with pytest.raises(TypeError, match="cannot be sent to another process"):
        await run_in_process(jobs.return_what_cannot_travel).join()


async def test_process_that_ends_without_a_word_tells_its_status() -> None:
    with pytest.raises(ChildProcessError, match="status 3 and no result"):
        await run_in_process(jobs.die, 3).join()


async def test_worker_that_exits_does_not_end_whoever_joins() -> None:
    with pytest.raises(ChildProcessError, match="status 4"):
        await run_in_process(jobs.exit_with, 4).join()


async def test_worker_serves_over_a_transport_and_returns() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
        socket.bind(ENDPOINT)
        worker = run_in_process(jobs.answer, socket.last_endpoint)
        for text in (b"one", b"two"):
            await socket.send(text)
            assert await socket.recv() == text.upper()
        await socket.send(b"stop")
        assert await socket.recv() == b"stopped"
        assert await worker.join() == 2


async def test_worker_that_is_cancelled_ends_and_says_so() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
        socket.bind(ENDPOINT)
        worker = run_in_process(jobs.serve_for_ever, socket.last_endpoint)
        await socket.send(b"there?")
        await socket.recv()
        worker.cancel()
        with pytest.raises(CancelledError):
            await worker.join()
    worker.cancel()  # without effect by now
    worker.kill()


async def test_stop_ends_a_worker_that_is_still_starting() -> None:
    async with run_in_process(jobs.wait_for_ever) as worker:
        assert not worker.done()
    assert worker.done()


async def test_kill_ends_the_process_at_once() -> None:
    worker = run_in_process(jobs.wait_for_ever)
    worker.kill()
    with pytest.raises(ChildProcessError, match="no result"):
        await worker.join()


@posix
async def test_sigterm_ends_the_worker_and_not_whoever_joins() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
        socket.bind(ENDPOINT)
        worker = run_in_process(jobs.serve_for_ever, socket.last_endpoint)
        await socket.send(b"there?")
        await socket.recv()
        os.kill(worker.pid, signal.SIGTERM)
        with pytest.raises(ChildProcessError, match="status 143"):
            await worker.join()


def test_argument_that_cannot_travel_is_refused() -> None:
    with pytest.raises(TypeError, match="sent by pickle"):
        run_in_process(jobs.add, 1, second=lambda: None)  # type: ignore[arg-type]  # wrong on purpose


def test_function_inside_another_is_refused() -> None:
    async def inner() -> None:
        raise AssertionError

    with pytest.raises(TypeError, match="top level of a module"):
        run_in_process(inner)


@posix
def test_worker_whose_parent_is_gone_ends() -> None:
    source = """
        import asyncio, os, sys
        import aiomq
        from tests.threads import jobs

        async def main(endpoint):
            aiomq.run_in_process(jobs.serve_for_ever, endpoint)
            await asyncio.get_running_loop().create_future()

        aiomq.run(main(sys.argv[1]))
    """

    async def main() -> None:
        async with aiomq.Context() as context, context.socket(aiomq.REQ) as socket:
            socket.bind(ENDPOINT)
            with (
                socket.monitor(events=aiomq.EVENT_DISCONNECTED) as events,
                program(source, socket.last_endpoint) as parent,
            ):
                await socket.send(b"there?")
                assert await socket.recv() == b"there?"
                parent.process.kill()
                async for event in events:
                    assert event.event == aiomq.EVENT_DISCONNECTED
                    break

    aiomq.run(main())

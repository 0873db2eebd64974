"""Workers in threads: their results, their end, their contexts."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import logging
import threading
from concurrent.futures import CancelledError

import pytest

import aiomq
from aiomq import run_in_thread
from aiomq.context import own_contexts
from aiomq.runner import loop_factory
from tests.threads import jobs


async def test_worker_result_comes_back() -> None:
    assert await run_in_thread(jobs.add, 1, second=2).join() == 3


def test_worker_result_comes_back_to_a_thread_without_a_loop() -> None:
    assert run_in_thread(jobs.add, 1, second=2).join_sync() == 3


async def test_worker_runs_in_the_best_loop_in_a_thread_named_after_it() -> None:
    best = loop_factory()()
    best.close()
    assert await run_in_thread(jobs.loop_module).join() == type(best).__module__.partition(".")[0]
    worker = run_in_thread(jobs.thread_name)
    assert await worker.join() == worker.name
    assert worker.name.startswith("thread_name-")


async def test_worker_exception_comes_back_every_time() -> None:
    worker = run_in_thread(jobs.fail, "of no use")
    for _ in range(2):
        with pytest.raises(LookupError, match="of no use"):
            await worker.join()
    assert worker.done()
    assert "failed: LookupError" in repr(worker)


async def test_worker_that_exits_tells_whoever_joins() -> None:
    worker = run_in_thread(jobs.exit_with, 7)
    with pytest.raises(SystemExit):
        worker._outcome.result(10)
    assert worker.done()


async def test_worker_that_is_cancelled_ends_and_says_so() -> None:
    worker = run_in_thread(jobs.wait_for_ever)
    assert "running" in repr(worker)
    worker.cancel()
    with pytest.raises(CancelledError, match="was cancelled"):
        await worker.join()
    assert "cancelled" in repr(worker)
    worker.cancel()  # without effect by now


async def test_worker_cancelled_at_once_never_fails_otherwise() -> None:
    for _ in range(20):
        worker = run_in_thread(jobs.wait_for_ever)
        worker.cancel()
        with pytest.raises(CancelledError):
            await worker.join()


async def test_worker_may_have_the_last_word_when_it_is_cancelled() -> None:
    worker = run_in_thread(jobs.finish_when_cancelled)
    worker.cancel()
    try:
        assert await worker.join() == "had the last word"
    except CancelledError:  # it was cancelled before its first step
        assert worker.done()


async def test_stop_is_the_end_without_an_error() -> None:
    worker = run_in_thread(jobs.wait_for_ever)
    await worker.stop()
    assert worker.done()
    async with run_in_thread(jobs.wait_for_ever) as other:
        assert not other.done()
    assert other.done()


async def test_stop_raises_what_the_worker_raised() -> None:
    worker = run_in_thread(jobs.fail, "before its end")
    with pytest.raises(LookupError):
        await worker.join()
    with pytest.raises(LookupError):
        await worker.stop()


async def test_join_that_is_cancelled_leaves_the_worker_alone() -> None:
    worker = run_in_thread(jobs.wait_for_ever)
    joining = asyncio.create_task(worker.join())
    await asyncio.sleep(0)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert not worker.done()
    assert not worker._joining  # whoever asks again and again, each time for a while, leaves nothing behind
    await worker.stop()


async def test_join_sync_in_a_loop_is_refused_while_the_worker_runs() -> None:
    worker = run_in_thread(jobs.wait_for_ever)
    with pytest.raises(RuntimeError, match=r"await join\(\)"):
        worker.join_sync()
    await worker.stop()
    with pytest.raises(CancelledError):
        worker.join_sync()


def test_join_sync_with_a_timeout_gives_up_and_may_be_repeated() -> None:
    worker = run_in_thread(jobs.wait_for_ever)
    with pytest.raises(TimeoutError, match=r"within 0\.01 seconds"):
        worker.join_sync(0.01)
    worker.cancel()
    with pytest.raises(CancelledError):
        worker.join_sync(20)


async def test_joined_thread_is_gone() -> None:
    worker = run_in_thread(jobs.add, 1)
    await worker.join()
    assert worker.name not in {thread.name for thread in threading.enumerate()}


async def test_worker_thread_keeps_the_program_from_ending() -> None:
    worker = run_in_thread(jobs.wait_for_ever)
    assert [thread.daemon for thread in threading.enumerate() if thread.name == worker.name] == [False]
    await worker.stop()


async def test_worker_sees_context_variables_of_whoever_started_it() -> None:
    variable = contextvars.ContextVar[str]("variable")
    variable.set("set")

    async def look() -> str:
        return variable.get()

    assert await run_in_thread(look).join() == "set"


@pytest.mark.parametrize("what", [len, "work", lambda: None, 5])
def test_what_is_no_coroutine_function_is_refused(what: object) -> None:
    with pytest.raises(TypeError, match="async def"):
        run_in_thread(what)  # type: ignore[arg-type]  # wrong on purpose


def test_coroutine_in_place_of_its_function_is_refused_and_closed() -> None:
    with pytest.raises(TypeError, match="leave out the call"):
        run_in_thread(jobs.add(1))  # type: ignore[arg-type]  # wrong on purpose


async def test_partial_and_callable_object_are_workers_too() -> None:
    class Adder:
        async def __call__(self, first: int) -> int:
            return first + 10

    assert await run_in_thread(functools.partial(jobs.add, 1), second=4).join() == 5
    assert await run_in_thread(Adder(), 1).join() == 11


def test_failure_that_nobody_joined_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    worker = run_in_thread(jobs.fail, "unseen")
    thread = worker._thread
    thread.join(20)
    with caplog.at_level(logging.ERROR, "aiomq.workers"):
        del worker
        gc.collect()
    assert "nobody joined it" in caplog.text
    assert "LookupError: unseen" in caplog.text


# -- contexts and sockets ---------------------------------------------------------------------------------------------


async def test_context_made_in_the_worker_is_terminated_at_its_end() -> None:
    made: list[aiomq.Context] = []
    bound: list[aiomq.Socket] = []
    await run_in_thread(jobs.leave_a_context_open, made, bound).join()
    assert made[0].closed
    assert bound[0].closed


async def test_contexts_of_others_survive_a_worker(context: aiomq.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiomq.Context, "_instance", None)
    shared = await run_in_thread(jobs.use_the_shared_context).join()
    assert not shared.closed
    assert not context.closed
    assert aiomq.Context.instance() is shared
    assert shared in own_contexts()  # the main thread's: it ends with the program
    await shared.term()


async def test_context_of_a_thread_that_ended_is_not_taken_for_that_of_the_next() -> None:
    """Threads get the numbers of those before them."""
    made: list[aiomq.Context] = []
    for _ in range(5):
        thread = threading.Thread(target=lambda: made.append(aiomq.Context()))
        thread.start()
        thread.join()
        await run_in_thread(jobs.add, 1).join()
    assert not any(each.closed for each in made)
    for each in made:
        await each.term()


async def test_workers_share_requests_over_inproc_until_the_context_ends() -> None:
    async with aiomq.Context() as context:
        socket = context.socket(aiomq.DEALER)
        socket.bind("inproc://answers")
        workers = [run_in_thread(jobs.answer_on, context, "inproc://answers") for _ in range(3)]
        await socket.wait_connected(3)
        for number in range(6):
            await socket.send_multipart([b"", b"%d" % number])
        answers = sorted([(await socket.recv_multipart())[1] for _ in range(6)])
    assert [each.partition(b" ")[0] for each in answers] == [b"0", b"1", b"2", b"3", b"4", b"5"]
    assert {each.rpartition(b" ")[2].decode() for each in answers} == {worker.name for worker in workers}
    for worker in workers:
        with pytest.raises(aiomq.ContextTerminated):
            await worker.join()
        await worker.stop()  # that is what was wanted


async def test_socket_of_another_thread_is_refused(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PUSH)
    socket.bind("inproc://here")
    with pytest.raises(aiomq.WrongLoopError, match="another thread"):
        await run_in_thread(jobs.use, socket).join()

"""What was forgotten says so, with the place it was made; what was not makes no noise at all."""

from __future__ import annotations

import gc
import re
import warnings
from collections.abc import Callable

import pytest

import aiomq
from tests.faults.processes import program
from tests.sockets.links import until

Endpoint = Callable[[], str]

FORGOTTEN = """
import asyncio, gc
import aiomq

async def main():
    context = aiomq.Context()
    pull = context.socket(aiomq.PULL)  # line 7
    pull.bind("{address}")
    await asyncio.sleep(0)
    {forget}
    gc.collect()
    await context.term()

{run}(main())
"""


def run(source: str, *options: str) -> tuple[int, str, str]:
    """Run a program; return its status, output and errors, less what asyncio says of a slow machine."""
    with program(source, options=("-X", "dev", *options)) as running:
        status, output, errors = running.finish()
    return status, output, re.sub(r"^Executing <.*> took [\d.]+ seconds\n", "", errors, flags=re.MULTILINE)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "ipc://*", "inproc://forgotten"])
@pytest.mark.parametrize("runner", ["asyncio.run", "aiomq.run"])
def test_unclosed_socket_warns_with_the_place_it_was_made(address: str, runner: str) -> None:
    status, _, errors = run(FORGOTTEN.format(address=address, forget="del pull", run=runner))

    assert status == 0
    assert "ResourceWarning: unclosed PULL socket, made at <string>:7" in errors
    assert errors.count("Warning: ") <= 2  # ours, and the hint of the interpreter to trace allocations
    assert "unclosed context" not in errors


@pytest.mark.parametrize(
    "forget", ["pull.close()", "await pull.aclose()", "context.destroy()", "pull.close(0); del pull"]
)
def test_closed_socket_does_not_warn(forget: str) -> None:
    status, output, errors = run(FORGOTTEN.format(address="tcp://127.0.0.1:0", forget=forget, run="asyncio.run"))

    assert (status, output, errors) == (0, "", "")


def test_socket_closed_with_its_context_does_not_warn() -> None:
    source = FORGOTTEN.format(address="tcp://127.0.0.1:0", forget="await context.term(); del pull", run="asyncio.run")

    assert run(source) == (0, "", "")


def test_unclosed_context_warns_with_the_place_it_was_made() -> None:
    status, _, errors = run(
        """
        import gc
        import aiomq

        def forget():
            aiomq.Context()

        forget()
        gc.collect()
        """
    )

    assert status == 0
    assert "ResourceWarning: unclosed context, made at <string>:6" in errors


def test_context_that_lives_to_the_end_of_the_program_does_not_warn() -> None:
    status, _, errors = run(
        """
        import aiomq

        context = aiomq.Context.instance()
        """
    )

    assert (status, errors) == (0, "")


def test_unclosed_socket_of_a_loop_that_has_ended_warns_and_does_not_fail() -> None:
    status, _, errors = run(
        """
        import asyncio, gc
        import aiomq

        context = aiomq.Context()

        async def main():
            pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
            pull.bind("inproc://ended")
            push.connect("inproc://ended")
            await push.send(b"x")

        asyncio.run(main())
        gc.collect()
        context.destroy()
        """
    )

    assert status == 0
    assert errors.count("unclosed PULL socket, made at <string>:8") == 1
    assert errors.count("unclosed PUSH socket, made at <string>:8") == 1
    assert "Traceback" not in errors


NOISY = """
import asyncio, gc
import aiomq

async def main():
    context = aiomq.Context()
    context.linger = 0
    pull, push, rep = context.socket(aiomq.PULL), context.socket(aiomq.PUSH), context.socket(aiomq.REP)
    pull.bind("tcp://127.0.0.1:0")
    rep.bind("tcp://127.0.0.1:0")
    push.connect(pull.last_endpoint)
    push.connect("tcp://127.0.0.1:9")  # nobody is there
    push.connect("tcp://no.such.host.invalid:1")
    push.connect("ipc:///tmp/no/such/folder/socket")
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    events = pull.monitor()
    tasks = [asyncio.create_task(each) for each in (
        pull.recv(), pull.recv_many(), pull.poll(), poller.poll(), rep.recv(), events.__anext__(), push.poll(),
    )]
    stranger = socket.create_connection(pull.last_endpoint.removeprefix("tcp://").split(":"), timeout=5)
    stranger.send(b"GET / HTTP/1.1" + bytes(100))
    for _ in range(20):
        await asyncio.sleep(0)
    {end}
    await asyncio.gather(*tasks, return_exceptions=True)
    stranger.close()
    await context.term()

import socket
{run}(main())
gc.collect()
"""


@pytest.mark.parametrize(
    "end",
    [
        "await context.term()",
        "context.destroy(0)",
        "pull.close(); push.close(); rep.close()",
        "for task in tasks: task.cancel()",
        "await asyncio.wait_for(context.term(), 5); gc.collect()",
    ],
)
@pytest.mark.parametrize("runner", ["asyncio.run", "aiomq.run"])
def test_ends_of_every_kind_make_no_noise(end: str, runner: str) -> None:
    status, output, errors = run(NOISY.format(end=end, run=runner))

    assert (status, output, errors) == (0, "", "")


@pytest.mark.parametrize("runner", ["asyncio.run", "aiomq.run"])
def test_program_that_fails_in_the_middle_shows_its_own_error_alone(runner: str) -> None:
    status, _, errors = run(
        f"""
        import asyncio
        import aiomq

        async def main():
            async with aiomq.Context() as context:
                pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH, linger=0)
                pull.bind("tcp://127.0.0.1:0")
                push.connect(pull.last_endpoint)
                waiting = asyncio.create_task(pull.recv())
                await push.poll(flags=aiomq.POLLOUT)
                try:
                    1 / 0
                finally:
                    waiting.cancel()

        {runner}(main())
        """
    )

    assert status == 1
    assert errors.count("Traceback") == 1
    assert "never retrieved" not in errors
    assert "was destroyed" not in errors
    assert errors.rstrip().endswith("ZeroDivisionError: division by zero")


async def test_unclosed_socket_that_is_collected_is_closed_all_the_same(endpoint: Endpoint) -> None:
    async with aiomq.Context() as context:
        pull = context.socket(aiomq.PULL)
        pull.bind(endpoint())
        sockets = [pull]
        del pull
        with pytest.warns(ResourceWarning, match=r"unclosed PULL socket, made at .*test_warnings\.py"):
            sockets.clear()

        await until(lambda: not context._cores)


async def test_unclosed_context_that_is_collected_is_ended_all_the_same() -> None:
    context = aiomq.Context()
    socket = context.socket(aiomq.PULL)

    with pytest.warns(ResourceWarning, match=r"unclosed context, made at .*test_warnings\.py"):
        context.__del__()

    assert context.closed
    assert socket.closed


async def test_socket_that_is_closed_and_collected_warns_of_nothing() -> None:
    async with aiomq.Context() as context:
        pull = context.socket(aiomq.PULL)
        pull.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            del pull
            gc.collect()

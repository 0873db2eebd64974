"""LINGER: what is queued still leaves as long as it allows, and not a message is lost while it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import aiomq
from tests.faults.processes import program
from tests.sockets.links import KeepingContext, linked, still_works, turns, until

Endpoint = Callable[[], str]

MESSAGES = [b"%d" % number for number in range(500)]


async def finished(socket: aiomq.Socket) -> None:
    """Wait until nothing is left of a closed socket."""
    await until(lambda: socket._core.finished)


# -- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("linger", [-1, 60_000])
async def test_close_delivers_what_is_queued_to_a_peer_that_reads_later(
    context: aiomq.Context, endpoint: Endpoint, linger: int
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, rcvhwm=2)
    push.sndhwm = 0
    await push.send_many([message, bytes(1000)] for message in MESSAGES)

    push.close(linger)

    assert [(await pull.recv_multipart())[0] for _ in MESSAGES] == MESSAGES
    await finished(push)


@pytest.mark.parametrize("linger", [-1, 60_000])
async def test_close_of_the_bound_side_delivers_what_is_queued_too(
    context: aiomq.Context, endpoint: Endpoint, linger: int
) -> None:
    push, pull = linked(context, endpoint(), aiomq.PUSH, aiomq.PULL, sndhwm=1000)
    await push.send_many(MESSAGES)

    push.close(linger)

    assert [await pull.recv() for _ in MESSAGES] == MESSAGES
    await finished(push)


@pytest.mark.parametrize("linger", [-1, 60_000])
async def test_close_before_anybody_listens_delivers_when_somebody_does(
    context: aiomq.Context, tmp_path: Path, linger: int
) -> None:
    push, pull = context.socket(aiomq.PUSH, reconnect_ivl=1), context.socket(aiomq.PULL)
    push.connect(f"ipc://{tmp_path}/later")
    await push.send_many(MESSAGES)

    push.close(linger)
    await turns(10)
    pull.bind(f"ipc://{tmp_path}/later")

    assert [await pull.recv() for _ in MESSAGES] == MESSAGES
    await finished(push)


async def test_close_without_linger_drops_what_is_queued(context: aiomq.Context, tmp_path: Path) -> None:
    push, pull = context.socket(aiomq.PUSH, reconnect_ivl=1), context.socket(aiomq.PULL)
    push.connect(f"ipc://{tmp_path}/later")
    await push.send_many(MESSAGES)

    push.close(linger=0)
    await finished(push)
    pull.bind(f"ipc://{tmp_path}/later")
    other = context.socket(aiomq.PUSH)
    other.connect(pull.last_endpoint)

    await still_works(other, pull)


async def test_close_when_its_linger_is_over_drops_the_rest(context: aiomq.Context, tmp_path: Path) -> None:
    push = context.socket(aiomq.PUSH)
    push.connect(f"ipc://{tmp_path}/nobody")
    await push.send_many(MESSAGES)

    push.close(linger=1)

    await finished(push)


async def test_close_again_with_a_shorter_linger_ends_the_wait(context: aiomq.Context, tmp_path: Path) -> None:
    push = context.socket(aiomq.PUSH)
    push.connect(f"ipc://{tmp_path}/nobody")
    await push.send_many(MESSAGES)
    push.close(linger=-1)
    await turns(5)
    assert not push._core.finished

    push.close(linger=0)

    await finished(push)


async def test_close_with_nothing_queued_is_over_at_once_whatever_the_linger(
    context: aiomq.Context, endpoint: Endpoint, tmp_path: Path
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, linger=-1)
    await still_works(push, pull)
    unconnected = context.socket(aiomq.PUSH, linger=-1)
    unconnected.connect(f"ipc://{tmp_path}/nobody")

    for socket in (pull, push, unconnected):
        await asyncio.wait_for(socket.aclose(), 5)

    assert all(socket._core.finished for socket in (pull, push, unconnected))


async def test_aclose_comes_back_when_everything_has_left(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, sndhwm=1000)
    await push.send_many(MESSAGES)
    reading = asyncio.create_task(_read(pull, len(MESSAGES)))

    await push.aclose(linger=-1)

    assert push._core.finished
    assert await reading == MESSAGES


async def _read(socket: aiomq.Socket, count: int) -> list[bytes]:
    return [await socket.recv() for _ in range(count)]


async def test_default_linger_of_a_sub_is_none_and_of_others_no_limit() -> None:
    async with aiomq.Context() as context:
        for socket_type in aiomq.SocketType:
            try:
                socket = context.socket(socket_type)
            except aiomq.ZMQError:
                continue  # a type of a later version
            with socket:
                name = socket_type.name
                assert socket.linger == (0 if name in {"SUB", "XSUB", "DISH"} else -1)


# -- endpoints --------------------------------------------------------------------------------------------------------


async def test_disconnect_delivers_what_is_queued(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH, rcvhwm=2, linger=-1)
    push.sndhwm = 0
    await push.send_many([message, bytes(1000)] for message in MESSAGES)

    push.disconnect(pull.last_endpoint)

    assert [(await pull.recv_multipart())[0] for _ in MESSAGES] == MESSAGES
    assert not push.closed


async def test_unbind_delivers_what_is_queued(context: aiomq.Context, endpoint: Endpoint) -> None:
    push, pull = linked(context, endpoint(), aiomq.PUSH, aiomq.PULL, rcvhwm=2, linger=-1)
    push.sndhwm = 0
    await push.send_many([message, bytes(1000)] for message in MESSAGES)

    push.unbind(push.last_endpoint)

    assert [(await pull.recv_multipart())[0] for _ in MESSAGES] == MESSAGES


# -- processes --------------------------------------------------------------------------------------------------------

SENDER = """
import asyncio, sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        push = context.socket(aiomq.PUSH, sndhwm=0, linger={linger})
        push.{verb}(sys.argv[1])
        await push.send_many(b"%d" % number for number in range(50_000))
        push.close()

{run}(main())
"""


@pytest.mark.parametrize("run", ["asyncio.run", "aiomq.run"])
async def test_process_that_sends_and_ends_loses_nothing(context: aiomq.Context, run: str) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind("tcp://127.0.0.1:0")

    with program(SENDER.format(linger=-1, verb="connect", run=run), pull.last_endpoint) as sender:
        received = [int(await pull.recv()) for _ in range(50_000)]
        status, _, errors = await asyncio.to_thread(sender.finish)

    assert received == list(range(50_000))
    assert (status, errors) == (0, "")


SLOW_READER = """
import asyncio, sys
import aiomq

async def main():
    async with aiomq.Context() as context:
        pull = context.socket(aiomq.PULL, rcvhwm=10, rcvbuf=4096)
        pull.bind("tcp://127.0.0.1:0")
        print(pull.last_endpoint, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        count = 0
        while await pull.recv() != b"end":
            count += 1
        print(count, flush=True)
        pull.close()

asyncio.run(main())
"""


async def test_term_waits_for_another_process_that_begins_to_read_late() -> None:
    with program(SLOW_READER) as reader:
        address = await asyncio.to_thread(reader.read_line)
        context = KeepingContext()
        push = context.socket(aiomq.PUSH, sndhwm=0, linger=-1)
        push.connect(address)
        await push.send_many([bytes(1000)] * 20_000)  # more than kernels and buffers hold
        await push.send(b"end")

        terminating = asyncio.create_task(context.term())
        await turns(20)
        assert not terminating.done()
        reader.write_line("read")
        await terminating

        assert await asyncio.to_thread(reader.read_line) == "20000"

"""Messages without end: what bounds the bytes and the frames of one, and of all that are not whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import aiomq
from aiomq import Event
from aiomq.zmtp import large_frames
from aiomq.zmtp.commands import encode_ping
from aiomq.zmtp.large_frames import Budget
from tests.transports.scripted import COMMAND, MORE, Script, events_until, frame, settled, until

PART = frame(bytes(1000), MORE)


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Budget]:
    """Return a budget of 1 MiB in the place of the process's."""
    made = Budget(1 << 20)
    monkeypatch.setattr(large_frames, "budget", made)
    large_frames._spare.clear()
    yield made
    large_frames._spare.clear()


@pytest.mark.parametrize(
    ("socket_type", "other"), [(aiomq.ROUTER, "DEALER"), (aiomq.PULL, "PUSH"), (aiomq.XPUB, "XSUB"), (aiomq.SUB, "PUB")]
)
async def test_message_of_more_bytes_than_allowed_ends_its_connection(
    context: aiomq.Context, script: Script, socket_type: int, other: str
) -> None:
    with context.socket(socket_type, message_bytes_max=20_000) as server, server.monitor() as events:
        server.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(server.last_endpoint, other)
        wire.send(PART * 19 + frame(bytes(1000)))
        wire.send(PART * 21)
        told = await until(events, Event.DISCONNECTED)
        assert "a message of 21000 bytes or more is over message_bytes_max (20000)" in told.reason
        assert server.counters.over == {"message_bytes_max": 1}


@pytest.mark.parametrize("sizes", [(600, 500), (200, 200, 200, 200, 201), (10, 991), (9000,), (1001,), (200, 200, 601)])
async def test_limit_of_bytes_holds_for_every_shape_of_a_message(
    context: aiomq.Context, script: Script, sizes: tuple[int, ...]
) -> None:
    with context.socket(aiomq.PULL, message_bytes_max=1000) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(b"".join(frame(bytes(250), MORE) for _ in range(3)) + frame(bytes(250)))
        wire.send(b"".join(frame(bytes(size), MORE) for size in sizes[:-1]) + frame(bytes(sizes[-1])))
        assert "message_bytes_max (1000)" in (await until(events, Event.DISCONNECTED)).reason
        assert await pull.recv_multipart() == [bytes(250)] * 4
        assert not await pull.poll(0)


@pytest.mark.parametrize("size", [0, 1, 300])
async def test_message_of_more_frames_than_allowed_ends_its_connection(
    context: aiomq.Context, script: Script, size: int
) -> None:
    with context.socket(aiomq.PULL, message_frames_max=3) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send((frame(bytes(size), MORE) * 2 + frame(bytes(size))) * 2)
        wire.send(frame(bytes(size), MORE) * 3 + frame(b""))
        assert "a message has more than 3 frames" in (await until(events, Event.DISCONNECTED)).reason
        assert [len(await pull.recv_multipart()) for _ in range(2)] == [3, 3]
        assert pull.counters.over == {"message_frames_max": 1}


@pytest.mark.parametrize("part", [PART, frame(b"", MORE), frame(bytes(50_000), MORE)], ids=["1000", "0", "50000"])
async def test_messages_that_never_get_whole_share_the_budget_of_the_process(
    context: aiomq.Context, script: Script, budget: Budget, part: bytes
) -> None:
    with context.socket(aiomq.PULL, commands_per_second=0) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        limit = budget.limit or 0
        for _ in range(3):
            wire = await script.greeted(pull.last_endpoint, "PUSH")
            wire.send(part * (limit // min(len(part) + 62, max(len(part), 64))))
        cut = [each for each in await events_until(events, Event.DISCONNECTED) if each.event is Event.DISCONNECTED]
        assert all("unfinished messages and large frames hold more than" in str(each.error) for each in cut)
        good = await script.greeted(pull.last_endpoint, "PUSH")
        good.send(PART + frame(b"end"))
        assert await pull.recv_multipart() == [bytes(1000), b"end"]
        assert budget.held <= limit
    await settled(lambda: budget.held == 0)


async def test_message_that_gets_whole_gives_back_what_it_held(
    context: aiomq.Context, script: Script, budget: Budget
) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        for _ in range(20):
            wire.send(PART * 150)
            await settled(lambda: budget.held > 0)
            wire.send(frame(b"end"))
            assert len(await pull.recv_multipart()) == 151
            assert budget.held == 0


@pytest.mark.parametrize(
    ("socket_type", "other"),
    [(aiomq.PUSH, "PULL"), (aiomq.PUB, "SUB"), (aiomq.RADIO, "DISH"), (aiomq.SCATTER, "GATHER")],
)
async def test_types_that_receive_nothing_keep_nothing_of_messages(
    context: aiomq.Context, script: Script, budget: Budget, socket_type: int, other: str
) -> None:
    with context.socket(socket_type, commands_per_second=0) as server:
        server.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(server.last_endpoint, other)
        wire.send(PART * 5000)
        wire.send(frame(b"\x05x", MORE) * 10 + frame(b"end"))
        wire.send(frame(encode_ping(0, b"yes"), COMMAND))  # the answer says that all before it was taken
        while (await wire.frame())[1] != b"\x04PONGyes":
            assert budget.held == 0
        assert budget.held == 0
        assert len(server.peers()) == 1


async def test_lone_message_gets_no_more_than_the_whole_budget(
    context: aiomq.Context, script: Script, budget: Budget
) -> None:
    with context.socket(aiomq.ROUTER) as router, router.monitor() as events:
        router.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(router.last_endpoint, "DEALER")
        wire.send(PART * 2000)
        assert "unfinished messages and large frames hold more" in (await until(events, Event.DISCONNECTED)).reason
    await settled(lambda: budget.held == 0)

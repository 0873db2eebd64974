"""`ipc_exclusive`: a path at which somebody answers is not taken over; without it, as in libzmq, it is."""

from __future__ import annotations

import errno
import socket as system
import sys
from pathlib import Path

import pytest

import aiomq
from tests.transports.judge import Judge
from tests.transports.scripted import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Python has no Unix domain sockets on Windows")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a path, short enough as seen from the working directory, at which there is nothing."""
    monkeypatch.chdir(tmp_path)
    return Path("service")


def is_there(path: Path) -> bool:
    return path.is_socket()


def write_precious(path: Path) -> None:
    path.write_text("precious", encoding="ascii")


def is_precious(path: Path) -> bool:
    return path.read_text(encoding="ascii") == "precious"


async def reach(context: aiomq.Context, pull: aiomq.Socket, path: Path) -> None:
    with context.socket(aiomq.PUSH) as push:
        push.connect(f"ipc://{path}")
        await push.send(b"hello")
        assert await pull.recv() == b"hello"


async def test_bind_takes_the_path_of_a_live_server_where_nobody_says_otherwise(
    context: aiomq.Context, path: Path
) -> None:
    with context.socket(aiomq.PULL) as first, context.socket(aiomq.PULL) as second:
        assert first.ipc_exclusive is False
        first.bind(f"ipc://{path}")
        second.bind(f"ipc://{path}")

        await reach(context, second, path)
        assert first.last_endpoint == second.last_endpoint


async def test_exclusive_bind_at_the_path_of_a_live_server_is_eaddrinuse(context: aiomq.Context, path: Path) -> None:
    with context.socket(aiomq.PULL) as first, context.socket(aiomq.PULL, ipc_exclusive=True) as second:
        first.bind(f"ipc://{path}")
        monitor = second.monitor()

        with pytest.raises(aiomq.ZMQBindError, match="cannot bind ipc://service: somebody listens there") as refused:
            second.bind(f"ipc://{path}")

        assert refused.value.errno == errno.EADDRINUSE
        assert (await until(monitor, aiomq.Event.BIND_FAILED)).value == errno.EADDRINUSE
        await reach(context, first, path)


async def test_exclusive_bind_at_the_path_of_libzmq_is_eaddrinuse(
    context: aiomq.Context, judge: Judge, path: Path
) -> None:
    judge.socket(aiomq.PULL).bind(f"ipc://{path}")
    with (
        context.socket(aiomq.PULL, ipc_exclusive=1) as pull,
        pytest.raises(aiomq.ZMQBindError, match="ipc_exclusive is set"),
    ):
        pull.bind(f"ipc://{path}")


async def test_exclusive_bind_at_the_path_of_a_server_that_accepts_nobody_is_eaddrinuse(
    context: aiomq.Context, path: Path
) -> None:
    with system.socket(system.AF_UNIX) as busy, context.socket(aiomq.PULL, ipc_exclusive=True) as pull:
        busy.bind(str(path))
        busy.listen(0)
        waiting = []
        for _ in range(3):  # more than its queue takes
            waiting.append(system.socket(system.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect_ex(str(path))

        with pytest.raises(aiomq.ZMQBindError, match="ipc_exclusive is set"):
            pull.bind(f"ipc://{path}")

        for each in waiting:
            each.close()


async def test_exclusive_bind_removes_a_file_whose_server_is_gone(context: aiomq.Context, path: Path) -> None:
    with system.socket(system.AF_UNIX) as gone:
        gone.bind(str(path))
        gone.listen()
    assert is_there(path)
    with context.socket(aiomq.PULL, ipc_exclusive=True) as pull:
        pull.bind(f"ipc://{path}")

        await reach(context, pull, path)


async def test_exclusive_bind_again_after_its_own_end_works(context: aiomq.Context, path: Path) -> None:
    with context.socket(aiomq.PULL, ipc_exclusive=True) as pull:
        for _ in range(3):
            pull.bind(f"ipc://{path}")
            await reach(context, pull, path)
            pull.unbind(f"ipc://{path}")


async def test_exclusive_bind_leaves_a_file_that_is_no_socket_alone(context: aiomq.Context, path: Path) -> None:
    write_precious(path)
    with context.socket(aiomq.PULL, ipc_exclusive=True) as pull, pytest.raises(aiomq.ZMQBindError) as refused:
        pull.bind(f"ipc://{path}")

    assert refused.value.errno == errno.EADDRINUSE
    assert is_precious(path)


async def test_exclusive_bind_of_other_addresses_is_as_ever(context: aiomq.Context) -> None:
    for address in ("ipc://*", "tcp://127.0.0.1:*", "inproc://exclusive"):
        with context.socket(aiomq.PULL, ipc_exclusive=True) as pull:
            pull.bind(address)


@pytest.mark.parametrize("wrong", [2, "yes", None, -1])
async def test_ipc_exclusive_is_a_truth_value(context: aiomq.Context, wrong: object) -> None:
    with context.socket(aiomq.PULL) as pull:
        with pytest.raises(TypeError, match="ipc_exclusive is True or False, not"):
            pull.ipc_exclusive = wrong  # type: ignore[assignment]  # the error is what is tested
        pull.ipc_exclusive = True
        assert pull.ipc_exclusive is True

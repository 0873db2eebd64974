"""USE_FD: listening sockets that somebody else has bound."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

import aiomq
from tests.transports.judge import Judge, receive


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock


def given_away(sock: socket.socket) -> int:
    """Return a descriptor that belongs to whoever gets it."""
    return os.dup(sock.fileno())


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def test_bind_takes_a_tcp_descriptor_over_whatever_its_address_says(
    context: aiomq.Context, judge: Judge, listening: socket.socket
) -> None:
    descriptor = given_away(listening)
    with context.socket(aiomq.PULL, use_fd=descriptor) as pull:
        pull.bind("tcp://127.0.0.1:1")
        push = judge.socket(zmq.PUSH)
        push.connect(pull.last_endpoint)
        push.send(b"adopted")

        assert pull.last_endpoint == f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        assert await pull.recv() == b"adopted"
    await pull.aclose()
    assert not is_open(descriptor)


async def test_descriptor_is_for_one_bind(context: aiomq.Context, listening: socket.socket) -> None:
    with context.socket(aiomq.PULL, use_fd=given_away(listening)) as pull:
        pull.bind("tcp://127.0.0.1:*")
        first = pull.last_endpoint
        assert pull.use_fd == -1
        pull.bind("tcp://127.0.0.1:*")
        assert pull.last_endpoint != first


@pytest.mark.parametrize("wildcard", [False, True])
async def test_bind_takes_an_ipc_descriptor_over_and_never_removes_the_file(
    context: aiomq.Context, judge: Judge, tmp_path: Path, wildcard: bool
) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        sock.listen()
        with context.socket(aiomq.PULL, use_fd=given_away(sock)) as pull:
            pull.bind("ipc://*" if wildcard else f"ipc://{path}")
            push = judge.socket(zmq.PUSH)
            push.connect(f"ipc://{path}")
            push.send(b"adopted")

            assert pull.last_endpoint == f"ipc://{path}"
            assert await pull.recv() == b"adopted"
            inode = path.stat().st_ino
    await pull.aclose()
    assert path.stat().st_ino == inode


async def test_adopted_abstract_name_is_the_endpoint_of_a_wildcard(context: aiomq.Context) -> None:
    name = f"aiomq-{os.getpid()}-adopted"
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.bind(f"\0{name}")
        except OSError:
            pytest.skip("this system has no abstract names")
        sock.listen()
        with context.socket(aiomq.PULL, use_fd=given_away(sock)) as pull:
            pull.bind("ipc://*")
            assert pull.last_endpoint == f"ipc://@{name}"


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:*", "ipc://*"])
@pytest.mark.parametrize("kind", ["other family", "datagram", "does not listen"])
async def test_descriptor_of_another_kind_is_refused_and_stays_its_owners(
    context: aiomq.Context, endpoint: str, kind: str
) -> None:
    tcp = endpoint.startswith("tcp")
    family = socket.AF_INET if tcp else socket.AF_UNIX
    made = {
        "other family": lambda: socket.socket(socket.AF_UNIX if tcp else socket.AF_INET),
        "datagram": lambda: socket.socket(family, socket.SOCK_DGRAM),
        "does not listen": lambda: socket.socket(family),
    }
    with made[kind]() as sock, context.socket(aiomq.PULL, use_fd=sock.fileno()) as pull:
        with pytest.raises(aiomq.ZMQBindError, match=r"\(USE_FD\) (is a socket of|does not listen)") as refused:
            pull.bind(endpoint)

        assert refused.value.errno == errno.EINVAL
        assert is_open(sock.fileno())
        assert pull.use_fd == sock.fileno()


async def test_descriptor_that_is_no_socket_is_refused(context: aiomq.Context, tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, context.socket(aiomq.PULL, use_fd=file.fileno()) as pull:
        with pytest.raises(aiomq.ZMQBindError, match=r"not a socket|non-socket") as refused:
            pull.bind("tcp://127.0.0.1:*")
        assert refused.value.errno == errno.ENOTSOCK
        assert is_open(file.fileno())


async def test_aiomq_reaches_a_descriptor_that_libzmq_adopted(
    context: aiomq.Context, judge: Judge, listening: socket.socket
) -> None:
    pull = judge.socket(zmq.PULL)
    pull.set(zmq.USE_FD, given_away(listening))
    pull.bind("tcp://127.0.0.1:*")
    with context.socket(aiomq.PUSH) as push:
        push.connect(f"tcp://127.0.0.1:{listening.getsockname()[1]}")
        await push.send(b"to libzmq")
        assert await receive(pull) == [b"to libzmq"]

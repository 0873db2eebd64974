"""ipc: paths, abstract names, paths made for the purpose, and what becomes of the files."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
import tempfile
from pathlib import Path
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import Event
from tests.transports.judge import Judge, receive
from tests.transports.scripted import Script, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Python has no Unix domain sockets on Windows")

linux_only: Final = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is also the working directory, so that short paths lead into it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_socket(path: Path) -> bool:
    return path.exists() and stat.S_ISSOCK(path.stat().st_mode)


def is_private(folder: Path) -> bool:
    return folder.is_absolute() and stat.S_IMODE(folder.stat().st_mode) == 0o700


def is_there(path: Path) -> bool:
    return path.exists()


def content(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def exchange(context: aiomq.Context, bound: aiomq.Socket, endpoint: str) -> None:
    """Check that a message sent to an endpoint arrives at a bound PULL."""
    with context.socket(aiomq.PUSH) as push:
        push.connect(endpoint)
        await push.send(endpoint.encode())
        assert await bound.recv() == endpoint.encode()


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["feed.sock", "./feed", "with blank", "späti", "a;b:1"])
async def test_a_path_is_bound_as_it_stands(context: aiomq.Context, folder: Path, name: str) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind(f"ipc://{name}")
        assert pull.last_endpoint == f"ipc://{name}"
        assert is_socket(folder / name)
        await exchange(context, pull, f"ipc://{name}")


async def test_a_path_in_full_is_reached_by_libzmq(context: aiomq.Context, folder: Path, judge: Judge) -> None:
    with context.socket(aiomq.PULL) as pull, judge.socket(zmq.PUSH) as push:
        pull.bind(f"ipc://{folder}/feed")
        push.connect(f"ipc://{folder}/feed")
        push.send(b"across")
        assert await pull.recv() == b"across"


async def test_a_path_bound_by_libzmq_is_reached(context: aiomq.Context, folder: Path, judge: Judge) -> None:
    with judge.socket(zmq.PULL) as pull, context.socket(aiomq.PUSH) as push:
        pull.bind("ipc://feed")
        push.connect("ipc://feed")
        await push.send(b"across")
        assert await receive(pull) == [b"across"]


async def test_the_file_of_a_path_stays_when_the_socket_closes_as_in_libzmq(
    context: aiomq.Context, folder: Path, judge: Judge
) -> None:
    with context.socket(aiomq.PULL) as ours:
        ours.bind("ipc://ours")
    await ours.aclose()
    with judge.socket(zmq.PULL) as theirs:
        theirs.bind("ipc://theirs")
        theirs.unbind("ipc://theirs")
    assert content(folder) == ["ours", "theirs"]


async def test_a_path_left_behind_is_bound_again(context: aiomq.Context, folder: Path) -> None:
    for _ in range(2):
        async with context.socket(aiomq.PULL) as pull:
            pull.bind("ipc://feed")
            await exchange(context, pull, "ipc://feed")


async def test_connect_comes_before_bind(context: aiomq.Context, folder: Path) -> None:
    with (
        context.socket(aiomq.PUSH, reconnect_ivl=1) as push,
        context.socket(aiomq.PULL) as pull,
        push.monitor() as events,
    ):
        push.connect("ipc://late")
        await push.send(b"early")
        missing = await until(events, Event.CLOSED)
        assert isinstance(missing.error, FileNotFoundError)
        pull.bind("ipc://late")
        assert await pull.recv() == b"early"
        await until(events, Event.CONNECTED)


async def test_the_longest_path_is_bound_and_a_longer_one_is_refused(context: aiomq.Context, folder: Path) -> None:
    longest = "x" * (107 if sys.platform == "linux" else 103)
    with context.socket(aiomq.PULL) as pull:
        pull.bind(f"ipc://{longest}")
        await exchange(context, pull, f"ipc://{longest}")
        for use in (pull.bind, pull.connect):
            with pytest.raises(aiomq.ZMQError, match=f"its path has {len(longest) + 1} bytes") as refused:
                use(f"ipc://{longest}x")
            assert refused.value.errno == errno.ENAMETOOLONG


async def test_bind_in_a_folder_that_is_not_there_says_so(context: aiomq.Context, folder: Path) -> None:
    with (
        context.socket(aiomq.PULL) as pull,
        pytest.raises(aiomq.ZMQBindError, match="cannot bind ipc://none/feed: No such file") as refused,
    ):
        pull.bind("ipc://none/feed")
    assert refused.value.errno == errno.ENOENT


async def test_bind_leaves_a_file_alone_that_is_no_socket(context: aiomq.Context, folder: Path) -> None:
    precious = folder / "precious"
    precious.write_text("data")
    with (
        context.socket(aiomq.PULL) as pull,
        pytest.raises(aiomq.ZMQBindError, match="cannot bind ipc://precious: Address already in use") as refused,
    ):
        pull.bind("ipc://precious")
    assert refused.value.errno == errno.EADDRINUSE
    assert precious.read_text() == "data"


# -- a path taken over ------------------------------------------------------------------------------------------------


async def test_a_second_bind_steals_the_path_and_the_first_keeps_its_connections(
    context: aiomq.Context, folder: Path
) -> None:
    with (
        context.socket(aiomq.PULL) as first,
        context.socket(aiomq.PULL) as second,
        context.socket(aiomq.PUSH) as old,
        context.socket(aiomq.PUSH) as new,
    ):
        first.bind("ipc://feed")
        old.connect("ipc://feed")
        await old.send(b"before")
        assert await first.recv() == b"before"
        second.bind("ipc://feed")
        await old.send(b"still")
        assert await first.recv() == b"still"
        new.connect("ipc://feed")
        await new.send(b"new")
        assert await second.recv() == b"new"
        first.close()
        await new.send(b"after")
        assert await second.recv() == b"after"


# -- paths made for the purpose ---------------------------------------------------------------------------------------


async def test_a_wildcard_gets_a_path_that_goes_with_the_socket(context: aiomq.Context) -> None:
    async with context.socket(aiomq.PULL) as pull:
        pull.bind("ipc://*")
        path = Path(pull.last_endpoint.removeprefix("ipc://"))
        assert is_socket(path)
        assert is_private(path.parent)
        await exchange(context, pull, pull.last_endpoint)
    assert not is_there(path.parent)


async def test_a_wildcard_bound_twice_gets_two_paths(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        endpoints = []
        for _ in range(2):
            pull.bind("ipc://*")
            endpoints.append(pull.last_endpoint)
        assert endpoints[0] != endpoints[1]
        for each in endpoints:
            await exchange(context, pull, each)


async def test_a_wildcard_that_cannot_be_bound_leaves_no_path(
    context: aiomq.Context, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = folder / ("d" * 120)  # longer than the path of a socket may be
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        with pytest.raises(aiomq.ZMQBindError, match="too long") as refused:
            pull.bind("ipc://*")
        assert (await until(events, Event.BIND_FAILED)).value == errno.ENAMETOOLONG
    assert refused.value.errno == errno.ENAMETOOLONG
    assert f"the path {deep}/aiomq-" in str(refused.value)
    assert content(deep) == []


async def test_unbind_of_a_wildcard_takes_its_path_away(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("ipc://*")
        path = Path(pull.last_endpoint.removeprefix("ipc://"))
        with pytest.raises(aiomq.ZMQError, match="is not bound on this socket") as refused:
            pull.unbind("ipc://*")
        assert refused.value.errno == errno.ENOENT
        await exchange(context, pull, pull.last_endpoint)
        pull.unbind(pull.last_endpoint)
        await until(events, Event.CLOSED)
        assert not is_there(path)


def test_a_wildcard_bound_without_a_loop_takes_its_path_away() -> None:
    with aiomq.Context() as context, context.socket(aiomq.PULL) as pull:
        pull.bind("ipc://*")
        path = Path(pull.last_endpoint.removeprefix("ipc://"))
        assert is_there(path)
    assert not is_there(path.parent)


# -- abstract names ---------------------------------------------------------------------------------------------------


@linux_only
async def test_an_abstract_name_makes_no_file(context: aiomq.Context, folder: Path) -> None:
    name = f"@aiomq-{os.getpid()}-none"
    with context.socket(aiomq.PULL) as pull:
        pull.bind(f"ipc://{name}")
        assert pull.last_endpoint == f"ipc://{name}"
        await exchange(context, pull, f"ipc://{name}")
        assert not content(folder)


@linux_only
async def test_an_abstract_name_has_no_trailing_nul_in_its_length(context: aiomq.Context) -> None:
    name = f"aiomq-{os.getpid()}-length"
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind(f"ipc://@{name}")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as exact:
            exact.connect(f"\0{name}")
            await until(events, Event.ACCEPTED)
            assert exact.getpeername() == f"\0{name}".encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as padded, pytest.raises(ConnectionRefusedError):
            padded.connect(f"\0{name}\0")


@linux_only
async def test_an_abstract_name_is_libzmqs_too(context: aiomq.Context, judge: Judge) -> None:
    name = f"ipc://@aiomq-{os.getpid()}-shared"
    with context.socket(aiomq.PULL) as pull, judge.socket(zmq.PUSH) as push:
        pull.bind(name)
        push.connect(name)
        push.send(b"to us")
        assert await pull.recv() == b"to us"
    with judge.socket(zmq.PULL) as pull, context.socket(aiomq.PUSH) as push:
        pull.bind(f"{name}-2")
        push.connect(f"{name}-2")
        await push.send(b"to them")
        assert await receive(pull) == [b"to them"]


@linux_only
async def test_an_abstract_name_in_use_is_refused(context: aiomq.Context) -> None:
    name = f"ipc://@aiomq-{os.getpid()}-used"
    with context.socket(aiomq.PULL) as first, context.socket(aiomq.PULL) as second:
        first.bind(name)
        with pytest.raises(aiomq.ZMQBindError, match="Address already in use") as refused:
            second.bind(name)
        assert refused.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    ("address", "complaint"),
    [("ipc://@", "there is no name behind '@'"), ("ipc://", "there is nothing behind ipc://")],
)
async def test_an_address_without_a_name_is_refused(context: aiomq.Context, address: str, complaint: str) -> None:
    with context.socket(aiomq.PULL) as pull:
        for use in (pull.bind, pull.connect):
            with pytest.raises(aiomq.ZMQError, match=complaint) as refused:
                use(address)
            assert refused.value.errno == errno.EINVAL


async def test_a_wildcard_is_for_bind_alone(context: aiomq.Context) -> None:
    with context.socket(aiomq.PUSH) as push, pytest.raises(aiomq.ZMQError, match="'\\*' is for bind alone") as refused:
        push.connect("ipc://*")
    assert refused.value.errno == errno.EINVAL


# -- the system's socket ----------------------------------------------------------------------------------------------


async def test_buffer_sizes_reach_the_systems_socket(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, sndbuf=65536, rcvbuf=32768) as pull, pull.monitor() as events:
        pull.bind("ipc://*")
        listening = await until(events, Event.LISTENING)
        with socket.socket(fileno=os.dup(listening.value)) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) in {65536, 2 * 65536}
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) in {32768, 2 * 32768}


async def test_a_scripted_peer_is_served_over_a_path(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("ipc://*")
        wire = await script.dial(pull.last_endpoint)
        assert (await wire.greet("PUSH"))["Socket-Type"] == b"PULL"
        wire.send(b"\x00\x02hi")
        assert await pull.recv() == b"hi"

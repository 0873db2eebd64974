"""Attempts to connect: driven by callbacks where the loop can watch descriptors, by a task where it can't."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import aiomq
from aiomq import Event
from aiomq.constants import SocketType
from aiomq.endpoint import TcpEndpoint
from aiomq.options import default_options
from aiomq.transports import attempts
from aiomq.transports.lookups import numeric
from aiomq.transports.tcp import TcpTransport
from tests.transports.scripted import Script, closed_port, events_until, names, settled, until

Endpoint = Callable[[], str]

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="other systems treat a full queue otherwise")


@pytest.fixture(params=["callbacks", "tasks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test once as most loops connect, and once as Windows' Proactor does."""
    if request.param == "tasks":
        monkeypatch.setattr(attempts, "can_watch", lambda _: False)
    chosen: str = request.param
    return chosen


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
async def test_messages_pass_after_attempts_in_vain(context: aiomq.Context, endpoint: Endpoint, way: str) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind(endpoint())
        address = pull.last_endpoint
    address = "ipc://@aiomq-late-comer" if address.startswith("ipc") and sys.platform == "linux" else address
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        with push.monitor() as events:
            push.connect(address)
            seen = await events_until(events, Event.CONNECT_RETRIED, 2)
            pull.bind(address)
            await push.send(b"at last")
            assert await pull.recv() == b"at last"
        delayed = ["CONNECT_DELAYED"] if address.startswith("tcp") else []
        assert names(seen) == [*delayed, "CLOSED", "CONNECT_RETRIED"] * 2
        assert isinstance(seen[-1].error, ConnectionRefusedError)
        if way == "callbacks":
            assert address.rpartition(":")[2].strip("/@") in seen[-1].reason


@linux_only
@pytest.mark.usefixtures("way")
async def test_connect_timeout_says_so_in_the_events(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, connect_timeout=5, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(closed_port(script.crowded()))
        seen = await events_until(events, Event.CONNECT_RETRIED, 2)
    assert names(seen) == ["CONNECT_DELAYED", "CLOSED", "CONNECT_RETRIED"] * 2
    assert isinstance(seen[1].error, TimeoutError)
    assert "no connection within 5 ms (CONNECT_TIMEOUT)" in seen[1].reason


@linux_only
@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("how", ["close", "disconnect"])
async def test_an_attempt_that_takes_long_is_given_up_at_once(context: aiomq.Context, script: Script, how: str) -> None:
    with context.socket(aiomq.PUSH, connect_timeout=60_000) as push, push.monitor() as events:
        address = closed_port(script.crowded())
        push.connect(address)
        await until(events, Event.CONNECT_DELAYED)
        if how == "close":
            push.close()
        else:
            push.disconnect(address)
            await settled(lambda: "connected=[]" in repr(push))
        assert (await until(events, Event.CLOSED)).error is None


@linux_only
async def test_attempts_have_no_task(context: aiomq.Context, script: Script) -> None:
    before = asyncio.all_tasks()
    with context.socket(aiomq.PUSH) as push, push.monitor() as events:
        push.connect(closed_port(script.crowded()))
        await until(events, Event.CONNECT_DELAYED)
        push.connect(closed_port(script.bound()))
        await until(events, Event.CONNECT_RETRIED)
        assert asyncio.all_tasks() == before


@linux_only
async def test_the_descriptor_of_an_attempt_is_known(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH) as push, push.monitor() as events:
        push.connect(closed_port(script.crowded()))
        await until(events, Event.CONNECT_DELAYED)
        (dialer,) = push._core.endpoints.values()
        (descriptor,) = dialer.descriptors()  # type: ignore[attr-defined]  # a dialer has it
        assert socket.socket(fileno=descriptor).detach() == descriptor


async def test_an_address_in_numbers_is_made_once(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    def count(name: Any) -> Any:
        made.append(name)
        return numeric(name)

    monkeypatch.setattr("aiomq.transports.tcp.numeric", count)
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(closed_port(script.bound()))
        await events_until(events, Event.CONNECT_RETRIED, 5)
    assert len(made) == 1


@pytest.mark.parametrize(
    ("host", "zone", "expected"),
    [("127.0.0.1", "", True), ("::1", "", True), ("fe80::1", "eth0", False), ("localhost", "", False)],
)
def test_only_addresses_that_stay_are_kept(host: str, zone: str, expected: bool) -> None:
    options = default_options(SocketType.PUSH)
    options.ipv6 = True
    assert TcpTransport().is_lasting(TcpEndpoint(host, 9, zone=zone), options) is expected


@linux_only
async def test_a_path_whose_listener_has_a_full_queue_is_tried_again(
    context: aiomq.Context, script: Script, tmp_path: Path
) -> None:
    path = str(tmp_path / "full")
    with socket.socket(socket.AF_UNIX) as full, context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        full.bind(path)
        full.listen(0)
        full.setblocking(False)
        waiting = socket.socket(socket.AF_UNIX)
        script.keep(waiting)
        waiting.connect(path)
        with push.monitor() as events:
            push.connect(f"ipc://{path}")
            retried = await until(events, Event.CONNECT_RETRIED)
            assert isinstance(retried.error, BlockingIOError)
            script.keep(full.accept()[0])
            await until(events, Event.CONNECTED)


async def test_a_connection_to_itself_leaves_its_port_to_the_server(context: aiomq.Context, script: Script) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with context.socket(aiomq.PUSH, reconnect_ivl=-1) as push, push.monitor() as events:
        push.connect(f"tcp://127.0.0.1:{port};127.0.0.1:{port}")
        failed = await until(events, Event.CLOSED)
        assert isinstance(failed.error, OSError)
        assert failed.error.errno == errno.ECONNREFUSED
    with socket.socket() as server:  # without SO_REUSEADDR, which does not care for who was there before
        server.bind(("127.0.0.1", port))

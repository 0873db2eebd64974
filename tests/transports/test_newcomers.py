"""Newcomers and those who keep them out: limits of connections and handshakes at listeners, and their ends."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import pytest

import aiomq
from aiomq import Event
from aiomq.transports import accepting
from aiomq.transports.credentials import HAS_CREDENTIALS
from tests.transports.scripted import GREETING, Script, Wire, events_until, frame, handshake, names, settled, until

ELSEWHERE: Final = "127.0.0.2"
"""Another address of this machine."""


def has_elsewhere() -> bool:
    with socket.socket() as sock:
        try:
            sock.bind((ELSEWHERE, 0))
        except OSError:
            return False
    return True


two_addresses = pytest.mark.skipif(not has_elsewhere(), reason="this system has one loopback address")


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/socket"


async def silent(script: Script, endpoint: str, count: int) -> list[Wire]:
    """Return connections that say nothing, and have been let in."""
    wires = [await script.dial(endpoint) for _ in range(count)]
    for each in wires:
        await each.read(10)
    return wires


# -- handshakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["handshakes_max", "handshakes_per_endpoint", "handshakes_per_address"])
@pytest.mark.parametrize("kind", [aiomq.PULL, aiomq.ROUTER, aiomq.XPUB, aiomq.REP])
async def test_silent_strangers_keep_no_newcomer_out(  # fixtures and parameters
    context: aiomq.Context, script: Script, address: str, kind: aiomq.SocketType, budget: str
) -> None:
    theirs = {aiomq.PULL: "PUSH", aiomq.ROUTER: "DEALER", aiomq.XPUB: "SUB", aiomq.REP: "REQ"}[kind]
    with context.socket(kind, **{budget: 10}) as server, server.monitor() as events:
        server.bind(address)
        crowd = await silent(script, server.last_endpoint, 15)
        await script.greeted(server.last_endpoint, theirs)
        for each in crowd[:6]:  # the oldest had to go: five for others of their kind
            assert await each.ended() == b""
        ended = (await events_until(events, Event.DISCONNECTED, 6))[-1]

        assert f"{budget} is 10" in ended.reason
        assert names(await events_until(events, Event.HANDSHAKE_SUCCEEDED))[-1] == "HANDSHAKE_SUCCEEDED"
        counters = server.counters
        assert (counters.over, counters.cut, counters.failed_handshakes) == ({budget: 6}, 6, 6)
        assert (counters.refused, counters.protocol_errors) == (0, 0)


@two_addresses
async def test_those_of_an_address_with_few_are_left_alone(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, handshakes_per_endpoint=10) as pull:
        pull.bind("tcp://127.0.0.1:*")
        slow = await script.dial(pull.last_endpoint, ELSEWHERE)
        slow.send(GREETING)
        await slow.read(len(GREETING))
        await silent(script, pull.last_endpoint, 50)
        slow.send(handshake("PUSH")[len(GREETING) :] + frame(b"no hurry"))

        assert await pull.recv() == b"no hurry"
        assert pull.counters.over == {"handshakes_per_endpoint": 41}


async def test_mapped_addresses_are_those_of_ipv4(context: aiomq.Context, script: Script) -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    with context.socket(aiomq.PULL, ipv6=1, connections_per_address=1) as pull, pull.monitor() as events:
        pull.bind("tcp://*:*")
        by_ipv6 = f"tcp://127.0.0.1:{pull.last_endpoint.rpartition(':')[2]}"
        pull.bind("tcp://127.0.0.1:*")
        await script.greeted(by_ipv6, "PUSH")
        assert await (await script.dial(pull.last_endpoint)).ended() == b""
        refused = await until(events, Event.ACCEPT_FAILED)

        assert "connections_per_address is 1" in refused.reason


async def test_who_comes_in_one_turn_is_counted_at_once(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, handshakes_per_endpoint=1) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
        for _ in range(5):  # they are all there in the next turn
            script.keep(socket.create_connection((host, int(port))))
        await events_until(events, Event.DISCONNECTED, 4)
        await settled(lambda: pull.counters.over == {"handshakes_per_endpoint": 4})
        last = await script.greeted(pull.last_endpoint, "PUSH")
        last.send(frame(b"in"))

        assert await pull.recv() == b"in"


# -- connections ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", ["connections_max", "connections_per_endpoint", "connections_per_address"])
async def test_newcomer_among_ready_peers_is_refused_before_a_byte(
    context: aiomq.Context, script: Script, address: str, budget: str
) -> None:
    with context.socket(aiomq.PULL, **{budget: 2}) as pull, pull.monitor() as events:
        pull.bind(address)
        first, second = [await script.greeted(pull.last_endpoint, "PUSH") for _ in range(2)]
        assert await (await script.dial(pull.last_endpoint)).ended() == b""
        failed = await until(events, Event.ACCEPT_FAILED)

        assert failed.value == errno.EMFILE
        assert failed.reason.endswith(f"no more connections are let in here: {budget} is 2")
        assert (pull.counters.refused, pull.counters.over) == (1, {budget: 1})
        assert pull.counters.failed_handshakes == 0
        second.close()
        await until(events, Event.DISCONNECTED)
        third = await script.greeted(pull.last_endpoint, "PUSH")
        for each in (first, third):
            each.send(frame(b"here"))
            assert await pull.recv() == b"here"


async def test_streams_count_as_connections_though_they_have_no_handshake(
    context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.STREAM, connections_max=1, handshakes_max=1) as stream, stream.monitor() as events:
        stream.bind("tcp://127.0.0.1:*")
        first = await script.dial(stream.last_endpoint)
        assert (await stream.recv_multipart())[1] == b""
        assert await (await script.dial(stream.last_endpoint)).ended() == b""
        assert (await until(events, Event.ACCEPT_FAILED)).value == errno.EMFILE
        first.send(b"here")
        assert (await stream.recv_multipart())[1] == b"here"


async def test_so_many_connections_a_second_and_no_more(context: aiomq.Context, script: Script, address: str) -> None:
    with context.socket(aiomq.PULL, connections_per_second=1) as pull, pull.monitor() as events:
        pull.bind(address)
        wires = [await script.dial(pull.last_endpoint) for _ in range(5)]
        failed = await until(events, Event.ACCEPT_FAILED)
        assert "connections_per_second is 1" in failed.reason
        await wires[0].greet("PUSH")


@pytest.mark.skipif(not HAS_CREDENTIALS, reason="the system does not tell who connects")
async def test_peers_of_ipc_are_limited_by_their_user(context: aiomq.Context, script: Script, tmp_path: Path) -> None:
    with context.socket(aiomq.PULL, connections_per_address=1) as pull, pull.monitor() as events:
        pull.bind(f"ipc://{tmp_path}/socket")
        await script.greeted(pull.last_endpoint, "PUSH")
        assert await (await script.dial(pull.last_endpoint)).ended() == b""
        assert list(pull._core.guests.by_key) == [os.getuid()]
        refused = await until(events, Event.ACCEPT_FAILED)
        assert refused.peer_address == f":{os.getuid()}:{os.getgid()}:{os.getpid()}"


# -- accepting --------------------------------------------------------------------------------------------------------

Fail = Callable[[], object]


class Listening:
    """A listening socket whose accept fails as told, and works after that."""

    def __init__(self, sock: socket.socket, errors: list[int]) -> None:
        self._sock = sock
        self._errors = errors

    def fileno(self) -> int:
        return self._sock.fileno()

    def accept(self) -> tuple[socket.socket, Any]:
        if self._errors:
            number = self._errors.pop(0)
            raise OSError(number, os.strerror(number))
        return self._sock.accept()

    def close(self) -> None:
        self._sock.close()


def let_fail(pull: aiomq.Socket, errors: list[int]) -> None:
    """Have the next accepts of a socket's listener fail."""
    (listener,) = pull._core.endpoints.values()
    made: Any = listener
    made._acceptor._sock = Listening(made._sock, errors)


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPERM, errno.EPROTO])
async def test_error_of_one_connection_holds_up_no_other(
    context: aiomq.Context, script: Script, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        let_fail(pull, [number] * 3)
        await script.greeted(pull.last_endpoint, "PUSH")
        seen = await events_until(events, Event.HANDSHAKE_SUCCEEDED)

    assert [each.value for each in seen if each.event is Event.ACCEPT_FAILED] == [number] * 3
    assert not caplog.records


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.ENOMEM, errno.EINVAL])
async def test_error_of_the_system_is_told_and_tried_again_after_a_pause(
    context: aiomq.Context,
    script: Script,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
) -> None:
    monkeypatch.setattr(accepting, "_FIRST_PAUSE", 0.01)
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        let_fail(pull, [number] * 3)
        await script.greeted(pull.last_endpoint, "PUSH")
        seen = await events_until(events, Event.HANDSHAKE_SUCCEEDED)

    assert [each.value for each in seen if each.event is Event.ACCEPT_FAILED] == [number] * 3
    (record,) = caplog.records  # one line, however often it fails
    assert "connections are refused or have to wait" in record.getMessage()


async def test_endless_errors_of_single_connections_are_paused_at_last(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accepting, "_FIRST_PAUSE", 0.01)
    errors = [errno.EPERM] * (accepting.ACCEPTS_A_TURN + 1)
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        let_fail(pull, errors)
        ending = asyncio.ensure_future(script.greeted(pull.last_endpoint, "PUSH"))
        await events_until(events, Event.ACCEPT_FAILED, accepting.ACCEPTS_A_TURN)
        assert len(errors) == 1
        await ending


@pytest.mark.parametrize("turns", range(7))
async def test_nothing_stays_open_of_who_is_being_accepted_at_the_close(
    context: aiomq.Context, script: Script, address: str, turns: int
) -> None:
    for ending in ("close", "unbind"):
        with context.socket(aiomq.PULL) as pull:
            pull.bind(address)
            endpoint = pull.last_endpoint
            wires = [await script.dial(endpoint) for _ in range(3)]
            for _ in range(turns):
                await asyncio.sleep(0)
            if ending == "unbind":
                pull.unbind(endpoint)
            else:
                pull.close()
            for each in wires:
                await each.ended()
            await settled(lambda: not pull._core.guests.count)  # done before the next one
            await script.hang_up()


async def test_accepting_where_a_loop_cannot_say_that_somebody_waits(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(accepting, "can_watch", lambda _: False)
    with context.socket(aiomq.PULL) as pull:
        pull.bind(address)
        for number in range(3):
            wire = await script.greeted(pull.last_endpoint, "PUSH")
            wire.send(frame(b"%d" % number))
            assert await pull.recv() == b"%d" % number


class Owner:
    """A socket with another loop."""

    def __init__(self, core: Any, loop: object) -> None:
        self._core = core
        self.loop = loop

    def __getattr__(self, name: str) -> Any:
        return getattr(self._core, name)


async def test_error_of_a_transport_is_told_and_leaves_nothing(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(factory: Callable[[], object], sock: object) -> None:
        factory()
        raise OSError(errno.ENOMEM, "no room for a transport")

    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        with monkeypatch.context() as patched:
            (listener,) = pull._core.endpoints.values()
            lacking = SimpleNamespace(connect_accepted_socket=fail, time=asyncio.get_running_loop().time)
            patched.setattr(listener, "_owner", Owner(pull._core, lacking))
            assert await (await script.dial(pull.last_endpoint)).ended() == b""
        failed = await until(events, Event.ACCEPT_FAILED)

        assert (failed.value, pull.counters.refused) == (errno.ENOMEM, 1)
        assert (pull._core.guests.count, pull._core.guests.by_key) == (0, {})
        await script.greeted(pull.last_endpoint, "PUSH")

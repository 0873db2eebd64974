"""Strangers who send what no message pays for: how much of it a turn of the loop takes, and what becomes of them."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest

import aiomq
from aiomq import Event
from aiomq.core import SocketCore
from aiomq.transports import turns
from aiomq.transports.accepting import LEAST_A_TURN
from aiomq.transports.connection import Connection
from aiomq.transports.listener import Listener
from aiomq.transports.reading import HANDSHAKE, Reading
from aiomq.transports.scratch import SCRATCH_BYTES
from aiomq.transports.turns import NARROW, SHARE, TURN, Turns, turns_for
from aiomq.zmtp.assembly import Assembly
from aiomq.zmtp.commands import CANCEL, JOIN, LEAVE, SUBSCRIBE, encode_ping
from tests.transports.scripted import BOUND, COMMAND, MORE, Script, Wire, frame, handshake, settled, until

FRAMES: Final = 20_000
"""Of one flood: many turns' worth."""

UNKNOWN: Final = frame(b"", COMMAND)
PING: Final = frame(encode_ping(0, b"x"), COMMAND)
LAST_PING: Final = frame(encode_ping(0, b"last"), COMMAND)

FLOODS: Final[dict[str, tuple[int, str, bytes]]] = {
    "unknown": (aiomq.PULL, "PUSH", UNKNOWN),
    "unknown to ROUTER": (aiomq.ROUTER, "DEALER", UNKNOWN),
    "pings": (aiomq.REP, "REQ", PING),
    "subscriptions": (aiomq.XPUB, "SUB", frame(SUBSCRIBE + b"a", COMMAND) + frame(CANCEL + b"a", COMMAND)),
    "subscriptions to PUB": (aiomq.PUB, "SUB", frame(SUBSCRIBE + b"a", COMMAND) + frame(CANCEL + b"a", COMMAND)),
    "subscriptions by message": (aiomq.PUB, "SUB", frame(b"\1a") + frame(b"\0a")),
    "subscriptions to PULL": (aiomq.PULL, "PUSH", frame(SUBSCRIBE + b"a", COMMAND)),
    "groups": (aiomq.RADIO, "DISH", frame(JOIN + b"a", COMMAND) + frame(LEAVE + b"a", COMMAND)),
    "parts": (aiomq.PULL, "PUSH", frame(b"x", MORE) * 100),
    "parts to PUSH": (aiomq.PUSH, "PULL", frame(b"x", MORE) * 100),
}


class Work:
    """Counts what is decoded between two turns of the loop."""

    def __init__(self) -> None:
        self.now = self.most = self.all = 0

    def add(self, count: int = 1) -> None:
        self.now += count
        self.all += count
        self.most = max(self.most, self.now)

    async def watch(self) -> None:
        while True:
            self.now = 0
            await asyncio.sleep(0)


async def answers(wire: Wire) -> AsyncIterator[bytes]:
    """Yield the frames that come back, up to the answer to the last PING."""
    body = b""
    while not body.endswith(b"last"):
        body = (await wire.frame())[1]
        yield body


@pytest.fixture
async def work(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Work]:
    """Return the count of frames that are put together, and of items that are received, in a turn."""
    counted = Work()

    def counting(function: Callable[..., Any], count: Callable[..., int]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            counted.add(count(*args))
            return function(*args)

        return wrapper

    monkeypatch.setattr(Assembly, "add", counting(Assembly.add, lambda *_: 1))
    received = counting(SocketCore.message_received, lambda _core, _peer, count: count)
    monkeypatch.setattr(SocketCore, "message_received", received)
    watcher = asyncio.create_task(counted.watch())
    yield counted
    watcher.cancel()


@pytest.fixture(params=["tcp", "ipc"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return an address to bind."""
    return "tcp://127.0.0.1:*" if request.param == "tcp" else f"ipc://{tmp_path}/flooded"


@pytest.mark.parametrize("name", FLOODS)
async def test_flood_takes_no_more_than_its_share_of_a_turn(
    context: aiomq.Context, script: Script, work: Work, address: str, name: str
) -> None:
    socket_type, other, unit = FLOODS[name]
    with context.socket(socket_type, commands_per_second=0, rcvhwm=TURN // 2) as server:  # what one decoding brings
        server.bind(address)
        wire = await script.greeted(server.last_endpoint, other)
        wire.send(unit * (FRAMES // (100 if "parts" in name else 1)))
        if "parts" in name:
            wire.send(frame(b"the end"))
        wire.send(LAST_PING)
        async with asyncio.timeout(BOUND):
            assert [body async for body in answers(wire)][-1].endswith(b"last")
        assert work.all >= FRAMES
        assert work.most <= 2 * (TURN + SHARE)  # where a frame is counted twice, as a part and as an item


@pytest.mark.parametrize("flooders", [20])
async def test_good_client_is_served_within_a_few_turns_of_many_flooders(
    context: aiomq.Context, script: Script, work: Work, flooders: int
) -> None:
    with context.socket(aiomq.ROUTER, commands_per_second=0) as server:
        server.bind("tcp://127.0.0.1:*")
        for _ in range(flooders):
            (await script.greeted(server.last_endpoint, "DEALER")).send(UNKNOWN * FRAMES)
        good = await script.greeted(server.last_endpoint, "DEALER")
        before = work.all
        good.send(frame(b"hello"))
        assert (await server.recv_multipart())[1] == b"hello"
        assert work.all - before < flooders * FRAMES / 2


async def test_flood_of_commands_ends_its_connection_and_no_other(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PULL, commands_per_second=1000) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        good = await script.greeted(pull.last_endpoint, "PUSH")
        for flood in (UNKNOWN, PING, frame(SUBSCRIBE, COMMAND), frame(JOIN + b"a", COMMAND)):
            wire = await script.greeted(pull.last_endpoint, "PUSH")
            wire.send(flood * 5000)
            told = await until(events, Event.DISCONNECTED)
            assert "more than 1000 commands that carry no message within a second" in told.reason
            await wire.ended()
        good.send(frame(b"still here"))
        assert await pull.recv() == b"still here"
        assert pull.counters.cut == 4
        assert pull.counters.over == {"commands_per_second": 4}


async def test_commands_at_a_pace_that_is_allowed_are_taken(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiomq.transports.reading._RATE_SECONDS", 0.0)  # all of them came later
    with context.socket(aiomq.PULL, commands_per_second=10) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        for _ in range(5):
            wire.send(PING * 10)
            for _ in range(10):
                assert (await wire.frame())[1].endswith(b"x")
        wire.send(frame(b"still here"))
        assert await pull.recv() == b"still here"


async def test_answers_to_many_pings_leave_in_one_write(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    answer = aiomq.transports.connection.Connection.send_commands

    def send_commands(connection: Any, bodies: list[bytes]) -> None:
        written.append(len(bodies))
        answer(connection, bodies)

    monkeypatch.setattr("aiomq.transports.connection.Connection.send_commands", send_commands)
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(PING * 500)
        for _ in range(500):
            assert (await wire.frame())[1].endswith(b"x")
        assert sum(written) == 500
        assert len(written) < 20


async def test_messages_behind_a_flood_arrive_when_the_connection_is_lost_meanwhile(
    context: aiomq.Context, script: Script, work: Work
) -> None:
    with context.socket(aiomq.PULL, commands_per_second=0) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(b"first") + UNKNOWN * FRAMES + frame(b"last"))
        await wire.drain()
        wire.close()
        assert [await pull.recv() for _ in range(2)] == [b"first", b"last"]
        assert work.most <= TURN + SHARE
        await settled(lambda: not pull.peers())


async def test_socket_closed_while_a_connection_waits_for_its_turn_leaves_nothing(
    context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.PULL, commands_per_second=0) as pull:
        pull.bind("tcp://127.0.0.1:*")
        loop = asyncio.get_running_loop()
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(UNKNOWN * FRAMES)
        await settled(lambda: bool(turns_for(loop)._waiting))
    await settled(lambda: not turns_for(loop)._waiting)
    assert pull.closed
    gc.collect()


async def test_connection_that_fails_in_its_turn_is_lost_and_others_are_not(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    with context.socket(aiomq.PULL, commands_per_second=0) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        good = await script.greeted(pull.last_endpoint, "PUSH")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        go_on = Reading.go_on

        def failing(connection: Reading) -> None:
            monkeypatch.setattr(Reading, "_pump", lambda _: (_ for _ in ()).throw(MemoryError("in its turn")))
            try:
                go_on(connection)
            finally:
                monkeypatch.undo()

        monkeypatch.setattr(Reading, "go_on", failing)
        wire.send(UNKNOWN * FRAMES)
        await until(events, Event.DISCONNECTED)
        good.send(frame(b"still here"))
        assert await pull.recv() == b"still here"
        assert [type(each["exception"]) for each in script.loop_errors] == [MemoryError]
        script.loop_errors.clear()


# -- turns by themselves ----------------------------------------------------------------------------------------------


class _Greedy:
    """Takes all that it is given, and wants more for a number of turns."""

    def __init__(self, shared: Turns, wants: int) -> None:
        self.shares: list[int] = []
        self._shared = shared
        self._wants = wants

    def go_on(self) -> None:
        self.shares.append(self._shared.allowance.left)
        self._shared.allowance.left = 0
        if len(self.shares) < self._wants:
            self._shared.wait(self)


async def test_turns_are_shared_and_each_that_waits_has_one_in_its_order() -> None:
    shared = Turns(asyncio.get_running_loop())
    many = [_Greedy(shared, 3) for _ in range(20)]
    for each in many:
        shared.wait(each)
    await settled(lambda: all(len(each.shares) == 3 for each in many))
    assert {share for each in many for share in each.shares} == {SHARE}
    await settled(lambda: shared.allowance.left == TURN)


class _Failing:
    def go_on(self) -> None:
        raise MemoryError("of one connection")


async def test_connection_that_fails_in_its_turn_takes_no_turn_from_others() -> None:
    loop = asyncio.get_running_loop()
    errors: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: errors.append(context))
    shared = Turns(loop)
    other = _Greedy(shared, 1)
    shared.wait(_Failing())
    shared.wait(other)
    await settled(lambda: bool(other.shares))
    loop.set_exception_handler(None)
    assert [type(each["exception"]) for each in errors] == [MemoryError]


async def test_turns_of_a_loop_are_the_same_for_all_its_connections() -> None:
    loop = asyncio.get_running_loop()
    assert turns_for(loop) is turns_for(loop)
    assert turns.turns_for(loop).loop is loop


# -- what else takes from a turn --------------------------------------------------------------------------------------


def connections_of(bound: aiomq.Socket) -> list[Connection]:
    """Return the connections that came in."""
    (listener,) = bound._core.endpoints
    assert isinstance(listener, Listener)
    return list(listener._connections)


async def test_handshake_that_finds_no_allowance_waits_for_its_turn(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Reading] = []
    wait = Reading._wait_turn

    def wait_turn(connection: Reading) -> None:
        waited.append(connection)
        wait(connection)

    def take_handshake(connection: Reading, data: memoryview) -> None:
        connection._allowance.left = 0
        take(connection, data)

    take = Reading._take_handshake
    monkeypatch.setattr(Reading, "_wait_turn", wait_turn)
    monkeypatch.setattr(Reading, "_take_handshake", take_handshake)
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(frame(b"hello"))
        assert await pull.recv() == b"hello"
    assert waited


async def test_crowd_that_leaves_at_once_is_seen_off_in_several_turns(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = Work()
    watcher = asyncio.create_task(ended.watch())
    end = Connection._end_loss

    def end_loss(connection: Connection) -> None:
        ended.add()
        end(connection)

    monkeypatch.setattr(Connection, "_end_loss", end_loss)
    monkeypatch.setattr(turns, "TURN", 40)
    turns_for(asyncio.get_running_loop()).allowance.left = 40
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wires = [await script.greeted(pull.last_endpoint, "PUSH") for _ in range(60)]
        await pull.wait_connected(60)
        for wire in wires:
            wire.abort()
        await settled(lambda: not pull.peers())
    watcher.cancel()
    assert ended.all == 60
    assert ended.most <= 2 * (40 // HANDSHAKE + 1)  # what a turn begins with, and what its allowance was renewed to


async def test_thin_traffic_is_read_in_small_pieces_and_plain_traffic_in_large_ones(
    context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.PULL, rcvhwm=0, commands_per_second=0) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        (connection,) = connections_of(pull)
        assert len(connection.get_buffer(-1)) == NARROW
        wire.send(frame(bytes(1000)) * 500)
        for _ in range(500):
            await pull.recv()
        assert len(connection.get_buffer(-1)) == SCRATCH_BYTES
        wire.send(UNKNOWN * 200_000 + frame(b"end"))
        assert await pull.recv() == b"end"
        assert len(connection.get_buffer(-1)) == NARROW


async def test_less_is_read_at_a_time_while_much_is_kept_undecoded(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "UNDECODED", 20_000)
    shared = turns_for(asyncio.get_running_loop())
    with context.socket(aiomq.PULL, rcvhwm=10) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        (connection,) = connections_of(pull)
        connection._scratch = connection._wide
        wire.send(frame(bytes(1000)) * 1000)
        await settled(lambda: shared.is_crowded)
        assert len(connection.get_buffer(-1)) == NARROW
        for _ in range(1000):
            await pull.recv()
        await settled(lambda: not shared.is_crowded)
        wire.send(frame(bytes(1000)) * 1000)
        await settled(lambda: shared.is_crowded)
        wire.abort()
        for _ in range(1000):
            if not await pull.poll(0):
                break
            await pull.recv()
        await settled(lambda: not shared.is_crowded)


async def test_inbox_that_runs_low_is_refilled_in_a_later_turn_where_the_allowance_is_used_up(
    context: aiomq.Context, script: Script
) -> None:
    shared = turns_for(asyncio.get_running_loop())
    with context.socket(aiomq.PULL, rcvhwm=10) as pull:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.greeted(pull.last_endpoint, "PUSH")
        wire.send(b"".join(frame(str(number).encode()) for number in range(100)))
        got = []
        for _ in range(100):
            shared.allowance.left = min(shared.allowance.left, 0)
            got.append(int(await pull.recv()))
        assert got == list(range(100))


async def test_few_are_accepted_in_a_turn_whose_allowance_is_used_up(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived = Work()
    arrive = Listener.arrived
    shared = turns_for(asyncio.get_running_loop())

    def counting(listener: Any, sock: Any, name: object) -> None:
        arrived.add()
        shared.allowance.left = 0
        arrive(listener, sock, name)

    monkeypatch.setattr(Listener, "arrived", counting)
    with context.socket(aiomq.PULL, backlog=200) as pull:
        pull.bind("tcp://127.0.0.1:*")
        await asyncio.sleep(0)
        host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
        socks = [socket.create_connection((host, int(port)), timeout=BOUND) for _ in range(100)]
        watcher = asyncio.create_task(arrived.watch())
        await settled(lambda: arrived.all == 100)
        watcher.cancel()
        for sock in socks:
            sock.close()
    assert arrived.most <= 2 * LEAST_A_TURN


async def test_handshake_that_arrives_in_pieces_while_it_waits_keeps_its_order(
    context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        await script.dial(pull.last_endpoint)
        await settled(lambda: bool(connections_of(pull)))
        (connection,) = connections_of(pull)
        said = memoryview(handshake("PUSH"))
        connection._allowance.left = 0
        connection._take_handshake(said[:70])
        connection._allowance.left = 100  # others may have some left, and yet it is not this one's turn
        connection._take_handshake(said[70:])
        async with asyncio.timeout(BOUND):
            await pull.wait_connected()

"""PARITY section 11, making, losing and ending connections: points 1 to 4, 10 and 11."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import Event
from aiomq.options import default_options
from aiomq.transports.dialer import Backoff
from tests.parity.subjects import Make, Subject, failing
from tests.transports.scripted import COMMAND, GREETING, Script, Wire, closed_port, frame, handshake

TYPES: Final = ["PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"]


async def ended_for_good(subject: Subject) -> list[str]:
    """Close a subject and return the names of what it told since it was watched."""
    subject.close()
    return [name for name, _ in await subject.told_until(Event.MONITOR_STOPPED)]


# -- 1: LINGER --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TYPES)
def test_parity_11_01_linger_is_none_for_subscribers_and_unlimited_for_others(name: str) -> None:
    with aiomq.Context() as context, context.socket(getattr(aiomq, name)) as ours:
        found = ours.linger
    with zmq.Context() as judge, judge.socket(getattr(zmq, name)) as theirs:
        expected = theirs.linger
    assert found == expected == (0 if name in {"SUB", "XSUB"} else -1)


# -- 2: RECONNECT_IVL -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ivl", [0, -1])
async def test_parity_11_02_interval_zero_is_never_after_a_loss(make: Make, script: Script, ivl: int) -> None:
    acceptor = await script.listen()
    push = make(aiomq.PUSH, reconnect_ivl=ivl)
    push.watch()
    push.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await wire.greet("PULL")
    wire.close()
    await push.told_until(Event.DISCONNECTED)
    assert "CONNECT_RETRIED" not in await ended_for_good(push)
    assert acceptor.waiting == 0


@pytest.mark.parametrize("ivl", [0, -1])
async def test_parity_11_02_interval_zero_is_never_after_a_refusal(make: Make, script: Script, ivl: int) -> None:
    push = make(aiomq.PUSH, reconnect_ivl=ivl)
    push.watch()
    push.connect(closed_port(script.bound()))
    assert [name for name, _ in await push.told_until(Event.CLOSED)] == ["CONNECT_DELAYED", "CLOSED"]
    assert "CONNECT_RETRIED" not in await ended_for_good(push)


# -- 3: the wait ------------------------------------------------------------------------------------------------------


def test_parity_11_03_jitter_without_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    options = default_options(aiomq.SocketType.PUSH)
    drawn = iter([0, 42, 99])
    monkeypatch.setattr("random.randrange", lambda limit: next(drawn) if limit == 100 else pytest.fail(f"of {limit}"))
    assert [Backoff(options).next_ms() for _ in range(3)] == [100, 142, 199]


def test_parity_11_03_no_jitter_with_back_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.randrange", lambda limit: pytest.fail("no jitter with back-off"))
    options = default_options(aiomq.SocketType.PUSH)
    options.reconnect_ivl, options.reconnect_ivl_max = 10, 75
    backoff = Backoff(options)
    assert [backoff.next_ms() for _ in range(5)] == [10, 20, 40, 75, 75]
    backoff.reset()
    assert backoff.next_ms() == 10


@pytest.mark.parametrize(("ivl", "ivl_max", "expected"), [(1, 5, [1, 2, 4, 5, 5]), (3, 3, [3] * 5), (9, 2, [2] * 5)])
async def test_parity_11_03_waits_with_back_off(
    make: Make, script: Script, ivl: int, ivl_max: int, expected: list[int]
) -> None:
    push = make(aiomq.PUSH, reconnect_ivl=ivl, reconnect_ivl_max=ivl_max)
    push.watch()
    push.connect(closed_port(script.bound()))
    told = await push.told_until(Event.CONNECT_RETRIED, 5)
    assert [value for name, value in told if name == "CONNECT_RETRIED"] == expected


async def test_parity_11_03_waits_with_jitter(make: Make, script: Script) -> None:
    push = make(aiomq.PUSH, reconnect_ivl=4)
    push.watch()
    push.connect(closed_port(script.bound()))
    told = await push.told_until(Event.CONNECT_RETRIED, 5)
    assert all(4 <= value < 8 for name, value in told if name == "CONNECT_RETRIED")


async def test_parity_11_03_back_off_begins_anew_with_every_connection(
    make: Make, script: Script, request: pytest.FixtureRequest
) -> None:
    """In aiomq with every handshake (decision 009): a server that accepts and closes is not asked a hundred times."""
    acceptor = await script.listen()
    push = make(aiomq.PUSH, reconnect_ivl=1, reconnect_ivl_max=1000)
    push.watch()
    push.connect(acceptor.endpoint)
    waits = []
    for _ in range(4):
        (await script.accepted(acceptor)).close()
        waits.append((await push.told_until(Event.CONNECT_RETRIED))[-1][1])
    assert waits == {"libzmq": [1, 1, 1, 1], "aiomq": [1, 2, 4, 8]}[request.node.callspec.params["make"]]


# -- 4: what ends reconnecting for ever -------------------------------------------------------------------------------


async def _after_ready(wire: Wire, said: bytes) -> None:
    await wire.greet("PULL")
    wire.send(said)


async def _wrong_type(wire: Wire) -> None:
    wire.send(handshake("PUB"))


async def _other_mechanism(wire: Wire) -> None:
    wire.send(GREETING.replace(b"NULL\0", b"CURVE"))


async def _error_command(wire: Wire) -> None:
    wire.send(GREETING)
    await wire.read(len(GREETING))
    await wire.frame()
    wire.send(frame(b"\x05ERROR\x07no more", COMMAND))


async def _too_large(wire: Wire) -> None:
    await _after_ready(wire, frame(bytes(65)))


async def _silence(wire: Wire) -> None:
    await wire.read(10)


async def _no_sign_of_life(wire: Wire) -> None:
    await wire.greet("PULL")


async def _goodbye(wire: Wire) -> None:
    await wire.greet("PULL")
    wire.close()


@pytest.mark.parametrize("deed", [_wrong_type, _other_mechanism, _error_command, _too_large])
async def test_parity_11_04_a_protocol_error_ends_reconnecting(
    make: Make, script: Script, deed: Callable[[Wire], None]
) -> None:
    acceptor = await script.listen()
    subject = make(aiomq.PUSH, reconnect_ivl=1, maxmsgsize=64)
    subject.watch()
    subject.connect(acceptor.endpoint)
    wire = await script.accepted(acceptor)
    await deed(wire)  # type: ignore[func-returns-value,misc]  # each is a coroutine function
    await wire.ended()
    told = await subject.told_until(Event.DISCONNECTED)
    assert told[-1][0] == "DISCONNECTED"
    assert "CONNECT_RETRIED" not in await ended_for_good(subject)
    assert acceptor.waiting == 0


@pytest.mark.parametrize("deed", [_silence, _no_sign_of_life, _goodbye])
async def test_parity_11_04_silence_and_goodbye_do_not_end_reconnecting(
    make: Make, script: Script, deed: Callable[[Wire], None]
) -> None:
    acceptor = await script.listen()
    subject = make(aiomq.PUSH, reconnect_ivl=1, handshake_ivl=30, heartbeat_ivl=10)
    subject.watch()
    subject.connect(acceptor.endpoint)
    await deed(await script.accepted(acceptor))  # type: ignore[func-returns-value,misc]  # each is a coroutine function
    told = await subject.told_until(Event.CONNECT_RETRIED)
    assert [name for name, _ in told[-2:]] == ["DISCONNECTED", "CONNECT_RETRIED"]
    await (await script.accepted(acceptor)).greet("PULL")


# -- 10: connecting twice ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [each for each in TYPES if each != "PAIR"])  # which has one peer at most
async def test_parity_11_10_a_second_connect_to_one_endpoint_counts_for_some(
    make: Make, script: Script, name: str
) -> None:
    acceptor = await script.listen()
    subject = make(getattr(aiomq, name))
    subject.watch()
    subject.connect(acceptor.endpoint)
    subject.connect(acceptor.endpoint)
    expected = 1 if name in {"DEALER", "SUB", "PUB", "REQ"} else 2
    wires = [await script.accepted(acceptor) for _ in range(expected)]
    for each in wires:
        await each.read(10)
    told = await ended_for_good(subject)
    assert told.count("CONNECTED") == expected
    assert acceptor.waiting == 0


async def test_parity_11_10_disconnect_ends_all_connects_to_the_endpoint(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    push = make(aiomq.PUSH)
    for _ in range(2):
        push.connect(acceptor.endpoint)
    push.disconnect(acceptor.endpoint)
    with failing(errno.ENOENT):
        push.disconnect(acceptor.endpoint)


# -- 11: unbind -------------------------------------------------------------------------------------------------------


async def test_parity_11_11_unbind_takes_the_real_endpoint_alone(make: Make) -> None:
    pull = make(aiomq.PULL)
    endpoint = pull.bind("tcp://*:*")
    port = endpoint.rpartition(":")[2]
    for other in ("tcp://*:*", f"tcp://*:{port}", "tcp://127.0.0.1:9"):
        with failing(errno.ENOENT):
            pull.unbind(other)
    pull.unbind(endpoint)
    with failing(errno.ENOENT):
        pull.unbind(endpoint)


async def test_parity_11_11_disconnect_of_what_is_not_connected(make: Make) -> None:
    push = make(aiomq.PUSH)
    with failing(errno.ENOENT):
        push.disconnect("tcp://127.0.0.1:9")

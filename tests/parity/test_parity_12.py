"""PARITY section 12: where libzmq's manual and its code part, aiomq goes with the code.

What libzmq 4.3.5 shows is compared with it; what only a build with draft options has is told in a comment.
"""

from __future__ import annotations

import errno

import pytest
import zmq

import aiomq
from aiomq import Event, ReconnectStop
from aiomq.options import default_options
from aiomq.socket_types import COMPATIBLE
from aiomq.transports.dialer import Backoff
from tests.parity.subjects import Make, failing
from tests.transports.judge import Judge
from tests.transports.scripted import Script, closed_port


def test_parity_12_the_peer_of_scatter_is_gather() -> None:
    assert COMPATIBLE[aiomq.SCATTER] == {aiomq.GATHER}
    assert COMPATIBLE[aiomq.GATHER] == {aiomq.SCATTER}


@pytest.mark.parametrize("size", [16, 17, 255])
async def test_parity_12_a_group_has_up_to_255_bytes(context: aiomq.Context, size: int) -> None:
    with context.socket(aiomq.DISH) as dish:
        dish.join(b"g" * size)
        with pytest.raises(aiomq.ZMQError):
            dish.join(b"g" * 256)


def test_parity_12_buffers_are_the_systems_by_default() -> None:
    with aiomq.Context() as context, context.socket(aiomq.PAIR) as ours:
        found = (ours.sndbuf, ours.rcvbuf)
    with zmq.Context() as judge, judge.socket(zmq.PAIR) as theirs:
        expected = (theirs.sndbuf, theirs.rcvbuf)
    assert found == expected == (-1, -1)


@pytest.mark.parametrize("ivl", [0, -1])
async def test_parity_12_an_interval_of_zero_is_never_too(make: Make, script: Script, ivl: int) -> None:
    push = make(aiomq.PUSH, reconnect_ivl=ivl)
    push.watch()
    push.connect(closed_port(script.bound()))
    assert [name for name, _ in await push.told_until(Event.CLOSED)] == ["CONNECT_DELAYED", "CLOSED"]
    push.close()
    assert "CONNECT_RETRIED" not in [name for name, _ in await push.told_until(Event.MONITOR_STOPPED)]


def test_parity_12_a_maximum_below_the_interval_is_the_interval() -> None:
    # The same with the waits that libzmq tells of: test_parity_11_03_waits_with_back_off.
    options = default_options(aiomq.SocketType.PUSH)
    options.reconnect_ivl, options.reconnect_ivl_max = 100, 20
    backoff = Backoff(options)
    assert [backoff.next_ms() for _ in range(3)] == [20, 20, 20]


def test_parity_12_the_timeout_of_heartbeats_is_minus_one_by_default() -> None:
    # What comes of it on the wire: test_parity_11_18_timeout_defaults_to_the_interval.
    with aiomq.Context() as context, context.socket(aiomq.PAIR) as ours:
        found = ours.heartbeat_timeout
    with zmq.Context() as judge, judge.socket(zmq.PAIR) as theirs:
        expected = theirs.heartbeat_timeout
    assert found == expected == -1


@pytest.mark.parametrize(("name", "expected"), [("SUB", 0), ("XSUB", 0), ("DISH", 0), ("PUB", -1), ("RADIO", -1)])
def test_parity_12_linger_is_none_for_subscribers(name: str, expected: int) -> None:
    with aiomq.Context() as context, context.socket(getattr(aiomq, name)) as socket:
        assert socket.linger == expected


@pytest.mark.parametrize("option", ["IN_BATCH_SIZE", "OUT_BATCH_SIZE"])
def test_parity_12_batches_are_counted_in_bytes(option: str) -> None:
    with aiomq.Context() as context, context.socket(aiomq.PAIR) as socket:
        assert socket.get(option) == 8192


async def test_parity_12_reconnect_stop_after_disconnect_is_not_about_lost_connections(
    context: aiomq.Context, script: Script
) -> None:
    # It is about `disconnect`, for which libzmq looks at it over ipc alone: tests/transports/test_reconnect_stop.py.
    acceptor = await script.listen()
    with context.socket(aiomq.PUSH, linger=0, reconnect_ivl=1) as push:
        push.set(aiomq.RECONNECT_STOP, ReconnectStop.AFTER_DISCONNECT)
        push.connect(acceptor.endpoint)
        for _ in range(2):
            wire = await script.accepted(acceptor)
            await wire.greet("PULL")
            wire.close()


async def test_parity_12_a_pair_connects_again(make: Make, script: Script) -> None:
    acceptor = await script.listen()
    pair = make(aiomq.PAIR, reconnect_ivl=1)
    pair.connect(acceptor.endpoint)
    for number in (b"1", b"2"):
        wire = await script.accepted(acceptor)
        await wire.greet("PAIR")
        await pair.send(number)
        assert await wire.frame() == (0, number)
        wire.close()


@pytest.mark.parametrize("text", [b"X-a:b", b"X-:bc", b"X-long-name:and a long value"])
async def test_parity_12_metadata_is_announced(make: Make, script: Script, text: bytes) -> None:
    push = make(aiomq.PUSH)
    push.set("metadata", text)
    acceptor = await script.listen()
    push.connect(acceptor.endpoint)
    name, _, value = text.partition(b":")
    assert (await (await script.accepted(acceptor)).greet("PULL"))[name.decode()] == value


@pytest.mark.parametrize("text", [b"X-a:", b"X-a", b":b", b"Y-a:b", b"X-" + b"a" * 254 + b":b"])
async def test_parity_12_metadata_of_another_form_is_refused(make: Make, text: bytes) -> None:
    with failing(errno.EINVAL):
        make(aiomq.PUSH).set("metadata", text)


async def test_parity_12_metadata_of_four_bytes_is_taken_by_aiomq_alone(context: aiomq.Context, judge: Judge) -> None:
    # libzmq takes it for an integer, by its length, and refuses it.
    with context.socket(aiomq.PUSH) as ours:
        ours.set(aiomq.METADATA, b"X-:b")
    with pytest.raises(zmq.ZMQError):
        judge.socket(zmq.PUSH).setsockopt(zmq.METADATA, b"X-:b")

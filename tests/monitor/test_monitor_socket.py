"""Events as messages: pyzmq's ways to a monitor, and the frames of libzmq's, compared with the real ones."""

from __future__ import annotations

import asyncio
import errno
import struct
from collections.abc import Awaitable, Callable

import pytest
import zmq
import zmq.utils.monitor

import aiomq
import aiomq.monitor_socket
from aiomq import Event
from tests.sockets.links import in_thread
from tests.transports.judge import Judge, receive
from tests.transports.scripted import BOUND, Script, closed_port

Read = Callable[[], Awaitable[list[bytes]]]


async def until(reader: aiomq.Socket, last: Event) -> list[Event]:
    """Receive events up to one."""
    seen: list[Event] = []
    while not seen or seen[-1] is not last:
        seen.append((await aiomq.recv_monitor_message(reader))["event"])
    return seen


async def test_get_monitor_socket_gives_every_event_to_the_last(context: aiomq.Context) -> None:
    with (
        context.socket(aiomq.PULL) as pull,
        context.socket(aiomq.PUSH) as push,
        pull.get_monitor_socket() as reader,
    ):
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.last_endpoint)
        seen = await until(reader, Event.HANDSHAKE_SUCCEEDED)
        pull.close()
        seen += await until(reader, Event.MONITOR_STOPPED)
    assert seen == [
        Event.LISTENING,
        Event.ACCEPTED,
        Event.HANDSHAKE_SUCCEEDED,
        Event.CLOSED,
        Event.MONITOR_STOPPED,
    ]


async def test_get_monitor_socket_again_gives_the_same_one_until_it_is_disabled(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull, pull.get_monitor_socket() as reader:
        assert pull.get_monitor_socket() is reader
        pull.disable_monitor()
        assert await until(reader, Event.MONITOR_STOPPED) == [Event.MONITOR_STOPPED]
        pull.bind("tcp://127.0.0.1:*")
        with pull.get_monitor_socket(addr="inproc://named") as other:
            assert other is not reader
            pull.unbind(pull.last_endpoint)
            assert await until(other, Event.CLOSED) == [Event.CLOSED]


async def test_get_monitor_socket_with_events_gives_no_others(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        wanted = Event.CONNECT_RETRIED | Event.MONITOR_STOPPED
        with push.get_monitor_socket(events=wanted) as reader:
            push.connect(closed_port(script.bound()))
            assert await until(reader, Event.CONNECT_RETRIED) == [Event.CONNECT_RETRIED]
            push.close()
            assert set(await until(reader, Event.MONITOR_STOPPED)) <= {Event.CONNECT_RETRIED, Event.MONITOR_STOPPED}


async def test_monitor_with_events_iterates_no_others(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        events = pull.monitor(events=Event.CLOSED)
        pull.bind("tcp://127.0.0.1:*")
        pull.close()
        assert [event.event async for event in events] == [Event.CLOSED]


async def test_monitor_message_is_the_same_for_both_libraries(
    context: aiomq.Context, judge: Judge, script: Script
) -> None:
    endpoint = closed_port(script.bound())
    theirs = judge.socket(zmq.PUSH, reconnect_ivl=30_000)
    their_events = judge.monitor(theirs)
    theirs.connect(endpoint)
    with context.socket(aiomq.PUSH, reconnect_ivl=30_000) as push, push.get_monitor_socket() as reader:
        push.connect(endpoint)
        frames = await reader.recv_multipart()
        expected = await receive(their_events)

        assert frames == expected
        assert aiomq.parse_monitor_message(frames) == zmq.utils.monitor.parse_monitor_message(expected)
        assert (await aiomq.recv_monitor_message(reader))["event"] is Event.CLOSED


async def test_monitor_of_version_2_has_both_ends_of_a_connection(context: aiomq.Context) -> None:
    with (
        context.socket(aiomq.PULL) as pull,
        context.socket(aiomq.PUSH) as push,
        context.socket(aiomq.PAIR) as here,
        context.socket(aiomq.PULL) as there,
    ):
        pull.monitor("inproc://bound", version=2)
        push.monitor("inproc://connected", Event.CONNECTED, version=2, socket_type=aiomq.PUSH)
        here.connect("inproc://bound")
        there.connect("inproc://connected")
        pull.bind("tcp://127.0.0.1:*")
        endpoint = pull.last_endpoint.encode()
        push.connect(pull.last_endpoint)

        listening, accepted = await here.recv_multipart(), await here.recv_multipart()
        connected = await there.recv_multipart()

    assert number(listening[0]) == Event.LISTENING
    assert number(listening[1]) == 1
    assert listening[3:] == [endpoint, b""]
    assert number(accepted[0]) == Event.ACCEPTED
    assert number(connected[0]) == Event.CONNECTED
    assert accepted[3:] == [endpoint, connected[3]]
    assert connected[4] == endpoint


def number(frame: bytes) -> int:
    """Return the number in a frame of version 2."""
    value: int = struct.unpack("=Q", frame)[0]
    return value


async def test_monitor_pipes_stats_tells_the_lengths_of_both_queues(context: aiomq.Context) -> None:
    with context.socket(aiomq.DEALER) as one, context.socket(aiomq.DEALER) as other:
        with pytest.raises(aiomq.ZMQError) as refused:
            one.monitor_pipes_stats()
        assert refused.value.errno == errno.EINVAL
        with one.monitor() as events:
            with pytest.raises(aiomq.ZMQError) as refused:
                one.monitor_pipes_stats()
            assert refused.value.errno == errno.EAGAIN
            one.bind("inproc://stats")
            other.connect("inproc://stats")
            await one.send_many([b"1", b"2", b"3"])
            await other.send(b"4")
            one.monitor_pipes_stats()
            told = await anext(events)
    assert (told.event, told.values) == (Event.PIPES_STATS, (3, 1))


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("tcp://127.0.0.1:5555", None, 1, aiomq.PAIR), errno.EPROTONOSUPPORT),
        (("inproc://a", 0x10000, 1, aiomq.PAIR), errno.EINVAL),
        (("inproc://a", None, 3, aiomq.PAIR), errno.EINVAL),
        (("inproc://a", None, 1, aiomq.PUB), errno.EINVAL),
        (("inproc://a", None, 2, aiomq.DEALER), errno.EINVAL),
    ],
)
async def test_monitor_of_an_impossible_kind_is_refused_and_leaves_the_one_there_is(
    context: aiomq.Context, arguments: tuple[str, int | None, int, int], number: int
) -> None:
    addr, events, version, socket_type = arguments
    with context.socket(aiomq.PULL) as pull, pull.get_monitor_socket() as reader:
        with pytest.raises(aiomq.ZMQError) as refused:
            pull.monitor(addr, events, version=version, socket_type=socket_type)
        assert refused.value.errno == number
        pull.bind("tcp://127.0.0.1:*")
        assert await until(reader, Event.LISTENING) == [Event.LISTENING]


async def test_monitor_at_a_name_in_use_is_refused(context: aiomq.Context) -> None:
    with context.socket(aiomq.PAIR) as taken, context.socket(aiomq.PULL) as pull:
        taken.bind("inproc://taken")
        with pytest.raises(aiomq.ZMQError) as refused:
            pull.monitor("inproc://taken")
        assert refused.value.errno == errno.EADDRINUSE
        pull.disable_monitor()


async def test_monitor_events_before_anybody_reads_are_kept(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PAIR) as reader:
        pull.monitor("inproc://late")
        pull.bind("tcp://127.0.0.1:*")
        await asyncio.sleep(0)
        reader.connect("inproc://late")
        assert await until(reader, Event.LISTENING) == [Event.LISTENING]


async def test_monitor_that_nobody_reads_is_bounded_and_holds_up_nothing(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aiomq.monitor_socket, "MAX_EVENTS", 5)
    context.hwm = 2
    with context.socket(aiomq.PULL) as pull, pull.get_monitor_socket() as reader:
        for _ in range(20):
            pull.bind("tcp://127.0.0.1:*")
            pull.unbind(pull.last_endpoint)
        seen = [await aiomq.recv_monitor_message(reader) for _ in range(9)]
        assert [each["event"] for each in seen[:2]] == [Event.LISTENING, Event.CLOSED]
        assert seen[-1]["endpoint"].decode() == pull.last_endpoint  # the newest was kept
        with pytest.raises(aiomq.Again):
            reader.recv_nowait()


async def test_monitor_made_without_a_loop_works_in_one(context: aiomq.Context) -> None:
    def make() -> tuple[aiomq.Socket, aiomq.Socket]:
        pull = context.socket(aiomq.PULL)
        reader = pull.get_monitor_socket()
        pull.bind("tcp://127.0.0.1:*")
        return pull, reader

    async def read() -> list[Event]:
        with sockets[0], sockets[1]:
            with pytest.raises(aiomq.Again):
                pull_nothing(sockets[0])
            return await until(sockets[1], Event.LISTENING)

    sockets = await asyncio.to_thread(make)
    assert await in_thread(read) == [Event.LISTENING]


def pull_nothing(pull: aiomq.Socket) -> None:
    """Use a socket for the first time."""
    pull.recv_nowait()


async def test_monitor_of_a_socket_can_be_read_in_another_thread(context: aiomq.Context) -> None:
    async def read() -> list[Event]:
        with context.socket(aiomq.PAIR, rcvtimeo=BOUND * 1000) as reader:
            reader.connect("inproc://elsewhere")
            return await until(reader, Event.MONITOR_STOPPED)

    with context.socket(aiomq.PULL) as pull:
        pull.monitor("inproc://elsewhere")
        reading = asyncio.create_task(in_thread(read))
        pull.bind("tcp://127.0.0.1:*")
        await asyncio.sleep(0)
        pull.unbind(pull.last_endpoint)
        while not pull.closed:
            await asyncio.sleep(0)
            if _has_peer(pull):
                pull.close()
    assert await reading == [Event.LISTENING, Event.CLOSED, Event.MONITOR_STOPPED]


def _has_peer(pull: aiomq.Socket) -> bool:
    sender = pull._monitor_sender
    return sender is not None and not pull.closed and bool(sender._socket._core.peers) and not sender._waiting


@pytest.mark.parametrize("frames", [[], [b"123456"], [b"12345", b"tcp://*"], [b"123456", b"a", b"b"]])
def test_parse_monitor_message_of_something_else_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(ValueError, match="monitor message"):
        aiomq.parse_monitor_message(frames)

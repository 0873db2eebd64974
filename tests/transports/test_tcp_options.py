"""tcp: the options that reach the operating system's socket, at both ends of a connection and as in libzmq."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import pytest
import zmq

import aiomq
from aiomq import Event
from tests.transports.scripted import Script, closed_port, until

OPTIONS: Final = [
    ("sndbuf", 65536, socket.SOL_SOCKET, socket.SO_SNDBUF),
    ("rcvbuf", 65536, socket.SOL_SOCKET, socket.SO_RCVBUF),
    ("tcp_keepalive", 1, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    ("tcp_keepalive", 0, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    ("tcp_keepalive", -1, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    ("tos", 0x28, socket.IPPROTO_IP, socket.IP_TOS),
    ("tcp_maxrt", 4000, socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", None)),
    ("linger", 0, socket.IPPROTO_TCP, socket.TCP_NODELAY),
    ("backlog", 5, socket.SOL_SOCKET, socket.SO_KEEPALIVE),
]
KEEPALIVE: Final = [
    ("tcp_keepalive_cnt", 7, "TCP_KEEPCNT"),
    ("tcp_keepalive_idle", 70, "TCP_KEEPIDLE"),
    ("tcp_keepalive_intvl", 11, "TCP_KEEPINTVL"),
]


@contextmanager
def borrowed(descriptor: int) -> Iterator[socket.socket]:
    """Give a second handle to somebody's socket."""
    with socket.socket(fileno=os.dup(descriptor)) as sock:
        yield sock


@asynccontextmanager
async def connected(context: aiomq.Context, **options: int) -> AsyncIterator[tuple[int, int]]:
    """Give the descriptors of an accepted and of a dialed connection between two sockets with these options."""
    with (
        context.socket(aiomq.PULL, **options) as pull,
        context.socket(aiomq.PUSH, **options) as push,
        pull.monitor() as pull_events,
        push.monitor() as push_events,
    ):
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.last_endpoint)
        accepted = await until(pull_events, Event.ACCEPTED)
        dialed = await until(push_events, Event.CONNECTED)
        await until(pull_events, Event.HANDSHAKE_SUCCEEDED)
        yield accepted.value, dialed.value


def value_in_libzmq(option: str, value: int, level: int, name: int) -> int:
    """Return what libzmq makes of an option, at its dialed connection."""
    with zmq.Context() as judge, judge.socket(zmq.PULL) as pull, judge.socket(zmq.PUSH) as push:
        pull.linger = push.linger = 0
        setattr(push, option, value)
        events = push.get_monitor_socket()
        events.rcvtimeo = 5000
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.getsockopt_string(zmq.LAST_ENDPOINT))
        while True:
            event, _ = events.recv_multipart()
            if int.from_bytes(event[:2], "little") == zmq.EVENT_CONNECTED:
                break
        with borrowed(int.from_bytes(event[2:6], "little")) as sock:
            found = sock.getsockopt(level, name)
        push.disable_monitor()
        events.close(0)
    return found


@pytest.mark.parametrize(("option", "value", "level", "name"), OPTIONS)
async def test_an_option_reaches_both_sockets_as_in_libzmq(
    context: aiomq.Context, option: str, value: int, level: int, name: int | None
) -> None:
    if name is None:
        pytest.skip("this system has no such option")
    expected = value_in_libzmq(option, value, level, name)
    async with connected(context, **{option: value}) as descriptors:
        for each in descriptors:
            with borrowed(each) as sock:
                assert sock.getsockopt(level, name) == expected


@pytest.mark.parametrize(("option", "value", "name"), KEEPALIVE)
async def test_keepalive_details_reach_both_sockets(context: aiomq.Context, option: str, value: int, name: str) -> None:
    if not hasattr(socket, name):
        pytest.skip("this system has no such option")
    async with connected(context, tcp_keepalive=1, **{option: value}) as descriptors:
        for each in descriptors:
            with borrowed(each) as sock:
                assert sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value


@pytest.mark.skipif(not hasattr(socket, "SO_PRIORITY"), reason="SO_PRIORITY is Linux's")
async def test_priority_reaches_the_dialed_socket(context: aiomq.Context) -> None:
    async with connected(context, priority=3) as (_, dialed):
        with borrowed(dialed) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == 3


@pytest.mark.skipif(not hasattr(socket, "SO_BINDTODEVICE"), reason="SO_BINDTODEVICE is Linux's")
async def test_bindtodevice_reaches_the_listener_or_is_refused(context: aiomq.Context) -> None:
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")
        except PermissionError:
            pytest.skip("not permitted here")
    with context.socket(aiomq.PULL, bindtodevice="lo") as pull, pull.monitor() as events:
        pull.bind("tcp://*:*")
        with borrowed((await until(events, Event.LISTENING)).value) as sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
        pull.bindtodevice = "no-such-device"
        with pytest.raises(aiomq.ZMQBindError, match="No such device") as refused:
            pull.bind("tcp://*:*")
    assert refused.value.errno == errno.ENODEV


async def test_options_set_after_connect_are_for_the_next_connect(context: aiomq.Context, script: Script) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        sock = script.bound()
        push.connect(closed_port(sock))
        push.tos = 0x28
        acceptor = await script.listen(sock)
        await script.accepted(acceptor)
        with borrowed((await until(events, Event.CONNECTED)).value) as dialed:
            assert dialed.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0
        second = await script.listen()
        push.connect(second.endpoint)
        await script.accepted(second)
        with borrowed((await until(events, Event.CONNECTED)).value) as dialed:
            assert dialed.getsockopt(socket.IPPROTO_IP, socket.IP_TOS) == 0x28

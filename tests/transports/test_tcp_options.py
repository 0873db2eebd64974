"""tcp: the options that reach the operating system's socket, at both ends of a connection and as in libzmq."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
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
async def test_priority_reaches_both_sockets(context: aiomq.Context) -> None:
    async with connected(context, priority=3) as descriptors:
        for each in descriptors:
            with borrowed(each) as sock:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == 3


@pytest.mark.skipif(not hasattr(socket, "SO_PRIORITY"), reason="SO_PRIORITY is Linux's")
async def test_priority_that_the_system_refuses_is_an_error_of_the_bind_and_of_each_attempt(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Strict(socket.socket):
        def setsockopt(self, level: int, name: int, value: int) -> None:  # type: ignore[override]  # the only form used
            if name == socket.SO_PRIORITY:
                raise PermissionError(errno.EPERM, "Operation not permitted")
            super().setsockopt(level, name, value)

    with context.socket(aiomq.PULL, priority=7, reconnect_ivl=1) as pull, pull.monitor() as events:
        monkeypatch.setattr(socket, "socket", Strict)
        with pytest.raises(aiomq.ZMQBindError, match="Operation not permitted"):
            pull.bind("tcp://127.0.0.1:*")
        pull.connect("tcp://127.0.0.1:9")
        assert "Operation not permitted" in (await until(events, Event.CONNECT_RETRIED)).reason
    monkeypatch.undo()


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="the system tells no backlog")
async def test_backlog_is_that_of_the_listener(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, backlog=7) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        descriptor = (await until(events, Event.LISTENING)).value
        await asyncio.sleep(0)
        with borrowed(descriptor) as sock:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    assert int.from_bytes(info[28:32], sys.byteorder) == 7  # tcpi_sacked: for a listener it is the backlog


async def test_ipv6_listener_takes_both_families_and_without_it_one_alone(context: aiomq.Context) -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    found = []
    for ipv6 in (0, 1):
        with context.socket(aiomq.PULL, ipv6=ipv6) as pull, pull.monitor() as events:
            pull.bind("tcp://*:*")
            with borrowed((await until(events, Event.LISTENING)).value) as sock:
                v6only = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) if ipv6 else None
                found.append((sock.family, v6only))
    assert found == [(socket.AF_INET, None), (socket.AF_INET6, 0)]


@pytest.mark.parametrize(("option", "name"), [("sndbuf", socket.SO_SNDBUF), ("rcvbuf", socket.SO_RCVBUF)])
async def test_buffer_sizes_reach_both_sockets_of_an_ipc_connection(
    context: aiomq.Context, option: str, name: int
) -> None:
    with (
        context.socket(aiomq.PULL, **{option: 65536}) as pull,
        context.socket(aiomq.PUSH, **{option: 65536}) as push,
        pull.monitor() as pull_events,
        push.monitor() as push_events,
    ):
        pull.bind("ipc://*")
        push.connect(pull.last_endpoint)
        accepted, dialed = await until(pull_events, Event.ACCEPTED), await until(push_events, Event.CONNECTED)
        await until(pull_events, Event.HANDSHAKE_SUCCEEDED)
        for each in (accepted, dialed):
            with borrowed(each.value) as sock:
                assert sock.getsockopt(socket.SOL_SOCKET, name) in {65536, 2 * 65536}


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


async def test_bindtodevice_is_an_error_where_the_system_cannot_do_it(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "SO_BINDTODEVICE", raising=False)
    with context.socket(aiomq.PULL, bindtodevice="lo", reconnect_ivl=1) as pull, pull.monitor() as events:
        with pytest.raises(aiomq.ZMQBindError, match="BINDTODEVICE 'lo': this platform cannot do it") as refused:
            pull.bind("tcp://*:*")
        pull.connect("tcp://127.0.0.1:9")
        assert "this platform cannot do it" in (await until(events, Event.CONNECT_RETRIED)).reason
    assert refused.value.errno == errno.EOPNOTSUPP


async def test_options_without_a_name_on_the_system_are_left_out(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TCP_USER_TIMEOUT", "TCP_MAXRT", "SO_PRIORITY", "TCP_KEEPCNT", "TCP_KEEPIDLE", "TCP_KEEPINTVL"):
        monkeypatch.delattr(socket, name, raising=False)
    options = {"tcp_maxrt": 1000, "priority": 3, "tcp_keepalive": 1, "tcp_keepalive_cnt": 3, "tcp_keepalive_idle": 3}
    async with connected(context, **options) as descriptors:
        for each in descriptors:
            with borrowed(each) as sock:
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


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

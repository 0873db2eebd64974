"""Who may connect: TCP_ACCEPT_FILTER and the IPC filters, and how a peer of ipc is called."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import zmq

import aiomq
from aiomq import Event
from aiomq.constants import SocketType
from aiomq.option_values import ip_network
from aiomq.options import SocketOptions, default_options
from aiomq.transports import credentials
from aiomq.transports.credentials import PeerCredentials, admits, peer_credentials
from aiomq.transports.tcp import TcpTransport
from tests.transports.judge import Judge
from tests.transports.scripted import Script, events_until, names, until

linux = pytest.mark.skipif(not credentials.HAS_CREDENTIALS, reason="the system does not tell who connects")
NOBODY = 4_000_000
"""A number that no process, user or group of a test has."""


# -- tcp ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("filters", [["127.0.0.1"], ["127.0.0.0/8"], ["10.0.0.0/8", "127.1.2.3/8"], ["0.0.0.0/0"], []])
async def test_tcp_filter_lets_in_who_is_in_one_of_its_networks(
    context: aiomq.Context, judge: Judge, filters: list[str]
) -> None:
    with context.socket(aiomq.PULL) as pull:
        for each in filters:
            pull.tcp_accept_filter = each
        pull.bind("tcp://127.0.0.1:*")
        push = judge.socket(zmq.PUSH)
        push.connect(pull.last_endpoint)
        push.send(b"in")

        assert await pull.recv() == b"in"


async def test_tcp_filter_turns_away_who_is_in_none_and_tells_the_monitor(
    context: aiomq.Context, script: Script
) -> None:
    with context.socket(aiomq.PULL, tcp_accept_filter="10.0.0.0/8") as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        wire = await script.dial(pull.last_endpoint)
        assert await wire.ended() == b""
        failed = await until(events, Event.ACCEPT_FAILED)

        assert failed.value == errno.EACCES
        assert failed.reason.endswith("127.0.0.1 is in no network of TCP_ACCEPT_FILTER")
        pull.tcp_accept_filter = None
        pull.bind("tcp://127.0.0.1:*")  # the filter of the first one stays as it was
        await script.greeted(pull.last_endpoint, "PUSH")
        assert "ACCEPTED" in names(await events_until(events, Event.HANDSHAKE_SUCCEEDED))


async def test_tcp_filter_of_ipv4_holds_for_an_ipv6_listener(context: aiomq.Context, script: Script) -> None:
    if not socket.has_ipv6:
        pytest.skip("this system has no IPv6")
    with context.socket(aiomq.PULL, ipv6=1, tcp_accept_filter="127.0.0.0/8") as pull, pull.monitor() as events:
        pull.bind("tcp://*:*")
        await script.greeted(f"tcp://127.0.0.1:{pull.last_endpoint.rpartition(':')[2]}", "PUSH")

        assert (await until(events, Event.HANDSHAKE_SUCCEEDED)).peer_address.startswith("[::ffff:127.0.0.1]")


async def test_tcp_filter_of_libzmq_turns_aiomq_away_and_aiomq_tries_again(
    context: aiomq.Context, judge: Judge
) -> None:
    _, endpoint = judge.bound(zmq.PULL, tcp_accept_filter=b"10.0.0.0/8")
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(endpoint)
        seen = await events_until(events, Event.CONNECT_RETRIED, 2)

    assert "HANDSHAKE_SUCCEEDED" not in names(seen)


def test_tcp_filter_refuses_who_has_gone_before_he_was_looked_at() -> None:
    options = default_options(SocketType.PULL)
    options.tcp_accept_filter = (ip_network(b"0.0.0.0/0"),)
    with (
        socket.socket() as sock,
        pytest.raises(OSError, match="has gone already") as caught,
    ):  # some systems have no name for a connection that was reset in the moment it was accepted
        TcpTransport().accepted(sock, None, options)

    assert caught.value.errno == errno.ENOTCONN


# -- ipc ---------------------------------------------------------------------------------------------------------------

OWN: dict[str, Callable[[], int]] = {
    "ipc_filter_pid": os.getpid,
    "ipc_filter_uid": os.getuid,
    "ipc_filter_gid": os.getgid,
}


@linux
@pytest.mark.parametrize("option", OWN)
async def test_ipc_filter_lets_in_by_any_one_of_the_three(context: aiomq.Context, judge: Judge, option: str) -> None:
    with context.socket(aiomq.PULL) as pull:
        for each in OWN:
            setattr(pull, each, NOBODY)
        setattr(pull, option, OWN[option]())
        pull.bind("ipc://*")
        push = judge.socket(zmq.PUSH)
        push.connect(pull.last_endpoint)
        push.send(b"in")

        assert await pull.recv() == b"in"


@linux
@pytest.mark.parametrize("option", OWN)
async def test_ipc_filter_turns_away_everybody_else_and_tells_the_monitor(
    context: aiomq.Context, script: Script, option: str
) -> None:
    with context.socket(aiomq.PULL, **{option: NOBODY}) as pull, pull.monitor() as events:
        pull.bind("ipc://*")
        wire = await script.dial(pull.last_endpoint)
        assert await wire.ended() == b""
        failed = await until(events, Event.ACCEPT_FAILED)

    assert failed.value == errno.EACCES
    assert f":{os.getuid()}:{os.getgid()}:{os.getpid()}" in failed.reason


@linux
async def test_ipc_filter_of_libzmq_turns_aiomq_away(context: aiomq.Context, judge: Judge, tmp_path: Any) -> None:
    pull = judge.socket(zmq.PULL)
    pull.set(zmq.IPC_FILTER_PID, NOBODY)
    pull.bind(f"ipc://{tmp_path}/socket")
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(f"ipc://{tmp_path}/socket")
        seen = await events_until(events, Event.CONNECT_RETRIED, 2)

    assert "HANDSHAKE_SUCCEEDED" not in names(seen)


@linux
def test_credentials_are_those_of_the_other_process_and_of_no_tcp_socket() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, socket.socket() as other:
        assert peer_credentials(ours) == (os.getpid(), os.getuid(), os.getgid())
        assert peer_credentials(other) is None
    assert str(PeerCredentials(1, 2, 3)) == ":2:3:1"


def filtering(**filters: set[int]) -> SocketOptions:
    options = default_options(SocketType.PULL)
    for name, numbers in filters.items():
        setattr(options, f"ipc_filter_{name}", frozenset(numbers))
    return options


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, True),
        ({"pid": {1}}, True),
        ({"uid": {2}, "pid": {9}}, True),
        ({"gid": {3, 9}}, True),
        ({"pid": {9}, "uid": {9}, "gid": {9}}, False),
        ({"gid": {50}}, True),
        ({"gid": {60, 70}}, False),
    ],
)
def test_filter_decides_by_numbers_and_by_the_members_of_groups(
    monkeypatch: pytest.MonkeyPatch, filters: dict[str, set[int]], expected: bool
) -> None:
    def group(gid: int) -> SimpleNamespace:
        return {50: SimpleNamespace(gr_mem=["ada", "bob"]), 60: SimpleNamespace(gr_mem=["bob"])}[gid]

    modules = {
        "pwd": SimpleNamespace(getpwuid=lambda _: SimpleNamespace(pw_name="ada")),
        "grp": SimpleNamespace(getgrgid=group),
    }
    monkeypatch.setattr(credentials.importlib, "import_module", modules.__getitem__)  # type: ignore[attr-defined]  # the module that the code looks at

    assert admits(filtering(**filters), PeerCredentials(1, 2, 3)) is expected


def test_filter_lets_in_nobody_of_whom_the_system_tells_nothing() -> None:
    assert admits(filtering(), None)
    assert not admits(filtering(uid={0}), None)


@pytest.mark.parametrize("option", ["ipc_filter_pid", "ipc_filter_uid", "ipc_filter_gid"])
def test_ipc_filter_is_refused_where_the_system_has_no_credentials(
    monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with (
        aiomq.Context() as context,
        pytest.raises(aiomq.ZMQError, match=f"{option.upper()} needs SO_PEERCRED") as caught,
    ):
        context.socket(aiomq.PULL, **{option: 1})

    assert caught.value.errno == errno.EINVAL


@linux
async def test_peer_of_ipc_is_called_by_its_user_group_and_process(context: aiomq.Context, judge: Judge) -> None:
    own = f":{os.getuid()}:{os.getgid()}:{os.getpid()}"
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("ipc://*")
        push = judge.socket(zmq.PUSH)
        push.connect(pull.last_endpoint)
        push.send(b"x")
        frame = await pull.recv(copy=False)

        assert frame.get("Peer-Address") == f"localhost{own}"  # as libzmq has it, by glibc
        accepted = await until(events, Event.ACCEPTED)
        assert (accepted.peer_address, accepted.remote_endpoint) == (own, "")

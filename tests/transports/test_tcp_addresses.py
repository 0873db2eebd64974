"""tcp: every form of address, the names behind them, and the options that reach the operating system's socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest
import zmq

import aiomq
from aiomq import Event
from tests.transports.scripted import Script, closed_port, until

Resolved: TypeAlias = list[tuple[int, int, int, str, tuple[Any, ...]]]


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


def _link_local() -> str | None:
    """Return a link-local address of this machine with its zone."""
    try:
        lines = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        digits, *_, name = line.split()
        if digits.startswith("fe80"):
            return f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(digits))}%{name}"
    return None


needs_ipv6: Final = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
needs_own_loopback_net: Final = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8 on its loopback"
)


async def exchange(context: aiomq.Context, bound: aiomq.Socket, endpoint: str, **options: int) -> None:
    """Check that a message sent to an endpoint arrives at a bound PULL."""
    with context.socket(aiomq.PUSH, linger=0, **options) as push:
        push.connect(endpoint)
        await push.send(endpoint.encode())
        assert await bound.recv() == endpoint.encode()


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


# -- what can be bound ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["*", "0"])
async def test_bind_to_any_port_tells_the_port_it_got(context: aiomq.Context, port: str) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind(f"tcp://127.0.0.1:{port}")
        assert pull.last_endpoint == f"tcp://127.0.0.1:{port_of(pull.last_endpoint)}"
        assert port_of(pull.last_endpoint) > 0
        await exchange(context, pull, pull.last_endpoint)


async def test_bind_to_any_port_twice_gives_two_ports(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        endpoints = []
        for _ in range(2):
            pull.bind("tcp://127.0.0.1:*")
            endpoints.append(pull.last_endpoint)
        assert endpoints[0] != endpoints[1]
        for each in endpoints:
            await exchange(context, pull, each)


async def test_bind_to_every_interface_is_numeric_in_last_endpoint(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://*:*")
        assert pull.last_endpoint.startswith("tcp://0.0.0.0:")
        await exchange(context, pull, f"tcp://127.0.0.1:{port_of(pull.last_endpoint)}")


@needs_ipv6
async def test_bind_to_every_interface_with_ipv6_takes_both_families(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, ipv6=1) as pull:
        pull.bind("tcp://*:*")
        assert pull.last_endpoint.startswith("tcp://[::]:")
        port = port_of(pull.last_endpoint)
        await exchange(context, pull, f"tcp://127.0.0.1:{port}")
        await exchange(context, pull, f"tcp://[::1]:{port}", ipv6=1)


@needs_ipv6
async def test_bind_to_an_ipv6_address_gets_brackets(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, ipv6=1) as pull:
        pull.bind("tcp://[::1]:*")
        assert pull.last_endpoint == f"tcp://[::1]:{port_of(pull.last_endpoint)}"
        await exchange(context, pull, pull.last_endpoint, ipv6=1)


async def test_an_ipv6_address_without_the_option_names_the_option(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        with pytest.raises(aiomq.ZMQError, match="the option IPV6 must be set") as bind_error:
            pull.bind("tcp://[::1]:*")
        with pytest.raises(aiomq.ZMQError, match="the option IPV6 must be set"):
            pull.connect("tcp://[::1]:5555")
    assert bind_error.value.errno == errno.ENODEV


@pytest.mark.skipif(_link_local() is None, reason="this machine has no link-local address")
async def test_a_link_local_address_is_reached_through_its_zone(context: aiomq.Context) -> None:
    host = _link_local()
    with context.socket(aiomq.PULL, ipv6=1) as pull:
        pull.bind(f"tcp://[{host}]:*")
        assert pull.last_endpoint == f"tcp://[{host}]:{port_of(pull.last_endpoint)}"
        await exchange(context, pull, pull.last_endpoint, ipv6=1)


async def test_bind_to_an_interface_takes_its_address(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://lo:*")
        assert pull.last_endpoint == f"tcp://127.0.0.1:{port_of(pull.last_endpoint)}"
        await exchange(context, pull, pull.last_endpoint)


@needs_ipv6
async def test_bind_to_an_interface_with_ipv6_takes_its_ipv6_address(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL, ipv6=1) as pull:
        pull.bind("tcp://lo:*")
        assert pull.last_endpoint == f"tcp://[::1]:{port_of(pull.last_endpoint)}"


async def test_bind_to_a_host_name_takes_its_address(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://localhost:*")
        assert pull.last_endpoint == f"tcp://127.0.0.1:{port_of(pull.last_endpoint)}"
        await exchange(context, pull, f"tcp://localhost:{port_of(pull.last_endpoint)}")


async def test_a_random_port_is_from_the_range_asked_for(context: aiomq.Context, script: Script) -> None:
    taken = script.bound()
    taken.listen()
    port = taken.getsockname()[1]
    with context.socket(aiomq.PULL) as pull:
        with pytest.raises(aiomq.ZMQBindError, match=f"from {port} to {port} in 100 tries"):
            pull.bind_to_random_port("tcp://127.0.0.1", port, port + 1)
        found = pull.bind_to_random_port("tcp://127.0.0.1")
        assert pull.last_endpoint == f"tcp://127.0.0.1:{found}"
        low = min(found, 65535 - 100)
        assert low <= pull.bind_to_random_port("tcp://127.0.0.1", low, low + 100) < low + 100


# -- where a connection comes from ------------------------------------------------------------------------------------


@needs_own_loopback_net
@pytest.mark.parametrize("source", ["127.0.0.2:0", "127.0.0.2:*", "127.0.0.2"])
async def test_connect_from_a_source_address_is_seen_by_the_other_side(context: aiomq.Context, source: str) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        await exchange(context, pull, f"tcp://{source};{pull.last_endpoint.removeprefix('tcp://')}")
        accepted = await until(events, Event.ACCEPTED)
    assert accepted.peer_address.startswith("127.0.0.2:")


async def test_connect_from_a_source_interface_takes_its_address(context: aiomq.Context) -> None:
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        await exchange(context, pull, f"tcp://lo;{pull.last_endpoint.removeprefix('tcp://')}")
        assert (await until(events, Event.ACCEPTED)).peer_address.startswith("127.0.0.1:")


@needs_own_loopback_net
async def test_connect_from_a_source_port_uses_that_port(context: aiomq.Context, script: Script) -> None:
    # The port is free at 127.0.0.2: it was the system's choice for 127.0.0.1, where it stays taken.
    port = script.bound().getsockname()[1]
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        await exchange(context, pull, f"tcp://127.0.0.2:{port};{pull.last_endpoint.removeprefix('tcp://')}")
        assert (await until(events, Event.ACCEPTED)).peer_address == f"127.0.0.2:{port}"


async def test_connect_from_an_address_of_nobody_fails_each_attempt(context: aiomq.Context) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect("tcp://192.0.2.1;127.0.0.1:9")
        failed = await until(events, Event.CLOSED)
        assert isinstance(failed.error, OSError)
        assert failed.error.errno == errno.EADDRNOTAVAIL
        await until(events, Event.CONNECT_RETRIED)


async def test_connecting_a_port_to_itself_finds_nobody(context: aiomq.Context, script: Script) -> None:
    # A connect to a free port of this host, from that very port, succeeds in TCP: there is nobody else to talk to.
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(f"tcp://127.0.0.1:{port};127.0.0.1:{port}")
        failed = await until(events, Event.CLOSED)
    assert isinstance(failed.error, OSError)
    assert failed.error.errno == errno.ECONNREFUSED
    assert f"nobody listens at tcp://127.0.0.1:{port};127.0.0.1:{port}" in failed.reason


# -- names ------------------------------------------------------------------------------------------------------------


class Names:
    """A name server: each look-up of `feed.test` gets the next answer; numbers are looked up as ever."""

    def __init__(self, *answers: Resolved | OSError) -> None:
        self.lookups = 0
        self._answers = list(answers)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        loop = asyncio.get_running_loop()
        numbers = loop.getaddrinfo

        async def getaddrinfo(host: str, port: int, **how: Any) -> Any:
            if host != "feed.test":
                return await numbers(host, port, **how)
            self.lookups += 1
            answer = self._answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

        monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)


def resolved(*addresses: tuple[str, int]) -> Resolved:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]


async def test_a_name_is_looked_up_at_every_attempt(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = script.bound().getsockname()
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        pull.bind("tcp://127.0.0.1:*")
        port = port_of(pull.last_endpoint)
        names = Names(socket.gaierror(socket.EAI_NONAME, "unknown"), resolved(nobody), resolved(("127.0.0.1", port)))
        names.install(monkeypatch)
        with push.monitor() as events:
            push.connect(f"tcp://feed.test:{port}")
            await push.send(b"found")
            assert await pull.recv() == b"found"
            assert "unknown" in (await until(events, Event.CLOSED)).reason
            refused = await until(events, Event.CLOSED)
            assert isinstance(refused.error, ConnectionRefusedError)
            await until(events, Event.CONNECTED)
    assert names.lookups == 3


async def test_every_address_of_a_name_is_tried_in_order(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push, push.monitor() as events:
        pull.bind("tcp://127.0.0.1:*")
        good = ("127.0.0.1", port_of(pull.last_endpoint))
        names = Names(resolved(script.bound().getsockname(), script.bound().getsockname(), good))
        names.install(monkeypatch)
        push.connect(f"tcp://feed.test:{good[1]}")
        await push.send(b"found")
        assert await pull.recv() == b"found"
        connected = await until(events, Event.CONNECTED)
    assert names.lookups == 1
    assert connected.peer_address == f"127.0.0.1:{good[1]}"
    assert connected.endpoint == f"tcp://feed.test:{good[1]}"


async def test_the_first_refusal_is_told_when_no_address_answers(
    context: aiomq.Context, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = script.bound().getsockname(), script.bound().getsockname()
    Names(resolved(first, second)).install(monkeypatch)
    with context.socket(aiomq.PUSH, reconnect_ivl=-1) as push, push.monitor() as events:
        push.connect("tcp://feed.test:9")
        assert str(first[1]) in (await until(events, Event.CLOSED)).reason


async def test_a_name_without_addresses_is_a_failed_attempt(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    Names([]).install(monkeypatch)
    with context.socket(aiomq.PUSH, reconnect_ivl=-1) as push, push.monitor() as events:
        push.connect("tcp://feed.test:9")
        assert "'feed.test' has no address" in (await until(events, Event.CLOSED)).reason


async def test_a_name_that_no_resolver_takes_is_a_failed_attempt(context: aiomq.Context) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=-1) as push, push.monitor() as events:
        push.connect(f"tcp://{'x' * 64}.test:9")
        failed = await until(events, Event.CLOSED)
    assert isinstance(failed.error, OSError)


async def test_connect_timeout_ends_an_attempt_that_hangs(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", never)
    with context.socket(aiomq.PUSH, connect_timeout=5, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect("tcp://feed.test:9")
        assert isinstance((await until(events, Event.CLOSED)).error, TimeoutError)
        await until(events, Event.CONNECT_RETRIED)


# -- options of the system's socket -----------------------------------------------------------------------------------

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

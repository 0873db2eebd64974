"""tcp: every form of address, and the names behind them."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from pathlib import Path
from typing import Any, Final, TypeAlias

import pytest

import aiomq
from aiomq import Event
from tests.transports.scripted import Script, until

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
        numbers = socket.getaddrinfo

        def getaddrinfo(host: str, *rest: Any, **how: Any) -> Any:
            if host != "feed.test":
                return numbers(host, *rest, **how)
            self.lookups += 1
            answer = self._answers.pop(0)
            if isinstance(answer, OSError):
                raise answer
            return answer

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


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
            assert "unknown" in (await until(events, Event.CONNECT_RETRIED)).reason
            refused = await until(events, Event.CLOSED)
            assert isinstance(refused.error, ConnectionRefusedError)
            await until(events, Event.CONNECTED)
    assert names.lookups == 3


async def test_a_number_is_not_looked_up(context: aiomq.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    # It would wait for a thread, which a busy loop can keep from running for seconds.
    def fail(*_: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", fail)
    monkeypatch.setattr("aiomq.transports.attempts.look_up", fail)
    with context.socket(aiomq.PULL) as pull:
        pull.bind("tcp://127.0.0.1:*")
        await exchange(context, pull, pull.last_endpoint)


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

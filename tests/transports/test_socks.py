"""SOCKS_PROXY: connections through a scripted proxy, and all the ways in which a proxy can fail."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import zmq

import aiomq
from aiomq import Event
from aiomq.transports import socks
from tests.transports.judge import Judge, receive
from tests.transports.scripted import BOUND, Acceptor, Script, Wire, until

REQUEST = b"\x05\x01\x00"
GRANTED = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"


class Proxy:
    """Speaks SOCKS5 as told, and forwards to wherever a test wants, whatever the target was."""

    def __init__(self, script: Script, *, user: tuple[bytes, bytes] | None = None, reply: bytes = GRANTED) -> None:
        self.script = script
        self.user = user
        self.reply = reply
        self.methods = b""
        self.target = b""
        self.address = ""
        self.acceptor: Acceptor
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.acceptor = await self.script.listen()
        self.address = self.acceptor.endpoint.removeprefix("tcp://")

    async def negotiate(self) -> Wire:
        """Take one client to where its target is to be connected; return the wire to it."""
        wire = await self.script.accepted(self.acceptor)
        version, count = await wire.read(2)
        assert version == 5
        self.methods = await wire.read(count)
        if self.user is not None:
            wire.send(b"\x05\x02")
            await self._check_login(wire)
        else:
            wire.send(b"\x05\x00")
        assert await wire.read(3) == REQUEST
        self.target = await self._read_target(wire)
        wire.send(self.reply)
        return wire

    async def _check_login(self, wire: Wire) -> None:
        assert await wire.read(1) == b"\x01"
        name = await wire.read((await wire.read(1))[0])
        password = await wire.read((await wire.read(1))[0])
        wire.send(b"\x01\x00" if (name, password) == self.user else b"\x01\x01")

    @staticmethod
    async def _read_target(wire: Wire) -> bytes:
        kind = (await wire.read(1))[0]
        size = (await wire.read(1))[0] if kind == 3 else {1: 4, 4: 16}[kind]
        host = await wire.read(size)
        port = int.from_bytes(await wire.read(2))
        text = host if kind == 3 else str(ipaddress.ip_address(host)).encode()
        return text + b":%d" % port

    def forward(self, wire: Wire, endpoint: str) -> None:
        """Carry everything between the client and an endpoint, from now on."""
        self._tasks.append(asyncio.create_task(self._forward(wire, endpoint)))

    async def _forward(self, wire: Wire, endpoint: str) -> None:
        target = await self.script.dial(endpoint)
        await asyncio.gather(self._pipe(wire, target), self._pipe(target, wire))

    @staticmethod
    async def _pipe(source: Wire, sink: Wire) -> None:
        while True:
            sink.send(await source.read(1))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def proxy(script: Script) -> AsyncIterator[Proxy]:
    made = Proxy(script)
    await made.start()
    yield made
    await made.stop()


# -- what works --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("127.0.0.1", b"127.0.0.1"),
        ("no-such-host.invalid", b"no-such-host.invalid"),
        ("bücher.example", b"xn--bcher-kva.example"),
    ],
)
async def test_proxy_is_asked_for_the_target_by_name_and_messages_pass_to_libzmq(
    context: aiomq.Context, judge: Judge, proxy: Proxy, host: str, target: bytes
) -> None:
    pull, endpoint = judge.bound(zmq.PULL)
    port = endpoint.rpartition(":")[2]
    with context.socket(aiomq.PUSH, socks_proxy=proxy.address) as push:
        push.connect(f"tcp://{host}:{port}")
        proxy.forward(await proxy.negotiate(), endpoint)
        await push.send(b"through the proxy")

        assert await receive(pull) == [b"through the proxy"]
    assert proxy.methods == b"\x00"
    assert proxy.target == target + b":" + port.encode()


async def test_proxy_is_asked_for_an_ipv6_target_by_number(context: aiomq.Context, proxy: Proxy) -> None:
    with context.socket(aiomq.PUSH, socks_proxy=proxy.address, ipv6=1) as push:
        push.connect("tcp://[2001:db8::1]:5555")
        await proxy.negotiate()

    assert proxy.target == b"2001:db8::1:5555"


async def test_login_is_offered_and_given_when_the_proxy_wants_one(context: aiomq.Context, proxy: Proxy) -> None:
    proxy.user = (b"ada", "pässword".encode())
    options = {"socks_proxy": proxy.address, "socks_username": "ada", "socks_password": "pässword"}
    with context.socket(aiomq.PUSH, **options) as push, push.monitor() as events:
        push.connect("tcp://10.0.0.1:5555")
        await (await proxy.negotiate()).greet("PULL")

        assert (await until(events, Event.CONNECTED)).endpoint == "tcp://10.0.0.1:5555"
        await until(events, Event.HANDSHAKE_SUCCEEDED)
    assert proxy.methods == b"\x00\x02"


async def test_proxy_that_wants_no_login_is_given_none(context: aiomq.Context, proxy: Proxy) -> None:
    options = {"socks_proxy": proxy.address, "socks_username": "ada", "socks_password": "secret"}
    with context.socket(aiomq.PUSH, **options) as push:
        push.connect("tcp://10.0.0.1:5555")
        await (await proxy.negotiate()).greet("PULL")


@pytest.mark.parametrize("bound", [b"\x03\x04host\x00\x50", b"\x04" + bytes(18), b"\x03\x00\x00\x50"])
async def test_reply_with_any_type_of_address_is_read_to_its_end_and_no_further(
    context: aiomq.Context, proxy: Proxy, bound: bytes
) -> None:
    proxy.reply = b"\x05\x00\x00" + bound
    with context.socket(aiomq.PUSH, socks_proxy=proxy.address) as push:
        push.connect("tcp://10.0.0.1:5555")
        await (await proxy.negotiate()).greet("PULL")


async def test_libzmq_and_aiomq_ask_a_proxy_for_the_same(context: aiomq.Context, judge: Judge, proxy: Proxy) -> None:
    asked = []
    push = judge.socket(zmq.PUSH, socks_proxy=proxy.address.encode())
    push.connect("tcp://target.example:5555")
    await proxy.negotiate()
    asked.append((proxy.methods, proxy.target))
    push.close(0)
    with context.socket(aiomq.PUSH, socks_proxy=proxy.address) as ours:
        ours.connect("tcp://target.example:5555")
        await proxy.negotiate()
        asked.append((proxy.methods, proxy.target))

    assert asked[0] == asked[1]


# -- what fails --------------------------------------------------------------------------------------------------------


async def failure(
    context: aiomq.Context, proxy: Proxy, answers: bytes, *, closes: bool = False, **options: Any
) -> aiomq.MonitorEvent:
    """Return what a monitor is told when the proxy says just this."""
    options.setdefault("socks_proxy", proxy.address)
    with context.socket(aiomq.PUSH, reconnect_ivl=1, **options) as push, push.monitor() as events:
        push.connect("tcp://10.0.0.1:5555")
        wire = await proxy.script.accepted(proxy.acceptor)
        wire.send(answers)
        if closes:
            wire.close()
        return await until(events, Event.CONNECT_RETRIED)


@pytest.mark.parametrize(
    ("reply", "number", "words"),
    [
        (1, errno.EIO, "general failure"),
        (2, errno.EACCES, "its rules do not allow it"),
        (3, errno.ENETUNREACH, "the network is unreachable"),
        (4, errno.EHOSTUNREACH, "the host is unreachable"),
        (5, errno.ECONNREFUSED, "the connection was refused"),
        (6, errno.ETIMEDOUT, "the time to live has expired"),
        (7, errno.EOPNOTSUPP, "it knows no CONNECT"),
        (8, errno.EAFNOSUPPORT, "it does not know this type of address"),
        (99, errno.EIO, "reply 99"),
    ],
)
async def test_refusal_of_the_proxy_is_told_and_tried_again(
    context: aiomq.Context, proxy: Proxy, reply: int, number: int, words: str
) -> None:
    told = await failure(context, proxy, b"\x05\x00" + bytes((5, reply, 0, 1)) + bytes(6))

    assert told.reason.endswith(f"the proxy did not connect: {words}")
    assert isinstance(told.error, OSError)
    assert told.error.errno == number


@pytest.mark.parametrize(
    ("answers", "options", "words"),
    [
        (b"\x05\xff", {}, r"asks for a login \(SOCKS_USERNAME, SOCKS_PASSWORD\): it chose method 255"),
        (b"\x05\x02", {}, r"asks for a login .*: it chose method 2"),
        (b"\x05\x01", {"socks_username": "ada"}, "asks for another way to log in: it chose method 1"),
        (b"\x05\x02\x01\x01", {"socks_username": "ada"}, r"refuses the login \(status 1\)"),
        (b"\x05\x02\x05\x00", {"socks_username": "ada"}, "it says version 5, not 1"),
        (b"HTTP/1.1 400", {}, "does not speak SOCKS5: it says version 72, not 5"),
        (b"\x05\x00\x04\x00\x00\x01", {}, "does not speak SOCKS5: it says version 4, not 5"),
        (b"\x05\x00\x05\x00\x00\x09", {}, "an address of type 9"),
        (b"", {}, "closed the connection in the middle|reset"),
        (b"\x05", {}, "closed the connection in the middle|reset"),
        (b"\x05\x00\x05\x00\x00\x01\x00", {}, "closed the connection in the middle|reset"),
    ],
)
async def test_proxy_that_breaks_off_or_talks_otherwise_is_told_and_tried_again(
    context: aiomq.Context, proxy: Proxy, answers: bytes, options: dict[str, str], words: str
) -> None:
    told = await failure(context, proxy, answers, closes="closed" in words, **options)

    assert re.search(words, told.reason), told.reason


@pytest.mark.parametrize("option", ["connect_timeout", "handshake_ivl"])
async def test_proxy_that_says_nothing_is_given_up_after_a_time(
    context: aiomq.Context, proxy: Proxy, option: str
) -> None:
    async with asyncio.timeout(BOUND):
        with (
            context.socket(aiomq.PUSH, socks_proxy=proxy.address, reconnect_ivl=1, **{option: 20}) as push,
            push.monitor() as events,
        ):
            push.connect("tcp://10.0.0.1:5555")
            await proxy.script.accepted(proxy.acceptor)
            told = await until(events, Event.CONNECT_RETRIED)

    assert isinstance(told.error, TimeoutError)


async def test_proxy_that_nobody_runs_is_tried_again(context: aiomq.Context, script: Script) -> None:
    host, port = script.bound().getsockname()
    with context.socket(aiomq.PUSH, socks_proxy=f"{host}:{port}", reconnect_ivl=1) as push, push.monitor() as events:
        push.connect("tcp://10.0.0.1:5555")
        told = await until(events, Event.CONNECT_RETRIED)

    assert isinstance(told.error, ConnectionRefusedError)


async def test_name_that_no_proxy_takes_is_an_error_of_the_attempt(context: aiomq.Context, proxy: Proxy) -> None:
    name = ".".join(["n" * 63] * 5)
    with context.socket(aiomq.PUSH, socks_proxy=proxy.address, reconnect_ivl=1) as push, push.monitor() as events:
        push.connect(f"tcp://{name}:5555")
        await proxy.script.accepted(proxy.acceptor)

        assert "takes names of 255 bytes, this one has 319" in (await until(events, Event.CONNECT_RETRIED)).reason


def test_name_that_is_none_is_an_error() -> None:
    with pytest.raises(OSError, match="is not a host name") as caught:
        socks._name("ü" * 64)

    assert caught.value.errno == errno.ENODEV

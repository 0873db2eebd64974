"""vsock and tipc: their addresses, their traffic over a stand-in for the system's sockets, and systems without them."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

import pytest

import aiomq
from aiomq import Event, endpoints
from aiomq.endpoint import TipcEndpoint, VsockEndpoint, parse
from aiomq.transports.addresses import address_text, host_text
from aiomq.transports.numbered import system_socket
from aiomq.transports.tipc import TipcTransport
from aiomq.transports.vsock import VsockTransport
from tests.durable.memory_store import MemoryStore
from tests.sockets.links import until as until_true
from tests.transports.scripted import until

# -- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "for_bind", "expected"),
    [
        ("vsock://2:5555", False, VsockEndpoint(2, 5555)),
        ("vsock://@:5555", False, VsockEndpoint(2, 5555)),
        ("vsock://1:0", False, VsockEndpoint(1, 0)),
        ("vsock://*:*", True, VsockEndpoint(None, None)),
        ("vsock://*:4294967294", True, VsockEndpoint(None, 2**32 - 2)),
        ("tipc://{5560,0,9}", True, TipcEndpoint(service=(5560, 0, 9))),
        ("tipc://{5560, 7}", True, TipcEndpoint(service=(5560, 7, 7))),
        ("tipc://{5560,7}", False, TipcEndpoint(service=(5560, 7, 7))),
        ("tipc://{5560, 7, 7}", False, TipcEndpoint(service=(5560, 7, 7))),
        ("tipc://<*>", True, TipcEndpoint()),
        ("tipc://<1.2.3:77>", False, TipcEndpoint(port=(0x01002003, 77))),
    ],
)
def test_address_of_numbers_is_read(text: str, for_bind: bool, expected: object) -> None:
    assert parse(text, for_bind=for_bind) == expected


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (VsockEndpoint(None, 5), "vsock://*:5"),
        (VsockEndpoint(3, None), "vsock://3:*"),
        (TipcEndpoint(), "tipc://<*>"),
        (TipcEndpoint(service=(5560, 0, 9)), "tipc://{5560, 0, 9}"),
        (TipcEndpoint(port=(0x01002003, 77)), "tipc://<1.2.3:77>"),
    ],
)
def test_address_of_numbers_is_written(endpoint: object, text: str) -> None:
    assert str(endpoint) == text


@pytest.mark.parametrize(
    ("text", "for_bind", "words"),
    [
        ("vsock://5555", False, "it has no port"),
        ("vsock://:5555", False, r"its machine \(CID\) is ''"),
        ("vsock://host:5555", False, r"its machine \(CID\) is 'host'"),
        ("vsock://2:4294967295", False, "its port is '4294967295', not '\\*' or a number below 4294967295"),
        ("vsock://2:-1", True, "its port is '-1'"),
        ("vsock://*:5555", False, "'\\*' is for bind alone"),
        ("vsock://2:*", False, "'\\*' is for bind alone"),
        ("tipc://5560", True, "it is neither {type,lower,upper}"),
        ("tipc://{5560,1,2}", False, "a range of instances is for bind alone"),
        ("tipc://{63,1}", False, "types of services begin with 64"),
        ("tipc://{5560,2,1}", True, "the last instance is before the first"),
        ("tipc://{5560,4294967296}", False, "its numbers are at most 4294967295"),
        ("tipc://{5560,1}@1.0.0", False, "a domain after '@' cannot be given"),
        ("tipc://{٥٥٦٠,1}", False, "it is neither {type,lower,upper}"),
        ("tipc://{" + "9" * 5000 + ",1}", False, "it is neither {type,lower,upper}"),
        ("vsock://2:" + "9" * 5000, False, "its port is '9999"),
        ("tipc://<*>", False, "'<\\*>' is for bind alone"),
        ("tipc://<1.2.3:4>", True, "a port has a number of the system's choice"),
        ("tipc://<256.0.0:4>", False, "its numbers are at most <255.4095.4095:4294967295>"),
    ],
)
def test_malformed_address_of_numbers_is_refused_with_what_is_wrong(text: str, for_bind: bool, words: str) -> None:
    with pytest.raises(aiomq.ZMQError, match=words) as caught:
        parse(text, for_bind=for_bind)

    assert caught.value.errno == errno.EINVAL
    assert "an address looks like" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "address", "host"),
    [
        (("127.0.0.1", 5), "127.0.0.1:5", "127.0.0.1"),
        (("::1", 5, 0, 0), "[::1]:5", "::1"),
        ((3, 5), "3:5", "3"),
        ((3, 0x01002003, 77, 0, 2), "<1.2.3:77>", "<1.2.3:77>"),
        ("", "", ""),
    ],
)
def test_other_end_is_written_in_the_form_of_its_transport(name: object, address: str, host: str) -> None:
    assert (address_text(name), host_text(name)) == (address, host)


@pytest.mark.parametrize(
    ("transport", "endpoint", "bound", "target"),
    [
        (VsockTransport(), VsockEndpoint(2, 5), (2, 5), (2, 5)),
        (VsockTransport(), VsockEndpoint(None, None), (2**32 - 1, 2**32 - 1), (2**32 - 1, 2**32 - 1)),
        (TipcTransport(), TipcEndpoint(service=(5560, 1, 1)), (1, 5560, 1, 1, 1), (2, 5560, 1, 0)),
        (TipcTransport(), TipcEndpoint(port=(7, 77)), None, (3, 7, 77, 0)),
    ],
)
def test_system_is_given_the_numbers(
    transport: Any, endpoint: Any, bound: tuple[int, ...] | None, target: tuple[int, ...]
) -> None:
    assert transport.bind_address(endpoint) == bound
    assert transport.target_address(endpoint) == target


# -- traffic -----------------------------------------------------------------------------------------------------------


class StandIn(socket.socket):
    """A stream socket whose names are numbers, as those of vsock and tipc are; underneath they are abstract names."""

    def _name(self, address: Any) -> str:
        return f"\0aiomq-{os.getpid()}-numbered-{address[-1] if len(address) == 2 else address[1:3]}"

    def bind(self, address: Any) -> None:
        super().bind(self._name(address))

    def connect(self, address: Any) -> None:
        super().connect(self._name(address))

    def connect_ex(self, address: Any) -> int:
        return super().connect_ex(self._name(address))


class StandInVsock(VsockTransport):
    def make_socket(self) -> socket.socket:
        return StandIn(socket.AF_UNIX, socket.SOCK_STREAM)

    def bound_endpoint(self, sock: socket.socket, endpoint: VsockEndpoint) -> str:
        return str(endpoint)


class StandInTipc(TipcTransport):
    def make_socket(self) -> socket.socket:
        return StandIn(socket.AF_UNIX, socket.SOCK_STREAM)


@pytest.mark.skipif(not os.path.exists("/proc/net/unix"), reason="this system has no abstract names")
@pytest.mark.parametrize(
    ("door", "made", "bound", "target"),
    [
        ("_vsock", StandInVsock(), "vsock://*:5555", "vsock://1:5555"),
        ("_tipc", StandInTipc(), "tipc://{5560, 3, 3}", "tipc://{5560,3}"),
    ],
)
async def test_messages_pass_and_a_lost_connection_is_made_again(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch, *, door: str, made: Any, bound: str, target: str
) -> None:
    monkeypatch.setattr(endpoints, door, made)
    with context.socket(aiomq.PUSH, reconnect_ivl=1, sndbuf=65536) as push, push.monitor() as events:
        push.connect(target)  # before anybody is there
        assert isinstance((await until(events, Event.CONNECT_RETRIED)).error, ConnectionRefusedError)
        for number in range(2):
            with context.socket(aiomq.PULL, rcvbuf=65536) as pull:
                pull.bind(bound)
                assert pull.last_endpoint == bound
                await push.send(b"%d" % number)
                assert await pull.recv() == b"%d" % number
            await pull.aclose()
            await until(events, Event.DISCONNECTED)


@pytest.mark.skipif(not os.path.exists("/proc/net/unix"), reason="this system has no abstract names")
@pytest.mark.parametrize(
    ("door", "made", "bound", "target"),
    [
        ("_vsock", StandInVsock(), "vsock://*:5556", "vsock://1:5556"),
        ("_tipc", StandInTipc(), "tipc://{5561, 3, 3}", "tipc://{5561,3}"),
    ],
)
async def test_what_leaves_is_struck_out_in_the_store_before(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch, *, door: str, made: Any, bound: str, target: str
) -> None:
    monkeypatch.setattr(endpoints, door, made)
    store = MemoryStore()
    options = {"durable": 60.0, "durable_store": store}
    with context.socket(aiomq.PUSH, **options) as push:
        push.bind(bound)
        with context.socket(aiomq.PULL, routing_id=b"one") as pull:
            pull.connect(target)
            await push.wait_connected()
        await pull.aclose()
        await until_true(lambda: [peer.state for peer in push.peers()] == ["away"])
        await push.send(b"kept")
        push.sync_store()
        assert list(store.messages[b"one"].values()) == [b"kept"]
        store.failure = OSError("the disk is full")
        with context.socket(aiomq.PULL, routing_id=b"one") as pull:
            pull.connect(target)
            await until_true(lambda: [peer.state for peer in push.peers()] == ["connected"])
            assert [peer.queued_out for peer in push.peers()] == [1]  # the store has it still
            store.failure = None
            assert await pull.recv() == b"kept"
            assert not store.messages[b"one"]


async def test_real_vsock_is_bound_where_the_system_has_it(context: aiomq.Context) -> None:
    try:
        VsockTransport().check_platform()
    except OSError:
        pytest.skip("this system has no vsock")
    with context.socket(aiomq.PULL) as pull, pull.monitor() as events:
        try:
            pull.bind("vsock://*:*")
        except aiomq.ZMQBindError as error:
            pytest.skip(f"vsock cannot be bound here: {error}")
        assert (await until(events, Event.LISTENING)).value >= 0
        port = int(pull.last_endpoint.removeprefix("vsock://*:"))
        assert 0 < port < 2**32 - 1


async def test_real_vsock_reaches_itself_where_the_system_lets_it(context: aiomq.Context) -> None:
    try:
        with system_socket("AF_VSOCK", "vsock") as sock:
            sock.bind((1, 2**32 - 1))
    except OSError:
        pytest.skip("this system has no vsock loopback")
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
        pull.bind("vsock://1:*")
        push.connect(pull.last_endpoint)
        await push.send(b"around")
        assert await pull.recv() == b"around"


@pytest.mark.parametrize("address", ["vsock://2:5555", "tipc://{5560,1}"])
@pytest.mark.parametrize("lacks", ["the name", "the kernel module"])
async def test_platform_without_such_sockets_is_an_error_of_bind_and_connect(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch, address: str, lacks: str
) -> None:
    family = "AF_VSOCK" if address.startswith("vsock") else "AF_TIPC"
    if lacks == "the name":
        monkeypatch.delattr(socket, family, raising=False)
    else:
        monkeypatch.setattr(socket, family, 999, raising=False)  # no system has so many
    with context.socket(aiomq.PAIR) as pair:
        for call in (pair.bind, pair.connect):
            with pytest.raises(
                aiomq.ZMQError, match=f"is not supported by this platform: it has no {family}"
            ) as caught:
                call(address)
            assert caught.value.errno == errno.EPROTONOSUPPORT

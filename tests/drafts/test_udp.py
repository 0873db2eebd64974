"""RADIO, DISH and DGRAM over udp: to one address and to multicast groups on the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket as sockets
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import pytest

import aiomq
from aiomq import Event
from aiomq.endpoint import UdpEndpoint, parse
from aiomq.options import SocketOptions
from aiomq.transports.udp_sockets import bind_socket, send_socket
from tests.transports.scripted import BOUND, settled, until

GROUP: Final = "239.255.77.1"
LOOPBACK: Final = ["127.0.0.1", "lo"] if sys.platform == "linux" else ["127.0.0.1"]
LOCAL: Final = "udp://127.0.0.1:*"

linux_only: Final = pytest.mark.skipif(sys.platform != "linux", reason="an option of Linux")


@pytest.fixture
def plain() -> Iterator[sockets.socket]:
    """Return a system socket for datagrams, bound to a free port of the loopback interface."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(BOUND)
        yield sock


def address_of(socket: aiomq.Socket) -> tuple[str, int]:
    """Return the address a socket is bound to."""
    host, _, port = socket.last_endpoint.removeprefix("udp://").rpartition(":")
    return host, int(port)


def endpoint_of(sock: sockets.socket) -> str:
    """Return the endpoint at which a system socket receives."""
    return "udp://{}:{}".format(*sock.getsockname())


async def heard_by(sock: sockets.socket) -> bytes:
    """Wait for the next datagram."""
    return await asyncio.to_thread(sock.recv, 65536)


async def opened(socket: aiomq.Socket) -> None:
    """Return when all ports of a socket are open: what comes before, only the system keeps."""
    await settled(lambda: all(each.state == "connected" for each in socket._core.peers))


def missed(socket: aiomq.Socket) -> int:
    """Return how many messages did not get through the ports of a socket."""
    return sum(each.dropped for each in socket._core.peers)


@contextlib.asynccontextmanager
async def nothing_else(dish: aiomq.Socket, last: bytes) -> AsyncIterator[None]:
    """Check that the next message is the one that is sent last."""
    yield
    assert await dish.recv() == last


# -- RADIO and DISH ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_dish_receives_what_a_radio_sends_to_its_groups(context: aiomq.Context, host: str) -> None:
    dish, radio = context.socket(aiomq.DISH), context.socket(aiomq.RADIO)
    dish.bind(LOCAL)
    dish.join("g")
    radio.connect(f"udp://{host}:{address_of(dish)[1]}")
    for group, body in (("h", b"other"), ("", b"none"), ("g", b"body"), ("g", b"")):
        await radio.send(body, group=group)
    frames = [await dish.recv(copy=False) for _ in range(2)]
    assert [(bytes(each), each.group) for each in frames] == [(b"body", "g"), (b"", "g")]
    dish.join("")
    await radio.send(b"again")
    assert await dish.recv() == b"again"


async def test_radio_sends_datagrams_of_group_and_body(context: aiomq.Context, plain: sockets.socket) -> None:
    radio = context.socket(aiomq.RADIO)
    radio.connect(endpoint_of(plain))
    await radio.send(b"hi", group="grp")
    assert await heard_by(plain) == bytes.fromhex("03 677270 6869")
    await radio.send(b"hi")
    assert await heard_by(plain) == bytes.fromhex("00 6869")


async def test_radio_sends_to_udp_and_to_connections_at_once(context: aiomq.Context, plain: sockets.socket) -> None:
    radio, dish = context.socket(aiomq.RADIO), context.socket(aiomq.DISH)
    radio.connect(endpoint_of(plain))
    radio.bind("inproc://both")
    dish.connect("inproc://both")
    dish.join("g")
    await radio.send(b"body", group="g")
    assert await heard_by(plain) == b"\x01gbody"
    assert await dish.recv() == b"body"


async def test_dish_takes_datagrams_of_group_and_body_alone(context: aiomq.Context, plain: sockets.socket) -> None:
    dish = context.socket(aiomq.DISH)
    dish.bind(LOCAL)
    dish.join("grp")
    await opened(dish)
    async with nothing_else(dish, b"last"):
        for datagram in (b"", b"\x09grp", b"\xff", b"\x03grp" + bytes(8189), b"\x03grplast"):
            plain.sendto(datagram, address_of(dish))
    assert missed(dish) == 4


async def test_radio_does_not_send_what_no_datagram_holds(context: aiomq.Context, plain: sockets.socket) -> None:
    radio = context.socket(aiomq.RADIO)
    radio.connect(endpoint_of(plain))
    for size in (8189, 70_000, 8188):
        await radio.send(bytes(size), group="grp")
    assert len(await heard_by(plain)) == 8192
    assert missed(radio) == 2


async def test_dish_that_does_not_read_misses_what_is_over_its_mark(context: aiomq.Context) -> None:
    dish, radio = context.socket(aiomq.DISH, rcvhwm=3), context.socket(aiomq.RADIO)
    dish.bind(LOCAL)
    dish.join("g")
    radio.connect(dish.last_endpoint)
    for number in range(10):
        await radio.send(b"%d" % number, group="g")
    await settled(lambda: missed(dish) == 7)
    assert [await dish.recv() for _ in range(3)] == [b"0", b"1", b"2"]
    await radio.send(b"next", group="g")
    assert await dish.recv() == b"next"


@pytest.mark.skipif(not sockets.has_ipv6, reason="there is no IPv6 here")
async def test_dish_and_radio_talk_ipv6(context: aiomq.Context) -> None:
    dish, radio = context.socket(aiomq.DISH, ipv6=1), context.socket(aiomq.RADIO, ipv6=1)
    dish.bind("udp://[::1]:*")
    dish.join("g")
    assert dish.last_endpoint.startswith("udp://[::1]:")
    radio.connect(dish.last_endpoint)
    await radio.send(b"six", group="g")
    assert await dish.recv() == b"six"


# -- multicast, on the loopback interface -----------------------------------------------------------------------------


@pytest.mark.parametrize("interface", LOOPBACK)
async def test_every_dish_of_a_multicast_group_receives(context: aiomq.Context, interface: str) -> None:
    first, second = context.socket(aiomq.DISH), context.socket(aiomq.DISH)
    first.bind(f"udp://{interface};{GROUP}:*")
    assert first.last_endpoint.startswith(f"udp://{interface};{GROUP}:")
    second.bind(first.last_endpoint)
    radio = context.socket(aiomq.RADIO)
    radio.connect(first.last_endpoint)
    for dish in (first, second):
        dish.join("g")
    await radio.send(b"to all", group="g")
    assert [await dish.recv() for dish in (first, second)] == [b"to all"] * 2


@pytest.mark.parametrize("loop", [False, True])
def test_multicast_options_reach_the_system(loop: bool) -> None:
    """Whether datagrams come back to their machine cannot be seen on the loopback interface: there they always do."""
    endpoint = parse(f"udp://127.0.0.1;{GROUP}:5555", for_bind=False)
    assert isinstance(endpoint, UdpEndpoint)
    options = SocketOptions(multicast_hops=7, multicast_loop=loop)
    with send_socket(endpoint, (GROUP, 5555), options) as sock:
        assert sock.getsockopt(sockets.IPPROTO_IP, sockets.IP_MULTICAST_LOOP) == loop
        assert sock.getsockopt(sockets.IPPROTO_IP, sockets.IP_MULTICAST_TTL) == 7
        assert sock.getsockopt(sockets.IPPROTO_IP, sockets.IP_MULTICAST_IF, 4) == bytes((127, 0, 0, 1))


@linux_only
@pytest.mark.skipif(not sockets.has_ipv6, reason="there is no IPv6 here")
def test_multicast_of_ipv6_is_joined_by_the_name_of_an_interface() -> None:
    options = SocketOptions(ipv6=True, multicast_hops=3)
    endpoint = UdpEndpoint("ff11::77", 0, "lo")
    with bind_socket(endpoint, options) as sock:
        assert sock.getsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_MULTICAST_HOPS) == 3
    with send_socket(UdpEndpoint("ff11::77", 5, "lo"), ("ff11::77", 5, 0, 0), options) as sock:
        assert sock.getsockopt(sockets.IPPROTO_IPV6, sockets.IPV6_MULTICAST_IF) == sockets.if_nametoindex("lo")
    with pytest.raises(OSError, match="need its name"):
        bind_socket(UdpEndpoint("ff11::77", 0, "::1"), options)


# -- addresses and options that cannot be -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "number"),
    [
        (f"udp://nosuch0;{GROUP}:5555", errno.ENODEV),
        ("udp://127.0.0.1;127.0.0.1:5555", errno.EINVAL),
        ("udp://127.0.0.1:0", errno.EINVAL),
        ("udp://*:5555", errno.EINVAL),
        ("udp://127.0.0.1", errno.EINVAL),
        ("udp://[::1]:5555", errno.ENODEV),
        (f"udp://;{GROUP}:5555", errno.EINVAL),
    ],
)
async def test_connect_to_what_cannot_be_is_refused(context: aiomq.Context, address: str, number: int) -> None:
    radio = context.socket(aiomq.RADIO)
    with pytest.raises(aiomq.ZMQError) as caught:
        radio.connect(address)
    assert caught.value.errno == number


@pytest.mark.parametrize(
    "address", [f"udp://nosuch0;{GROUP}:5555", "udp://nosuch0:5555", "udp://192.0.2.1:5555", "udp://1.2.3:x"]
)
async def test_bind_to_what_cannot_be_is_refused(context: aiomq.Context, address: str) -> None:
    dish = context.socket(aiomq.DISH)
    with pytest.raises(aiomq.ZMQError):
        dish.bind(address)


async def test_address_with_a_path_is_refused_as_one_of_udp(context: aiomq.Context) -> None:
    dish = context.socket(aiomq.DISH)
    with pytest.raises(aiomq.ZMQError, match="udp addresses end with the port and have no path"):
        dish.bind("udp://127.0.0.1:5555/path")


async def test_port_of_another_socket_is_refused(context: aiomq.Context) -> None:
    dish, other = context.socket(aiomq.DISH), context.socket(aiomq.DGRAM)
    dish.bind(LOCAL)
    with pytest.raises(aiomq.ZMQBindError) as caught:
        other.bind(dish.last_endpoint)
    assert caught.value.errno == errno.EADDRINUSE


@linux_only
async def test_bindtodevice_names_the_interface(context: aiomq.Context, plain: sockets.socket) -> None:
    radio = context.socket(aiomq.RADIO, bindtodevice="lo")
    radio.connect(endpoint_of(plain))
    await radio.send(b"body")
    assert await heard_by(plain) == b"\0body"
    radio.bindtodevice = "nosuch0"
    with pytest.raises(aiomq.ZMQError) as caught:
        radio.connect(endpoint_of(plain))
    assert caught.value.errno == errno.ENODEV


async def test_name_that_means_nothing_yet_is_looked_up_again(
    context: aiomq.Context, plain: sockets.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []
    real = sockets.getaddrinfo

    def look_up(host: str, *rest: Any) -> Any:
        attempts.append(host)
        if len(attempts) < 3:
            raise OSError(errno.EAGAIN, "the name server does not answer")
        return real(host, *rest)

    monkeypatch.setattr(sockets, "getaddrinfo", look_up)
    radio = context.socket(aiomq.RADIO, reconnect_ivl=1)
    monitor = radio.monitor()
    radio.connect(f"udp://localhost:{plain.getsockname()[1]}")
    await radio.send(b"kept")
    assert "does not answer" in (await until(monitor, Event.CONNECT_RETRIED)).reason
    assert await heard_by(plain) == b"\0kept"
    assert len(attempts) == 3


async def test_name_that_means_nothing_ends_without_reconnection(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: object) -> None:
        raise OSError(errno.ENOENT, "there is no such name")

    monkeypatch.setattr(sockets, "getaddrinfo", look_up)
    radio = context.socket(aiomq.RADIO, reconnect_ivl=-1)
    monitor = radio.monitor()
    radio.connect("udp://localhost:5555")
    assert "no such name" in (await until(monitor, Event.CLOSED)).reason
    assert "connected=[]" in repr(radio)


# -- DGRAM ------------------------------------------------------------------------------------------------------------


async def test_dgram_sends_and_receives_by_address(context: aiomq.Context, plain: sockets.socket) -> None:
    dgram = context.socket(aiomq.DGRAM)
    dgram.bind(LOCAL)
    await dgram.send_multipart([endpoint_of(plain).removeprefix("udp://").encode(), b"question"])
    assert await heard_by(plain) == b"question"
    plain.sendto(b"answer", address_of(dgram))
    assert await dgram.recv_multipart() == [endpoint_of(plain).removeprefix("udp://").encode(), b"answer"]


async def test_dgram_answers_with_the_address_that_it_got(context: aiomq.Context) -> None:
    one, other = context.socket(aiomq.DGRAM), context.socket(aiomq.DGRAM)
    for each in (one, other):
        each.bind(LOCAL)
    await one.send(other.last_endpoint.removeprefix("udp://").encode(), aiomq.SNDMORE)
    await one.send(b"")
    address, body = await other.recv_multipart()
    assert body == b""
    await other.send_multipart([address + b"\0", b"x" * 8192])  # as libzmq's users have it from their recv
    assert await one.recv_multipart() == [other.last_endpoint.removeprefix("udp://").encode(), b"x" * 8192]


@pytest.mark.parametrize(
    ("frames", "number"),
    [
        ([b"alone"], errno.EINVAL),
        ([b"127.0.0.1:5", b"a", b"b"], errno.EINVAL),
        ([b"localhost:5", b"a"], errno.EINVAL),
        ([b"127.0.0.1:5", bytes(8193)], errno.EMSGSIZE),
    ],
)
async def test_dgram_refuses_what_is_no_address_and_datagram(
    context: aiomq.Context, frames: list[bytes], number: int
) -> None:
    dgram = context.socket(aiomq.DGRAM)
    dgram.bind(LOCAL)
    with pytest.raises(aiomq.ZMQError) as caught:
        await dgram.send_multipart(frames)
    assert caught.value.errno == number


async def test_dgram_has_one_port_at_a_time(context: aiomq.Context, plain: sockets.socket) -> None:
    dgram = context.socket(aiomq.DGRAM)
    assert not dgram.ready_events() & aiomq.POLLOUT
    dgram.bind(LOCAL)
    first = dgram.last_endpoint
    dgram.bind(LOCAL)  # ends at once, as a second peer of a PAIR does
    assert dgram.ready_events() & aiomq.POLLOUT
    dgram.unbind(first)
    dgram.bind(LOCAL)
    plain.sendto(b"third", address_of(dgram))
    assert (await dgram.recv_multipart())[1] == b"third"


async def test_dgram_without_ipv6_does_not_reach_ipv6(context: aiomq.Context, plain: sockets.socket) -> None:
    dgram = context.socket(aiomq.DGRAM)
    dgram.bind(LOCAL)
    await dgram.send_multipart([b"[::1]:5555", b"lost"])
    await dgram.send_multipart([endpoint_of(plain).removeprefix("udp://").encode(), b"arrives"])
    assert await heard_by(plain) == b"arrives"
    assert missed(dgram) == 1


# -- the end ----------------------------------------------------------------------------------------------------------


async def test_unbind_and_disconnect_end_a_port(context: aiomq.Context) -> None:
    dish, radio = context.socket(aiomq.DISH), context.socket(aiomq.RADIO)
    monitor = dish.monitor()
    dish.bind(LOCAL)
    radio.connect(dish.last_endpoint)
    await opened(radio)
    radio.disconnect(dish.last_endpoint)
    dish.unbind(dish.last_endpoint)
    assert [each.event for each in [await until(monitor, Event.LISTENING), await until(monitor, Event.CLOSED)]]
    other = context.socket(aiomq.DISH)
    other.bind(dish.last_endpoint)
    with pytest.raises(aiomq.ZMQError) as caught:
        radio.disconnect(dish.last_endpoint)
    assert caught.value.errno == errno.ENOENT


async def test_closed_radio_sends_what_is_queued(context: aiomq.Context, plain: sockets.socket) -> None:
    radio = context.socket(aiomq.RADIO)
    radio.connect(endpoint_of(plain))  # its port is not open yet
    await radio.send(b"last")
    radio.close(linger=BOUND * 1000)
    assert await heard_by(plain) == b"\0last"


async def test_closed_radio_without_linger_drops_what_is_queued(context: aiomq.Context, plain: sockets.socket) -> None:
    radio = context.socket(aiomq.RADIO)
    radio.connect(endpoint_of(plain))
    await radio.send(b"never")
    await radio.aclose(linger=0)
    plain.setblocking(False)
    with pytest.raises(BlockingIOError):
        plain.recv(100)


def test_port_that_was_bound_without_a_loop_is_given_back() -> None:
    with aiomq.Context() as context:
        dish = context.socket(aiomq.DISH)
        dish.bind(LOCAL)
        address = address_of(dish)
        dish.close()
        with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as sock:
            sock.bind(address)

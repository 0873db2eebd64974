"""An address is text or its bytes in UTF-8, wherever one is given: LAST_ENDPOINT is bytes, and goes back as it came."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import zmq

import aiomq
import aiomq.compat.zmq.asyncio as compat
from tests.sockets.links import until

Endpoint = Callable[[], str]


def given(pull: aiomq.Socket) -> bytes:
    address = pull.getsockopt(aiomq.LAST_ENDPOINT)
    assert isinstance(address, bytes)
    return address


async def test_what_last_endpoint_gave_is_connected_to_and_disconnected(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
    bound = pull.bind(endpoint().encode())
    address = given(pull)

    connected = push.connect(address)

    text = address.decode()
    assert (bound.addr, connected.addr, pull.last_endpoint, push.last_endpoint) == (text, text, text, text)
    assert given(push) == address
    await push.send(b"x")
    assert await pull.recv() == b"x"
    assert f"bound=[{text}]" in repr(pull)
    assert f"connected=[{text}]" in repr(push)
    assert [peer.endpoint for peer in push.peers()] == [text]
    push.disconnect(address)
    with pytest.raises(aiomq.ZMQError, match=f"{text} is not connected") as caught:
        push.disconnect(address)
    assert caught.value.errno == errno.ENOENT
    pull.unbind(address)
    with pytest.raises(aiomq.ZMQError, match=f"{text} is not bound"):
        pull.unbind(address)


async def test_either_form_takes_back_the_other(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
    pull.bind(endpoint())
    with pull.bind(endpoint().encode()), push.connect(given(pull)):
        pass
    push.connect(given(pull))
    push.disconnect(pull.last_endpoint)
    push.connect(pull.last_endpoint)
    push.disconnect(given(pull))


async def test_unique_connect_is_the_same_in_either_form(context: aiomq.Context) -> None:
    router, dealer = context.socket(aiomq.ROUTER), context.socket(aiomq.DEALER)
    router.bind("tcp://127.0.0.1:*")
    dealer.connect(router.last_endpoint)
    dealer.connect(given(router))
    assert len(dealer._core.endpoints) == 1


async def test_random_port_of_an_address_in_bytes(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    port = pull.bind_to_random_port(b"tcp://127.0.0.1")
    other = pull.bind_to_random_port(b"tcp://127.0.0.1", 20_000, 60_000)
    pull.unbind(b"tcp://127.0.0.1:%d" % port)
    pull.unbind(b"tcp://127.0.0.1:%d" % other)


async def test_failed_bind_is_told_with_text(context: aiomq.Context) -> None:
    pull, other = context.socket(aiomq.PULL), context.socket(aiomq.PULL)
    pull.bind(b"tcp://127.0.0.1:*")
    monitor = other.monitor(events=aiomq.Event.BIND_FAILED)
    events = other.get_monitor_socket(aiomq.Event.BIND_FAILED, b"inproc://events")
    with pytest.raises(aiomq.ZMQBindError, match=f"cannot bind {pull.last_endpoint}: "):
        other.bind(given(pull))
    assert (await anext(monitor)).endpoint == pull.last_endpoint
    assert (await aiomq.recv_monitor_message(events))["endpoint"] == given(pull)


async def test_peer_is_connected_to_by_bytes(context: aiomq.Context, endpoint: Endpoint) -> None:
    server, client = context.socket(aiomq.PEER), context.socket(aiomq.PEER)
    server.bind(endpoint())
    routing_id = client.connect_peer(given(server))
    await client.send(b"x", routing_id=routing_id)
    assert await server.recv() == b"x"


async def test_datagrams_by_bytes(context: aiomq.Context) -> None:
    dish, radio = context.socket(aiomq.DISH), context.socket(aiomq.RADIO)
    dish.bind(b"udp://127.0.0.1:*")
    radio.connect(given(dish))
    radio.disconnect(given(dish))
    dish.unbind(given(dish))


CALLS: Final[dict[str, Callable[[Any, Any], object]]] = {
    "bind": lambda socket, address: socket.bind(address),
    "connect": lambda socket, address: socket.connect(address),
    "unbind": lambda socket, address: socket.unbind(address),
    "disconnect": lambda socket, address: socket.disconnect(address),
    "bind_to_random_port": lambda socket, address: socket.bind_to_random_port(address),
    "connect_peer": lambda socket, address: socket.connect_peer(address),
    "monitor": lambda socket, address: socket.monitor(address),
    "get_monitor_socket": lambda socket, address: socket.get_monitor_socket(None, address),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("address", [bytearray(b"inproc://a"), memoryview(b"inproc://a"), Path("/a"), 5555, ["a"]])
async def test_anything_else_is_a_type_error_at_the_call(context: aiomq.Context, call: str, address: object) -> None:
    peer = context.socket(aiomq.PEER)
    with pytest.raises(TypeError, match="an address is str or bytes, not"):
        CALLS[call](peer, address)
    assert (peer.last_endpoint, peer._core.endpoints) == ("", {})


@pytest.mark.parametrize("call", CALLS)
async def test_bytes_that_are_no_text_are_einval(context: aiomq.Context, call: str) -> None:
    peer = context.socket(aiomq.PEER)
    with pytest.raises(aiomq.ZMQError, match="is not UTF-8") as caught:
        CALLS[call](peer, b"inproc://\xff")
    assert caught.value.errno == errno.EINVAL
    assert (peer.last_endpoint, peer._core.endpoints) == ("", {})


async def test_bytes_go_to_and_come_from_libzmq(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    with zmq.Context() as theirs, theirs.socket(zmq.PULL) as bound, context.socket(aiomq.PUSH) as push:
        bound.bind("tcp://127.0.0.1:*")
        address: Any = bound.getsockopt(zmq.LAST_ENDPOINT)
        assert type(address) is bytes
        push.connect(address)
        await push.wait_connected()
        pull.bind(b"tcp://127.0.0.1:*")
        with theirs.socket(zmq.PUSH) as connected:
            connected.linger = 0
            connected.connect(given(pull))  # type: ignore[arg-type]  # it takes bytes
            await until(lambda: len(pull.peers()) == 1)


async def test_layer_for_pyzmq_takes_bytes_and_refuses_the_rest(endpoint: Endpoint) -> None:
    async with compat.Context() as context:
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.bind(endpoint().encode())
        address = pull.getsockopt(zmq.LAST_ENDPOINT)
        with push.connect(address) as same:
            assert same is push
            await push.send(b"x")
            assert await pull.recv() == b"x"
        pull.unbind(address)
        for call in ("bind", "connect", "unbind", "disconnect", "monitor"):
            with pytest.raises(TypeError, match="an address is str or bytes"):
                CALLS[call](push, Path("/a"))
            with pytest.raises(aiomq.ZMQError, match="is not UTF-8"):
                CALLS[call](push, b"inproc://\xff")

"""What `Socket` is apart from its messages: endpoints, options, its text, and its end."""

from __future__ import annotations

import asyncio
import errno
import socket as system
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import aiomq
from tests.sockets.links import linked, started, still_works, turns, until

Endpoint = Callable[[], str]


# -- bind and connect -------------------------------------------------------------------------------------------------


async def test_bind_has_bound_and_last_endpoint_tells_where(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)

    bound = pull.bind("tcp://127.0.0.1:*")

    assert bound.addr == pull.last_endpoint == pull.get_string(aiomq.LAST_ENDPOINT)
    host, port = pull.last_endpoint.removeprefix("tcp://").split(":")
    with system.create_connection((host, int(port)), timeout=5):
        await turns(3)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:0", "inproc://taken"])  # ipc takes a path over, as in libzmq
async def test_bind_of_what_is_bound_raises_at_once(context: aiomq.Context, address: str) -> None:
    first, second = context.socket(aiomq.PULL), context.socket(aiomq.PULL)
    first.bind(address)

    with pytest.raises(aiomq.ZMQError, match=r"bound by another|in use") as caught:
        second.bind(first.last_endpoint)

    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("tcp://127.0.0.1", errno.EINVAL),
        ("nonsense", errno.EINVAL),
        ("tcp://127.0.0.1:99999", errno.EINVAL),
        ("gopher://host:1", errno.EPROTONOSUPPORT),
    ],
)
async def test_malformed_addresses_are_refused_and_change_nothing(
    context: aiomq.Context, address: str, number: int
) -> None:
    socket = context.socket(aiomq.DEALER)

    for call in (socket.bind, socket.connect):
        with pytest.raises(aiomq.ZMQError) as caught:
            call(address)
        assert caught.value.errno == number

    assert socket.last_endpoint == ""
    assert "bound=[] connected=[]" in repr(socket)


async def test_unbind_ends_the_connections_that_came_by_it(context: aiomq.Context) -> None:
    pull, push = linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")
    await pull.recv()

    with push.monitor() as events:
        pull.unbind(pull.last_endpoint)
        async for event in events:
            if event.event is aiomq.Event.DISCONNECTED:
                break

    assert "bound=[]" in repr(pull)


async def test_disconnect_ends_the_connection(context: aiomq.Context) -> None:
    pull, push = linked(context, "tcp://127.0.0.1:0", aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")
    await pull.recv()

    with pull.monitor() as events:
        push.disconnect(pull.last_endpoint)
        async for event in events:
            if event.event is aiomq.Event.DISCONNECTED:
                break

    with pytest.raises(aiomq.Again):
        push.send_nowait(b"nobody is there")


async def test_disconnect_drops_what_was_not_read_and_what_arrives_later(context: aiomq.Context) -> None:
    bound, connected = linked(context, "tcp://127.0.0.1:0", aiomq.DEALER, aiomq.DEALER, linger=-1)
    await bound.send_many([b"unread"] * 10)
    await connected.recv()

    connected.disconnect(bound.last_endpoint)
    await bound.send_many([b"late"] * 10)
    await turns(20)

    with pytest.raises(aiomq.Again):
        connected.recv_nowait()


async def test_unbind_and_disconnect_of_what_is_not_there_say_what_is(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PULL)
    socket.bind("inproc://bound")
    socket.connect("inproc://connected")

    with pytest.raises(aiomq.ZMQError, match="inproc://connected is not bound on this socket: inproc://bound is"):
        socket.unbind("inproc://connected")
    with pytest.raises(aiomq.ZMQError, match="not connected on this socket: inproc://connected is") as caught:
        socket.disconnect("inproc://bound")
    socket.unbind("inproc://bound")
    with pytest.raises(aiomq.ZMQError, match="nothing is"):
        socket.unbind("inproc://bound")

    assert caught.value.errno == errno.ENOENT


async def test_bind_and_connect_as_context_managers_take_themselves_back(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)

    with pull.bind(endpoint()) as bound, push.connect(bound.addr) as connected:
        assert bound.addr in repr(bound)
        assert connected.addr == bound.addr
        await still_works(push, pull)
    await until(lambda: "bound=[] connected=[]" in repr(pull))
    await until(lambda: "connected=[]" in repr(push))

    with pull.bind(endpoint()):  # an error in the block is not hidden by the end of one that is gone already
        pull.close()


async def test_bind_to_random_port_gives_the_port(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)

    any_port = pull.bind_to_random_port("tcp://127.0.0.1")
    assert pull.last_endpoint == f"tcp://127.0.0.1:{any_port}"
    chosen = pull.bind_to_random_port("tcp://127.0.0.1", min_port=20_000, max_port=30_000)

    assert 20_000 <= chosen < 30_000
    push = context.socket(aiomq.PUSH)
    push.connect(f"tcp://127.0.0.1:{chosen}")
    await still_works(push, pull)


async def test_bind_to_random_port_gives_up_after_its_tries(context: aiomq.Context) -> None:
    first, second = context.socket(aiomq.PULL), context.socket(aiomq.PULL)
    taken = first.bind_to_random_port("tcp://127.0.0.1")

    with pytest.raises(aiomq.ZMQBindError, match=f"no free port for tcp://127.0.0.1 from {taken}"):
        second.bind_to_random_port("tcp://127.0.0.1", min_port=taken, max_port=taken + 1, max_tries=3)
    with pytest.raises(aiomq.ZMQError, match="ports are from 1 to 65535"):
        second.bind_to_random_port("tcp://127.0.0.1", min_port=5, max_port=5)


async def test_connect_twice_is_ignored_or_doubled_as_the_type_has_it(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind("inproc://twice")
    push, dealer = context.socket(aiomq.PUSH), context.socket(aiomq.DEALER)
    for socket in (push, dealer):
        socket.connect("inproc://twice")
        socket.connect("inproc://twice")

    assert "peers=2" in repr(push)
    assert "peers=1" in repr(dealer)


# -- options ----------------------------------------------------------------------------------------------------------


async def test_options_are_one_whichever_way_they_are_set_and_read(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.DEALER, sndhwm=5, routing_id=b"me")

    assert (socket.sndhwm, socket.get(aiomq.SNDHWM), socket.getsockopt(aiomq.SNDHWM)) == (5, 5, 5)
    assert (socket.routing_id, socket.identity, socket.get_string("routing_id")) == (b"me", b"me", "me")
    socket.linger = 10
    assert socket.get(aiomq.LINGER) == 10
    socket.setsockopt(aiomq.LINGER, 20)
    assert socket.get("linger") == 20
    socket.set("hwm", 7)
    assert (socket.sndhwm, socket.rcvhwm, socket.hwm) == (7, 7, 7)
    socket.set_string(aiomq.ROUTING_ID, "ü")
    assert socket.getsockopt_string(aiomq.ROUTING_ID) == "ü"


async def test_options_that_say_what_the_socket_is_cannot_be_set(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.XPUB)

    assert socket.type is aiomq.SocketType.XPUB
    assert socket.get(aiomq.TYPE) == aiomq.XPUB
    assert socket.socket_type is aiomq.SocketType.XPUB
    assert socket.context is context
    assert socket.topics_count == 0
    assert socket.events == aiomq.POLLOUT
    with pytest.raises(aiomq.ZMQError, match="read-only") as caught:
        socket.set(aiomq.TYPE, 1)
    assert caught.value.errno == errno.EINVAL


async def test_options_refuse_values_they_do_not_take(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PULL)

    with pytest.raises(aiomq.ZMQError, match="SNDHWM takes an integer from 0"):
        socket.sndhwm = -1
    with pytest.raises(TypeError, match="SNDHWM takes"):
        socket.set(aiomq.SNDHWM, "many")
    with pytest.raises(aiomq.ZMQError, match="no socket option with number 4711"):
        socket.set(4711, 1)
    with pytest.raises(aiomq.ZMQError, match="did you mean sndhwm"):
        socket.get("sndhwn")
    with pytest.raises(TypeError, match="takes a str, not bytes"):
        socket.set_string(aiomq.ROUTING_ID, b"x")  # type: ignore[arg-type]  # the error is what is tested
    with pytest.raises(TypeError, match="is a number, not a text"):
        socket.get_string(aiomq.SNDHWM)


async def test_attributes_that_do_not_exist_say_so_and_suggest(
    context: aiomq.Context, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = context.socket(aiomq.PULL)

    with pytest.raises(AttributeError, match="has no attribute 'sndhmw'"):
        socket.sndhmw = 5  # type: ignore[attr-defined]  # the error is what is tested
    with pytest.raises(AttributeError, match="has no attribute 'qqqqqqqqqqqq'"):
        socket.qqqqqqqqqqqq  # type: ignore[attr-defined]  # noqa: B018  # the access is what is tested
    with pytest.raises(AttributeError) as caught:
        socket.recvstring  # type: ignore[attr-defined]  # noqa: B018  # the access is what is tested
    sys.__excepthook__(caught.type, caught.value, caught.tb)
    assert "Did you mean: 'recv_string'" in capsys.readouterr().err


async def test_subscribe_takes_text_and_bytes_in_every_form_and_counts(context: aiomq.Context) -> None:
    sub = context.socket(aiomq.SUB)

    sub.subscribe("a")
    sub.subscribe(b"a")
    sub.set(aiomq.SUBSCRIBE, b"b")
    sub.setsockopt_string(aiomq.SUBSCRIBE, "c")
    assert sub.topics_count == 3
    sub.unsubscribe("a")
    assert sub.topics_count == 3
    sub.setsockopt(aiomq.UNSUBSCRIBE, b"a")
    sub.unsubscribe(b"never subscribed")

    assert sub.topics_count == 2
    with pytest.raises(TypeError, match="a topic is bytes or str, not int"):
        sub.subscribe(5)  # type: ignore[arg-type]  # the error is what is tested
    with pytest.raises(aiomq.ZMQError, match="SUB"):
        context.socket(aiomq.PULL).subscribe(b"")


async def test_subscriptions_made_before_connecting_hold(context: aiomq.Context, endpoint: Endpoint) -> None:
    sub, pub = context.socket(aiomq.SUB), context.socket(aiomq.PUB)
    sub.subscribe("news")
    pub.bind(endpoint())
    sub.connect(pub.last_endpoint)
    await until(lambda: pub.topics_count)

    await pub.send_many([b"other", [b"newsflash", b"body"]])

    assert await sub.recv_multipart() == [b"newsflash", b"body"]


async def test_routing_id_is_what_a_router_sees(context: aiomq.Context, endpoint: Endpoint) -> None:
    router, dealer = context.socket(aiomq.ROUTER), context.socket(aiomq.DEALER, routing_id=b"me")
    router.bind(endpoint())
    dealer.connect(router.last_endpoint)

    await dealer.send(b"hello")
    assert await router.recv_multipart() == [b"me", b"hello"]
    await router.send_multipart([b"me", b"welcome"])

    assert await dealer.recv() == b"welcome"


# -- what it shows ----------------------------------------------------------------------------------------------------


async def test_repr_tells_endpoints_peers_and_queues(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://repr", aiomq.PULL, aiomq.PUSH)
    await push.send_many([b"x"] * 3)

    assert repr(pull) == "<aiomq.Socket PULL bound=[inproc://repr] connected=[] peers=1 queued out=0 in=3>"
    assert repr(push) == "<aiomq.Socket PUSH bound=[] connected=[inproc://repr] peers=1 queued out=3 in=0>"
    push.close()
    assert repr(push) == "<aiomq.Socket PUSH closed>"


# -- the end ----------------------------------------------------------------------------------------------------------


async def test_closed_socket_refuses_everything_but_being_closed(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.DEALER)
    socket.bind("inproc://closed")
    socket.close()
    socket.close()
    await socket.aclose()

    calls: list[Callable[[], object]] = [
        lambda: socket.bind("inproc://x"),
        lambda: socket.connect("inproc://x"),
        lambda: socket.unbind("inproc://closed"),
        lambda: socket.disconnect("inproc://closed"),
        lambda: socket.send_nowait(b"x"),
        lambda: socket.send_multipart_nowait([b"x"]),
        socket.recv_nowait,
        socket.recv_multipart_nowait,
        socket.monitor,
        lambda: socket.linger,
        lambda: socket.set(aiomq.LINGER, 0),
        lambda: socket.events,
    ]
    for call in calls:
        with pytest.raises(aiomq.ZMQError, match="closed") as caught:
            call()
        assert caught.value.errno == errno.ENOTSOCK
    for operation in (socket.send(b"x"), socket.send_multipart([b"x"]), socket.recv(), socket.recv_many()):
        with pytest.raises(aiomq.ZMQError, match=r"closed \(it was made at .*links\.py:\d+\)"):
            await operation
    with pytest.raises(aiomq.ZMQError, match="closed"):
        await socket.poll(0)
    assert socket.closed


async def test_close_ends_whatever_waits_on_the_socket(context: aiomq.Context, endpoint: Endpoint) -> None:
    socket = context.socket(aiomq.DEALER)
    socket.bind(endpoint())
    waiting = [
        await started(socket.recv()),
        await started(socket.recv_many()),
        await started(socket.send(b"x")),
        await started(socket.send_many([b"x"])),
        await started(socket.poll()),
    ]

    socket.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [aiomq.ZMQError] * 5
    assert all("closed" in str(result) for result in results)


async def test_close_in_the_turn_of_a_wake_up_ends_that_wait(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await still_works(push, pull)
    waiting = await started(pull.recv())

    await push.send(b"x")
    await until(lambda: pull.events)  # the message is there, and the waiter woken
    pull.close()

    with pytest.raises(aiomq.ZMQError, match="closed"):
        await waiting


async def test_close_from_inside_the_socket_s_own_receiving_task_is_fine(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send_many([b"x"] * 5)

    async with pull:
        assert await pull.recv() == b"x"

    assert pull.closed


async def test_sockets_and_contexts_are_context_managers() -> None:
    with aiomq.Context() as context:
        with context.socket(aiomq.PULL) as pull:
            pull.bind("inproc://with")
        assert pull.closed
    assert context.closed
    async with aiomq.Context() as other:
        async with other.socket(aiomq.PUSH) as push:
            push.connect("inproc://with")
        assert push.closed
    assert other.closed


async def test_endpoint_of_a_closed_socket_is_free_again(
    context: aiomq.Context, transport: str, endpoint: Endpoint, tmp_path: Path
) -> None:
    first, second, push = context.socket(aiomq.PULL), context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
    first.bind(f"ipc://{tmp_path}/s" if transport == "ipc" else endpoint())
    address = first.last_endpoint
    await first.aclose()

    second.bind(address)

    push.connect(address)
    await still_works(push, second)

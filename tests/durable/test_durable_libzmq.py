"""Durable sockets and libzmq: its peers that announce a routing id are remembered, and it takes what ours announce."""

from __future__ import annotations

import asyncio

import pytest
import zmq

import aiomq
from tests.durable.stays import away, subscribed
from tests.sockets.links import until
from tests.transports.judge import Judge, LibzmqSocket, off_loop, receive


def dialled(judge: Judge, sender: aiomq.Socket, kind: int) -> LibzmqSocket:
    """Return a socket of libzmq with a routing id, connected to the sender."""
    made = judge.socket(kind, routing_id=b"theirs")
    made.connect(sender.last_endpoint)
    return made


async def left(sender: aiomq.Socket, peer: LibzmqSocket) -> None:
    """Let a peer go, and wait until the sender knows."""
    peer.close()
    await until(lambda: away(sender))


async def test_dealer_of_libzmq_gets_what_a_router_queued_for_it(
    context: aiomq.Context, judge: Judge, address: str
) -> None:
    router = context.socket(aiomq.ROUTER, durable=60.0, router_mandatory=1)
    router.bind(address)
    first = dialled(judge, router, zmq.DEALER)
    first.send(b"hello")
    assert await router.recv_multipart() == [b"theirs", b"hello"]
    await left(router, first)
    for number in range(20):
        await router.send_multipart([b"theirs", b"%d" % number, b"more"])

    second = dialled(judge, router, zmq.DEALER)

    for number in range(20):
        assert await receive(second) == [b"%d" % number, b"more"]


@pytest.mark.parametrize("kind", [zmq.DEALER, zmq.ROUTER])
async def test_peer_of_libzmq_gets_what_a_dealer_queued_for_it(
    context: aiomq.Context, judge: Judge, address: str, kind: int
) -> None:
    dealer = context.socket(aiomq.DEALER, durable=60.0, routing_id=b"ours")
    dealer.bind(address)
    first = dialled(judge, dealer, kind)
    await dealer.wait_connected()
    await left(dealer, first)
    for number in range(20):
        await dealer.send(b"%d" % number)

    second = dialled(judge, dealer, kind)

    for number in range(20):
        assert (await receive(second))[-1] == b"%d" % number


async def test_peer_of_libzmq_gets_what_a_store_kept_for_it(
    context: aiomq.Context, judge: Judge, address: str, tmp_path: object
) -> None:
    path = f"{tmp_path}/queues.db"
    dealer = context.socket(aiomq.DEALER, durable=60.0, durable_store=path)
    dealer.bind(address)
    first = dialled(judge, dealer, zmq.DEALER)
    await dealer.wait_connected()
    await left(dealer, first)
    await dealer.send_many([b"%d" % number for number in range(50)])
    await dealer.aclose()

    dealer = context.socket(aiomq.DEALER, durable=60.0, durable_store=path)
    dealer.bind(address)
    second = dialled(judge, dealer, zmq.DEALER)

    for number in range(50):
        assert await receive(second) == [b"%d" % number]


@pytest.mark.parametrize("kind", [aiomq.REP, aiomq.ROUTER])
async def test_req_of_libzmq_gets_its_reply_over_its_next_connection(
    context: aiomq.Context, judge: Judge, address: str, kind: int
) -> None:
    server = context.socket(kind, durable=60.0)
    server.bind(address)
    req = judge.socket(zmq.REQ, routing_id=b"theirs", reconnect_ivl=50)
    req.connect(server.last_endpoint)
    req.send(b"question")
    *envelope, question = await server.recv_multipart()
    assert question == b"question"
    (listener,) = server._core.endpoints.values()
    (connection,) = listener._connections  # type: ignore[attr-defined]  # the network breaks
    connection.transport.abort()
    await until(lambda: away(server))
    await server.send_multipart([*envelope, b"answer"])

    assert await receive(req) == [b"answer"]


@pytest.mark.parametrize(("ours", "theirs"), [(aiomq.PUB, zmq.SUB), (aiomq.PUSH, zmq.PULL)])
async def test_types_of_libzmq_that_announce_nothing_are_served_and_not_remembered(
    context: aiomq.Context, judge: Judge, address: str, ours: int, theirs: int
) -> None:
    sender = context.socket(ours, durable=60.0)
    sender.bind(address)
    peer = judge.socket(theirs, routing_id=b"theirs")
    if theirs == zmq.SUB:
        peer.subscribe(b"")
    peer.connect(sender.last_endpoint)
    if ours == aiomq.PUB:
        await subscribed(sender)
    else:
        await sender.wait_connected()
    await sender.send(b"x")
    assert await receive(peer) == [b"x"]
    peer.close()

    await until(lambda: not sender.peers())


PARTNERS = [
    (aiomq.SUB, zmq.PUB),
    (aiomq.SUB, zmq.XPUB),
    (aiomq.XSUB, zmq.PUB),
    (aiomq.PUB, zmq.SUB),
    (aiomq.XPUB, zmq.XSUB),
    (aiomq.PULL, zmq.PUSH),
    (aiomq.PUSH, zmq.PULL),
    (aiomq.PAIR, zmq.PAIR),
    (aiomq.REP, zmq.REQ),
    (aiomq.REP, zmq.DEALER),
]


@pytest.mark.parametrize("pair", PARTNERS)
@pytest.mark.parametrize("secured", [False, True], ids=["null", "curve"])
async def test_libzmq_takes_an_identity_from_types_that_announce_none_there(
    context: aiomq.Context, judge: Judge, address: str, pair: tuple[int, int], secured: bool
) -> None:
    ours, theirs = pair
    public, secret = zmq.curve_keypair()
    mine, my_secret = aiomq.curve_keypair()
    server = {"curve_server": 1, "curve_secretkey": secret} if secured else {}
    client = {"curve_publickey": mine, "curve_secretkey": my_secret, "curve_serverkey": public} if secured else {}
    peer = judge.socket(theirs, **server)
    peer.bind(address)
    socket = context.socket(ours, routing_id=b"announced", **client)
    socket.connect(peer.getsockopt_string(zmq.LAST_ENDPOINT))
    async with asyncio.timeout(10):
        await socket.wait_connected()
        await exchanged(socket, peer)


async def exchanged(socket: aiomq.Socket, peer: LibzmqSocket) -> None:
    """Check that a message comes through, in a direction that the types have."""
    if socket.socket_type in {aiomq.SUB, aiomq.XSUB, aiomq.PULL, aiomq.REP}:
        if socket.socket_type == aiomq.SUB:
            socket.subscribe(b"")
        elif socket.socket_type == aiomq.XSUB:
            await socket.send(b"\1")
        is_publisher = peer.getsockopt(zmq.TYPE) in {zmq.PUB, zmq.XPUB}
        await (repeated(socket, peer) if is_publisher else once(socket, peer))
        return
    if socket.socket_type in {aiomq.PUB, aiomq.XPUB}:
        if peer.getsockopt(zmq.TYPE) == zmq.SUB:
            peer.setsockopt(zmq.SUBSCRIBE, b"")
        else:
            peer.send(b"\1")
        receiving = asyncio.get_running_loop().create_task(receive(peer))  # only a call lets libzmq subscribe
        await subscribed(socket)
        await socket.send(b"message")
        assert await receiving == [b"message"]
        return
    await socket.send(b"message")
    assert await receive(peer) == [b"message"]


async def once(socket: aiomq.Socket, peer: LibzmqSocket) -> None:
    """Let libzmq send one message."""
    envelope = [b""] if peer.getsockopt(zmq.TYPE) == zmq.DEALER else []
    await off_loop(peer.send_multipart, [*envelope, b"message"])
    assert await socket.recv_multipart() == [b"message"]


async def repeated(socket: aiomq.Socket, peer: LibzmqSocket) -> None:
    """Let libzmq publish until it knows of the subscription."""
    receiving = asyncio.get_running_loop().create_task(socket.recv_multipart())
    while not receiving.done():
        await off_loop(peer.send_multipart, [b"message"])
        await asyncio.sleep(0)
    assert await receiving == [b"message"]

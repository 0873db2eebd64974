"""Frames: what `copy=False` gives, where it came from, and `recv_into`."""

from __future__ import annotations

import array
import copy
import errno
import pickle
import sys
from collections.abc import Callable
from typing import Any

import pytest

import aiomq
from tests.sockets.links import linked, started, turns, until

Endpoint = Callable[[], str]


def test_frame_gives_its_content_in_every_form() -> None:
    frame = aiomq.Frame(bytearray(b"content"))

    assert bytes(frame) == frame.bytes == bytes(frame.buffer) == b"content"
    assert len(frame) == 7
    assert frame.buffer.readonly
    assert not frame.more
    assert frame.tracker is None
    assert bytes(aiomq.Frame()) == b""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the buffer protocol is open to Python classes from 3.12 on")
def test_frame_is_a_buffer() -> None:
    assert bytes(memoryview(aiomq.Frame(b"content"))[1:3]) == b"on"  # type: ignore[arg-type,unused-ignore]  # 3.12


def test_frame_is_no_buffer_before_python_3_12_and_its_buffer_is_one_everywhere() -> None:
    frame = aiomq.Frame(b"content")

    assert bytes(memoryview(frame.buffer)[1:3]) == b"on"
    if sys.version_info < (3, 12):
        with pytest.raises(TypeError, match="bytes-like object is required"):
            memoryview(frame)  # type: ignore[arg-type,unused-ignore]  # the error is what is tested


@pytest.mark.parametrize("part", [slice(0, 4), slice(None), (0, 4), None])
def test_frame_is_cut_by_its_bytes_and_says_so(part: Any) -> None:
    with pytest.raises(TypeError, match=rf"not by {type(part).__name__}: write frame.bytes\[...\]"):
        aiomq.Frame(b"content")[part]


def test_frame_looked_up_by_number_says_where_its_octets_are() -> None:
    with pytest.raises(aiomq.ZMQError, match=r"0 cannot be read from a frame.*frame.bytes") as caught:
        aiomq.Frame(b"content")[0]
    assert caught.value.errno == errno.EINVAL


def test_frame_equals_itself_only() -> None:
    one, other = aiomq.Frame(b"a"), aiomq.Frame(b"a")

    assert one == one  # noqa: PLR0124  # this is what is tested
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"short", "<aiomq.Frame(b'short')>"),
        (b"x" * 16, f"<aiomq.Frame({b'x' * 16!r})>"),
        (b"x" * 17, f"<aiomq.Frame({b'x' * 12!r}...17B)>"),
        (b"x" * 5000, f"<aiomq.Frame({b'x' * 12!r}...5kB)>"),
        (b"x" * 3_000_000, f"<aiomq.Frame({b'x' * 12!r}...3MB)>"),
    ],
    ids=len,
)
def test_frame_shows_how_it_begins_and_how_long_it_is(data: bytes, shown: str) -> None:
    assert repr(aiomq.Frame(data)) == str(aiomq.Frame(data)) == shown


@pytest.mark.parametrize("wrong", ["text", 5, [b"a"]])
def test_frame_of_no_bytes_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="frame is bytes"):
        aiomq.Frame(wrong)


def test_frame_routing_id_and_group_can_be_set_and_read() -> None:
    frame = aiomq.Frame(b"a")
    frame.routing_id = 7
    frame.group = "news"

    assert frame.get("routing_id") == frame["routing_id"] == frame.routing_id == 7
    assert frame.get("group") == frame.group == "news"
    frame.set("group", b"weather")
    frame.set("routing_id", 8)
    assert (frame.group, frame.routing_id) == ("weather", 8)
    copied = copy.copy(frame)
    assert (copied.group, copied.routing_id, copied.bytes) == ("weather", 8, b"a")


@pytest.mark.parametrize(
    ("name", "value"), [("routing_id", 0), ("routing_id", 2**32), ("group", "g" * 256), ("more", 1), (1, 1)]
)
def test_frame_set_to_what_cannot_be_is_einval(name: str | int, value: int | str) -> None:
    with pytest.raises(aiomq.ZMQError) as caught:
        aiomq.Frame(b"a").set(name, value)

    assert caught.value.errno == errno.EINVAL


def test_frame_group_that_is_neither_text_nor_octets_is_refused() -> None:
    frame = aiomq.Frame(b"a")
    with pytest.raises(TypeError, match="not int"):
        frame.group = 5  # type: ignore[assignment]  # this is what is tested
    assert frame.group == ""


@pytest.mark.parametrize("name", ["routing_id", "group", "User-Id", b"Peer-Address", int(aiomq.SRCFD), 99])
def test_frame_get_of_what_is_not_known_is_einval(name: Any) -> None:
    with pytest.raises(aiomq.ZMQError) as caught:
        aiomq.Frame(b"a").get(name)

    assert caught.value.errno == errno.EINVAL


async def test_recv_without_copy_gives_a_frame(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    for _ in range(3):
        await push.send(b"a")
    await push.send_multipart([b"b", b"c", b"d"])

    first = await pull.recv(copy=False)
    assert isinstance(first, aiomq.Frame)
    assert (first.bytes, first.more, first.tracker) == (b"a", False, None)
    assert await pull.recv() == b"a"
    (only,) = await pull.recv_multipart(copy=False, track=True)
    assert only.bytes == b"a"
    assert only.tracker is not None
    assert only.tracker.done
    begun = await pull.recv(copy=False)
    assert (begun.bytes, begun.more, begun.get(aiomq.MORE)) == (b"b", True, 1)
    assert pull.rcvmore
    rest = await pull.recv_multipart(copy=False)
    assert [(frame.bytes, frame.more) for frame in rest] == [(b"c", True), (b"d", False)]
    assert not pull.rcvmore


async def test_recv_without_copy_goes_on_with_a_message_that_was_begun(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send_multipart([b"a", b"b", b"c"])

    assert await pull.recv() == b"a"
    frame = await pull.recv(copy=False)
    assert (frame.bytes, frame.more) == (b"b", True)
    frame = await pull.recv(copy=False)
    assert (frame.bytes, frame.more) == (b"c", False)


async def test_frames_can_be_sent_wherever_bytes_can(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    frame = aiomq.Frame(b"f")

    await push.send(frame)
    await push.send(frame, copy=False)
    await push.send_multipart([frame, b"x", frame], copy=False)
    push.send_nowait(frame)
    await push.send_many([frame, [frame, frame]])

    received = [await pull.recv_multipart() for _ in range(6)]
    assert received == [[b"f"], [b"f"], [b"f", b"x", b"f"], [b"f"], [b"f"], [b"f", b"f"]]
    with pytest.raises(TypeError, match="use send"):
        await push.send_multipart(frame)  # type: ignore[call-overload]  # this is what is tested


async def test_frame_knows_who_sent_it(context: aiomq.Context) -> None:
    router = context.socket(aiomq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    dealer = context.socket(aiomq.DEALER, routing_id=b"me")
    dealer.connect(router.last_endpoint)
    await dealer.send(b"hello")

    frames = await router.recv_multipart(copy=False)

    assert [frame.bytes for frame in frames] == [b"me", b"hello"]
    for frame in frames:
        assert frame["Peer-Address"] == "127.0.0.1"
        assert frame.get("Socket-Type") == frame.get(b"socket-type") == "DEALER"
        assert frame["Routing-Id"] == frame["Identity"] == "me"
        with pytest.raises(aiomq.ZMQError):
            frame.get("User-Id")


@pytest.mark.parametrize("receiver", [aiomq.DEALER, aiomq.ROUTER, aiomq.PULL, aiomq.REP, aiomq.PAIR, aiomq.SUB])
async def test_frames_know_which_of_several_senders_they_are_from(context: aiomq.Context, receiver: int) -> None:
    senders = {aiomq.PULL: aiomq.PUSH, aiomq.PAIR: aiomq.PAIR, aiomq.SUB: aiomq.XPUB, aiomq.REP: aiomq.REQ}
    bound = context.socket(receiver)
    bound.bind("tcp://127.0.0.1:*")
    if receiver == aiomq.SUB:
        bound.subscribe("")
    count = 1 if receiver == aiomq.PAIR else 3
    for number in range(count):
        sender = context.socket(senders.get(aiomq.SocketType(receiver), aiomq.DEALER))
        if receiver not in (aiomq.PULL, aiomq.PAIR, aiomq.SUB):
            sender.routing_id = b"sender %d" % number
        sender.connect(bound.last_endpoint)
        if receiver == aiomq.SUB:
            await sender.recv()
        await sender.send(b"%d" % number)

    for _ in range(count):
        frames = await bound.recv_multipart(copy=False)
        assert frames[-1]["Peer-Address"] == "127.0.0.1"
        if receiver not in (aiomq.PULL, aiomq.PAIR, aiomq.SUB):
            assert frames[-1]["Routing-Id"] == f"sender {int(frames[-1].bytes)}"
        if receiver == aiomq.REP:
            await bound.send(b"")


async def test_frame_of_a_granted_message_knows_its_sender(context: aiomq.Context) -> None:
    """Runs of messages from one peer go the shortest way, on which nobody notes whom they come from."""
    bound = context.socket(aiomq.DEALER)
    bound.bind("tcp://127.0.0.1:*")
    first, second = (context.socket(aiomq.DEALER, routing_id=each) for each in (b"first", b"second"))
    first.connect(bound.last_endpoint)
    await first.send(b"one")
    assert (await bound.recv(copy=False))["Routing-Id"] == "first"
    second.connect(bound.last_endpoint)
    for _ in range(600):
        await second.send_multipart([b"a", b"b"])
    await until(lambda: bound.ready_events() & aiomq.POLLIN)

    for _ in range(600):
        assert await bound.recv() == b"a"
        assert (await bound.recv(copy=False))["Routing-Id"] == "second"


@pytest.mark.parametrize(
    "make", [bytearray, lambda size: memoryview(bytearray(size)), lambda size: array.array("I", bytes(size))]
)
async def test_recv_into_fills_a_buffer(context: aiomq.Context, endpoint: Endpoint, make: Callable[[int], Any]) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"abcd")
    await push.send(b"12345678901234567890")
    await push.send(b"xyz")
    buffer = make(16)

    assert await pull.recv_into(buffer) == 4
    assert bytes(memoryview(buffer).cast("B")) == b"abcd" + bytes(12)
    assert await pull.recv_into(buffer) == 20  # as much as there is room for
    assert bytes(memoryview(buffer).cast("B")) == b"1234567890123456"
    assert await pull.recv_into(buffer, nbytes=2) == 3
    assert bytes(memoryview(buffer).cast("B"))[:3] == b"xy3"


async def test_recv_into_what_cannot_be_filled_receives_nothing(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"abcd")

    with pytest.raises(BufferError):
        await pull.recv_into(b"not writable")
    with pytest.raises(BufferError):
        await pull.recv_into(memoryview(bytearray(8))[::2])
    with pytest.raises(TypeError):
        await pull.recv_into(5)
    for nbytes in (-1, 9):
        with pytest.raises(ValueError, match="nbytes"):
            await pull.recv_into(bytearray(8), nbytes=nbytes)

    assert await pull.recv() == b"abcd"


async def test_recv_into_an_empty_buffer_discards_a_frame(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"unwanted")
    await push.send(b"wanted")

    assert await pull.recv_into(bytearray()) == 8
    assert await pull.recv() == b"wanted"


@pytest.mark.parametrize("options", [{"routing_id": 7}, {"group": "news"}])
async def test_send_to_a_routing_id_or_group_where_the_type_has_none_is_einval(
    context: aiomq.Context, endpoint: Endpoint, options: dict[str, Any]
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    with pytest.raises(aiomq.ZMQError) as caught:
        await push.send(b"a", **options)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(aiomq.ZMQError, match="one frame"):
        await push.send(b"a", aiomq.SNDMORE, **options)
    await push.send(b"b")
    assert await pull.recv() == b"b"


async def test_waiting_recvs_share_the_frames_of_a_message_in_order(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    first, second = await started(pull.recv()), await started(pull.recv())
    rest = await started(pull.recv_multipart())
    await push.send_multipart([b"1", b"2", b"3", b"4"])
    await push.send(b"5")

    assert [await first, await second, await rest] == [b"1", b"2", [b"3", b"4"]]
    assert await pull.recv() == b"5"


async def test_server_knows_whom_to_answer_by_the_frame(context: aiomq.Context) -> None:
    server = context.socket(aiomq.SERVER)
    server.bind("tcp://127.0.0.1:*")
    clients = [context.socket(aiomq.CLIENT) for _ in range(3)]
    for number, client in enumerate(clients):
        client.connect(server.last_endpoint)
        await client.send(b"%d" % number)

    for _ in clients:
        request = await server.recv(copy=False)
        assert request["routing_id"] == request.routing_id > 0
        await server.send(b"to " + request.bytes, routing_id=request.routing_id)
        answer = aiomq.Frame(b"again to " + request.bytes)
        answer.routing_id = request.routing_id
        tracker = await server.send(answer, track=True)
        assert answer.tracker is tracker
        await tracker.wait(10)

    for number, client in enumerate(clients):
        assert [await client.recv(), await client.recv()] == [b"to %d" % number, b"again to %d" % number]


async def test_dish_knows_the_group_by_the_frame(context: aiomq.Context) -> None:
    dish = context.socket(aiomq.DISH)
    dish.bind("inproc://radio")
    dish.join("news")
    radio = context.socket(aiomq.RADIO)
    radio.connect("inproc://radio")
    await turns(4)

    await radio.send(b"one", group="news")
    frame = aiomq.Frame(b"two")
    frame.group = "news"
    await radio.send(frame)

    for text in (b"one", b"two"):
        received = await dish.recv(copy=False)
        assert (received.bytes, received.group, received["group"]) == (text, "news", "news")


@pytest.mark.parametrize("error", [aiomq.Again("why"), aiomq.ContextTerminated("why"), aiomq.NotDone("why")])
def test_errors_with_one_number_can_be_pickled(error: aiomq.ZMQError) -> None:
    copied = pickle.loads(pickle.dumps(error))

    assert type(copied) is type(error)
    assert (copied.errno, str(copied)) == (error.errno, "why")


async def test_frame_from_libzmq_knows_what_its_sender_announced(context: aiomq.Context) -> None:
    zmq = pytest.importorskip("zmq")
    router = context.socket(aiomq.ROUTER)
    router.bind("tcp://127.0.0.1:*")
    with zmq.Context() as libzmq, libzmq.socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.identity = b"judge"
        dealer.set_string(zmq.METADATA, "X-hello:World")
        dealer.connect(router.last_endpoint)
        dealer.send(b"hello")
        frames = await router.recv_multipart(copy=False)

    assert [frame.bytes for frame in frames] == [b"judge", b"hello"]
    names = ("Socket-Type", "Identity", "Routing-Id", "X-hello", "Peer-Address")
    assert [frames[1][name] for name in names] == ["DEALER", "judge", "judge", "World", "127.0.0.1"]

"""What `Socket` sends and receives: every verb, over every transport."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

import aiomq
from tests.sockets.links import linked, started

Endpoint = Callable[[], str]


async def test_send_and_recv_carry_any_frame(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    frames = [b"", b"x", b"\x00" * 255, b"y" * 256, b"z" * 5000, b"w" * 100_000]

    for frame in frames:
        await push.send(frame)

    assert [await pull.recv() for _ in frames] == frames


async def test_send_copies_what_can_change(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    data = bytearray(b"first")

    await push.send(data)
    data[:] = b"other"
    await push.send(memoryview(data)[1:4])

    assert [await pull.recv(), await pull.recv()] == [b"first", b"the"]


@pytest.mark.parametrize("wrong", ["text", 5, None, ["a"], object()])
async def test_send_what_is_no_bytes_is_a_type_error_and_sends_nothing(context: aiomq.Context, wrong: Any) -> None:
    pull, push = linked(context, "inproc://wrong", aiomq.PULL, aiomq.PUSH)

    with pytest.raises(TypeError, match="frame is bytes"):
        await push.send(wrong)
    with pytest.raises(TypeError, match="bytes"):
        push.send_nowait(wrong)
    with pytest.raises(TypeError, match="bytes"):
        await push.send_multipart([b"fine", wrong])
    with pytest.raises(TypeError, match="frame"):
        await push.send_many([wrong])

    await push.send(b"right")
    assert await pull.recv() == b"right"


async def test_send_multipart_carries_frames_whole_and_in_order(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    await push.send_multipart([b"a", bytearray(b"b"), memoryview(b"c")])
    await push.send_multipart((b"", b""))
    await push.send_multipart([b"alone"])

    assert await pull.recv_multipart() == [b"a", b"b", b"c"]
    assert await pull.recv_multipart() == [b"", b""]
    assert await pull.recv_multipart() == [b"alone"]


async def test_send_multipart_without_frames_is_refused(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)

    with pytest.raises(aiomq.ZMQError, match="at least one frame") as caught:
        await push.send_multipart([])
    with pytest.raises(TypeError, match="use send"):
        await push.send_multipart(b"one frame")  # type: ignore[arg-type]  # the error is what is tested
    with pytest.raises(TypeError, match="sequence of frames"):
        await push.send_multipart(5)  # type: ignore[call-overload]  # the error is what is tested

    assert caught.value.errno == errno.EINVAL


async def test_send_and_recv_refuse_flags_they_do_not_know(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://flags", aiomq.PULL, aiomq.PUSH)

    with pytest.raises(aiomq.ZMQError, match="DONTWAIT and SNDMORE, not 64"):
        await push.send(b"x", 64)
    with pytest.raises(aiomq.ZMQError, match="DONTWAIT, not 2"):
        await pull.recv(aiomq.SNDMORE)


# -- part by part -----------------------------------------------------------------------------------------------------


async def test_sndmore_parts_are_one_message_that_is_not_seen_before_its_end(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"before")
    assert await pull.recv() == b"before"

    await push.send(b"a", aiomq.SNDMORE)
    await push.send_multipart([b"b", b"c"], aiomq.SNDMORE)
    assert await pull.poll(0) == 0
    await push.send(b"d")
    await push.send(b"after")

    assert await pull.recv_multipart() == [b"a", b"b", b"c", b"d"]
    assert await pull.recv_multipart() == [b"after"]


async def test_sndmore_nowait_parts_are_one_message(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    push.send_nowait(b"a", aiomq.SNDMORE)
    push.send_multipart_nowait([b"b"], aiomq.SNDMORE)
    push.send_nowait(b"c")
    push.send_nowait(b"after")

    assert [await pull.recv_multipart() for _ in range(2)] == [[b"a", b"b", b"c"], [b"after"]]


async def test_sndmore_with_messages_of_others_between_keeps_them_apart(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://parts", aiomq.PULL, aiomq.PUSH, hwm=1)
    await push.send_many([b"0", b"1"])

    await push.send(b"head", aiomq.SNDMORE)
    last_part = await started(push.send(b"tail"))  # waits for room, and has taken its parts with it
    another = await started(push.send(b"single"))

    assert [await pull.recv_multipart() for _ in range(4)] == [[b"0"], [b"1"], [b"head", b"tail"], [b"single"]]
    await last_part
    await another


async def test_sndmore_last_part_refused_leaves_the_parts_for_another_try(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://retry", aiomq.PULL, aiomq.PUSH, hwm=1)
    await push.send_many([b"0", b"1"])
    await push.send(b"head", aiomq.SNDMORE)

    with pytest.raises(aiomq.Again):
        await push.send(b"tail", aiomq.DONTWAIT)
    with pytest.raises(aiomq.Again):
        push.send_nowait(b"tail")
    assert [await pull.recv(), await pull.recv()] == [b"0", b"1"]
    await push.send(b"tail")

    assert await pull.recv_multipart() == [b"head", b"tail"]


async def test_recv_gives_a_message_part_by_part_as_rcvmore_tells(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send_multipart([b"a", b"b", b"c"])
    await push.send(b"d")

    seen = [(await pull.recv(), pull.rcvmore, pull.get(aiomq.RCVMORE)) for _ in range(4)]

    assert seen == [(b"a", True, 1), (b"b", True, 1), (b"c", False, 0), (b"d", False, 0)]


async def test_recv_multipart_after_recv_gives_the_rest_of_the_message(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    for number in range(3):
        await push.send_multipart([b"a%d" % number, b"b", b"c"])
    await push.send(b"last")

    assert await pull.recv() == b"a0"
    assert await pull.recv_multipart() == [b"b", b"c"]
    assert await pull.recv() == b"a1"
    assert pull.recv_multipart_nowait() == [b"b", b"c"]
    assert await pull.recv() == b"a2"
    assert pull.recv_nowait() == b"b"
    assert await pull.recv_many() == [[b"c"], [b"last"]]
    assert not pull.rcvmore


async def test_recv_parts_left_make_the_socket_readable(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://left", aiomq.PULL, aiomq.PUSH)
    await push.send_multipart([b"a", b"b"])

    await pull.recv()

    assert await pull.poll(0) == aiomq.POLLIN
    assert await pull.recv() == b"b"
    assert await pull.poll(0) == 0


# -- at once or not at all --------------------------------------------------------------------------------------------


async def test_nowait_verbs_send_and_receive_what_can_be_now(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    push.send_nowait(b"a")
    push.send_multipart_nowait([b"b", b"c"])
    await pull.poll()
    assert pull.recv_nowait() == b"a"
    await pull.poll()

    assert pull.recv_multipart_nowait() == [b"b", b"c"]


async def test_nothing_there_is_again_with_every_verb_that_does_not_wait(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    pull.bind("inproc://nothing")
    push = context.socket(aiomq.PUSH)
    push.bind("inproc://nobody")

    for refused in (pull.recv_nowait, pull.recv_multipart_nowait):
        with pytest.raises(aiomq.Again, match="PULL socket has no message"):
            refused()
    with pytest.raises(aiomq.Again, match="PUSH socket has no peer with room"):
        push.send_nowait(b"x")
    with pytest.raises(aiomq.Again, match="no peer with room"):
        push.send_multipart_nowait([b"x", b"y"])
    with pytest.raises(aiomq.Again) as caught:
        await pull.recv(aiomq.DONTWAIT)
    with pytest.raises(aiomq.Again):
        await push.send_multipart([b"x"], aiomq.DONTWAIT)
    with pytest.raises(TimeoutError):
        await pull.recv_multipart(aiomq.NOBLOCK)

    assert caught.value.errno == errno.EAGAIN


async def test_timeouts_of_the_socket_bound_every_wait(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL, rcvtimeo=1)
    push = context.socket(aiomq.PUSH, sndtimeo=1)

    for operation in (pull.recv(), pull.recv_multipart(), pull.recv_many(), pull.recv_string(), pull.recv_json()):
        with pytest.raises(aiomq.Again, match="no message"):
            await operation
    for sending in (push.send(b"x"), push.send_multipart([b"x"]), push.send_many([b"x"]), push.send_string("x")):
        with pytest.raises(aiomq.Again, match="no peer"):
            await sending


async def test_timeout_zero_is_the_same_as_dontwait(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL, rcvtimeo=0)
    push = context.socket(aiomq.PUSH, sndtimeo=0)

    with pytest.raises(aiomq.Again):
        await pull.recv()
    with pytest.raises(aiomq.Again):
        await push.send(b"x")


async def test_timeout_set_while_nobody_waits_is_for_the_next_call(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    pull.rcvtimeo = 1

    with pytest.raises(aiomq.Again):
        await pull.recv()


# -- many -------------------------------------------------------------------------------------------------------------


async def test_send_many_is_as_many_sends(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    await push.send_many([b"a", [b"b", b"c"], bytearray(b"d"), (b"e",), memoryview(b"f")])
    await push.send_many([])
    await push.send_many(b"%d" % number for number in range(3))

    received = [await pull.recv_multipart() for _ in range(8)]
    assert received == [[b"a"], [b"b", b"c"], [b"d"], [b"e"], [b"f"], [b"0"], [b"1"], [b"2"]]


async def test_recv_many_takes_what_is_there_up_to_its_limit(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://many", aiomq.PULL, aiomq.PUSH)
    await push.send_many([[b"%d" % number, b"x"] for number in range(10)])

    first = await pull.recv_many(3)
    rest = await pull.recv_many()

    assert first + rest == [[b"%d" % number, b"x"] for number in range(10)]
    assert len(first) == 3


async def test_recv_many_waits_for_the_first(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    task = await started(pull.recv_many())

    await push.send(b"x")

    assert await task == [[b"x"]]


async def test_recv_many_of_none_is_refused(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)

    with pytest.raises(aiomq.ZMQError, match="1 or more, not 0"):
        await pull.recv_many(0)


async def test_recv_many_of_a_rep_gives_one_request_at_a_time(context: aiomq.Context) -> None:
    rep, req = linked(context, "inproc://one", aiomq.REP, aiomq.REQ)
    other = context.socket(aiomq.REQ)
    other.connect("inproc://one")
    await req.send(b"a")
    await other.send(b"b")

    assert await rep.recv_many() == [[b"a"]]
    await rep.send(b"to a")
    assert await rep.recv_many() == [[b"b"]]
    await rep.send(b"to b")

    assert [await req.recv(), await other.recv()] == [b"to a", b"to b"]


async def test_async_for_gives_messages_until_the_socket_is_closed(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send_many([b"a", [b"b", b"c"]])

    messages = []
    async for message in pull:
        messages.append(message)
        if len(messages) == 2:
            pull.close()

    assert messages == [[b"a"], [b"b", b"c"]]


async def test_async_for_that_waits_ends_with_the_socket_and_with_its_context() -> None:
    async def count(socket: aiomq.Socket) -> int:
        return len([message async for message in socket])

    async with aiomq.Context() as context:
        closing, open_still = context.socket(aiomq.PULL), context.socket(aiomq.PULL)
        first, second = await started(count(closing)), await started(count(open_still))
        closing.close()
        assert await first == 0

    assert await second == 0


async def test_async_for_raises_other_errors(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)

    with pytest.raises(aiomq.ZMQError) as caught:
        await anext(push)

    assert caught.value.errno == errno.ENOTSUP


# -- what the type allows ---------------------------------------------------------------------------------------------


async def test_wrong_direction_is_an_error_with_every_verb(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://direction", aiomq.PULL, aiomq.PUSH)

    for operation in (pull.send(b"x"), pull.send_multipart([b"x"]), pull.send_many([b"x"])):
        with pytest.raises(aiomq.ZMQError, match="PULL socket cannot send"):
            await operation
    for receiving in (push.recv(), push.recv_multipart(), push.recv_many(), push.recv(aiomq.DONTWAIT)):
        with pytest.raises(aiomq.ZMQError, match="PUSH socket cannot receive"):
            await receiving
    with pytest.raises(aiomq.ZMQError, match="cannot send") as caught:
        pull.send_nowait(b"x")
    with pytest.raises(aiomq.ZMQError, match="cannot receive"):
        push.recv_nowait()

    assert caught.value.errno == errno.ENOTSUP


async def test_out_of_turn_is_an_error_that_changes_nothing(context: aiomq.Context, endpoint: Endpoint) -> None:
    rep, req = linked(context, endpoint(), aiomq.REP, aiomq.REQ)

    with pytest.raises(aiomq.ZMQError, match="send first"):
        await req.recv()
    with pytest.raises(aiomq.ZMQError, match="receive first"):
        await rep.send(b"x")
    await req.send(b"question")
    with pytest.raises(aiomq.ZMQError, match="cannot send again") as caught:
        await req.send(b"another")
    assert await rep.recv() == b"question"
    with pytest.raises(aiomq.ZMQError, match="cannot receive again"):
        await rep.recv()
    await rep.send(b"answer")

    assert await req.recv() == b"answer"
    assert caught.value.errno == aiomq.EFSM


async def test_rep_that_several_tasks_receive_from_serves_the_next_after_the_reply(context: aiomq.Context) -> None:
    rep, first = linked(context, "inproc://served", aiomq.REP, aiomq.REQ)
    second = context.socket(aiomq.REQ)
    second.connect("inproc://served")
    tasks = [await started(rep.recv()), await started(rep.recv())]

    await first.send(b"1")
    await second.send(b"2")
    assert await tasks[0] == b"1"
    assert not tasks[1].done()
    await rep.send(b"to 1")

    assert await tasks[1] == b"2"
    await rep.send(b"to 2")
    assert [await first.recv(), await second.recv()] == [b"to 1", b"to 2"]


async def test_send_many_after_sndmore_is_refused_and_leaves_the_parts(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://begun", aiomq.PULL, aiomq.PUSH)
    await push.send(b"head", aiomq.SNDMORE)

    with pytest.raises(aiomq.ZMQError, match="SNDMORE") as refused:
        await push.send_many([b"other"])
    await push.send(b"tail")
    await push.send_many([b"other"])

    assert refused.value.errno == errno.EINVAL
    assert [await pull.recv_multipart() for _ in range(2)] == [[b"head", b"tail"], [b"other"]]

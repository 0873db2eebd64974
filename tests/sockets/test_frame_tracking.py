"""`track=True`: when a message has left its socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

import aiomq
from tests.sockets.links import linked, settled, started, turns

Endpoint = Callable[[], str]


async def test_tracker_is_done_when_the_message_was_handed_over(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    tracker = await push.send(b"a", track=True)

    assert isinstance(tracker, aiomq.MessageTracker)
    await tracker
    assert tracker.done
    assert repr(tracker) == "<aiomq.MessageTracker done>"
    await tracker.wait(0)
    assert await pull.recv() == b"a"
    await push.send(b"b")
    await push.send_multipart([b"c", b"d"])


async def test_tracker_of_a_message_without_a_connection_waits_for_one(
    context: aiomq.Context, endpoint: Endpoint, tmp_path: Path
) -> None:
    address = endpoint()
    spare = context.socket(aiomq.PULL)
    spare.bind(f"ipc://{tmp_path}/s" if address.startswith("ipc") else address)
    address = spare.last_endpoint
    await spare.aclose()
    push = context.socket(aiomq.PUSH, reconnect_ivl=1)
    push.connect(address)
    await push.send(b"before")
    one = await push.send_multipart([b"a", b"b"], track=True)
    other = await push.send(b"c", track=True)

    waiting = await started(_waited(one))
    assert not one.done
    assert not other.done
    assert repr(one) == "<aiomq.MessageTracker not done>"
    with pytest.raises(aiomq.NotDone, match=r"0\.001 seconds"):
        await one.wait(0.001)
    pull = context.socket(aiomq.PULL)
    pull.bind(address)

    await waiting
    await other.wait(30)
    assert [await pull.recv_multipart() for _ in range(3)] == [[b"before"], [b"a", b"b"], [b"c"]]


async def _waited(tracker: aiomq.MessageTracker) -> None:
    await tracker.wait()


async def test_tracker_is_done_only_when_every_subscriber_has_it(context: aiomq.Context) -> None:
    publisher = context.socket(aiomq.XPUB)
    publisher.bind("tcp://127.0.0.1:*")
    subscribers = [context.socket(aiomq.SUB) for _ in range(3)]
    for subscriber in subscribers:
        subscriber.subscribe("")
        subscriber.connect(publisher.last_endpoint)
    publisher.xpub_verbose = 1
    for _ in subscribers:
        await publisher.recv()

    trackers = [await publisher.send(b"x" * 100_000, track=True) for _ in range(5)]
    await trackers[-1].wait(30)

    assert all(tracker.done for tracker in trackers)
    for subscriber in subscribers:
        for _ in range(5):
            assert len(await subscriber.recv()) == 100_000


async def test_tracker_of_a_message_that_nobody_gets_is_done(context: aiomq.Context) -> None:
    publisher = context.socket(aiomq.PUB)
    publisher.bind("inproc://nobody")

    assert (await publisher.send(b"a", track=True)).done


@pytest.mark.parametrize("end", ["disconnect", "close", "aclose"])
async def test_tracker_of_a_message_that_is_dropped_is_done(
    context: aiomq.Context, endpoint: Endpoint, end: str
) -> None:
    spare = context.socket(aiomq.PULL)
    spare.bind(endpoint())
    address = spare.last_endpoint
    await spare.aclose()
    push = context.socket(aiomq.PUSH, linger=0)
    push.connect(address)
    tracker = await push.send(b"a", track=True)
    waiting = await started(_waited(tracker))

    if end == "disconnect":
        push.disconnect(address)
    elif end == "close":
        push.close()
    else:
        await push.aclose()

    await waiting
    assert tracker.done


async def test_tracker_of_parts_is_done_with_the_message(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)

    first = await push.send(b"a", aiomq.SNDMORE, track=True)
    await push.send(b"b", aiomq.SNDMORE)
    await turns(5)
    assert not first.done
    last = await push.send(b"c", track=True)
    await asyncio.gather(_waited(first), _waited(last))

    assert await pull.recv_multipart() == [b"a", b"b", b"c"]
    first = await push.send(b"a", aiomq.SNDMORE, track=True)
    push.send_nowait(b"b")
    await first
    assert await pull.recv_multipart() == [b"a", b"b"]


async def test_tracker_of_parts_that_are_never_sent_is_done_with_the_socket(
    context: aiomq.Context, endpoint: Endpoint
) -> None:
    _, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    tracker = await push.send(b"a", aiomq.SNDMORE, track=True)
    assert not tracker.done

    await push.aclose()

    await tracker.wait(30)


async def test_tracked_send_waits_for_room_as_any_other(context: aiomq.Context, endpoint: Endpoint) -> None:
    push = context.socket(aiomq.PUSH)
    push.bind(endpoint())
    sending = await started(_sent(push))
    pull = context.socket(aiomq.PULL)
    pull.connect(push.last_endpoint)

    tracker = await sending

    await tracker
    assert await pull.recv() == b"late"
    with pytest.raises(aiomq.Again):
        await pull.recv(aiomq.DONTWAIT)  # and it was sent once


async def _sent(push: aiomq.Socket) -> aiomq.MessageTracker:
    return await push.send(b"late", track=True)


async def test_frames_that_were_sent_tracked_have_the_tracker(context: aiomq.Context, endpoint: Endpoint) -> None:
    _, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    one, other = aiomq.Frame(b"a", track=True), aiomq.Frame(b"b")
    assert one.tracker is not None
    assert one.tracker.done

    tracker = await push.send_multipart([one, other], copy=False, track=True)

    assert one.tracker is other.tracker is tracker
    both = aiomq.MessageTracker(one, other, tracker)
    await both
    assert both.done


@pytest.mark.parametrize(("wrong", "error"), [(b"a", TypeError), (5, TypeError), (aiomq.Frame(b"a"), ValueError)])
def test_tracker_of_what_is_not_tracked_is_refused(wrong: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="track"):
        aiomq.MessageTracker(wrong)  # type: ignore[unused-awaitable]  # it does not come to be


async def test_waiting_for_a_tracker_may_be_cancelled_and_tried_again(context: aiomq.Context) -> None:
    push = context.socket(aiomq.PUSH)
    push.connect("inproc://later")
    tracker = await push.send(b"a", track=True)
    waiting = await started(_waited(tracker))
    other = asyncio.get_running_loop().create_task(_waited(tracker))
    await settled(other)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    pull = context.socket(aiomq.PULL)
    pull.bind("inproc://later")

    await other
    assert tracker.done


async def test_tracked_parts_leave_nothing_with_their_socket(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    registered = len(push._core.finished_callbacks)

    for _ in range(20):
        tracker = await push.send(b"a", aiomq.SNDMORE, track=True)
        await push.send(b"b")
        assert await pull.recv_multipart() == [b"a", b"b"]
        await tracker

    assert len(push._core.finished_callbacks) == registered


async def test_tracker_of_a_part_is_done_when_its_message_is_refused_without_waiting(context: aiomq.Context) -> None:
    with context.socket(aiomq.ROUTER, router_mandatory=1) as router:
        router.bind("inproc://nobody")
        tracker = await router.send(b"nobody", aiomq.SNDMORE, track=True)
        assert not tracker.done
        with pytest.raises(aiomq.ZMQError, match="nobody"):
            router.send_nowait(b"x")
        assert tracker.done

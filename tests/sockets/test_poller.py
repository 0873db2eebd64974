"""`Poller` and `Socket.poll`: readiness of sockets and descriptors, without a task and without taking anything."""

from __future__ import annotations

import asyncio
import errno
import os
import socket as system
from collections.abc import Callable, Iterator

import pytest

import aiomq
from tests.sockets.links import linked, settled, started, turns, until

Endpoint = Callable[[], str]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the two ends of a pipe."""
    read_end, write_end = os.pipe()
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


async def test_poll_tells_what_is_ready_and_for_what(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    idle = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    for socket in (pull, push, idle):
        poller.register(socket)

    assert await poller.poll() == [(push, aiomq.POLLOUT)]
    await push.send(b"x")
    poller.modify(push, aiomq.POLLIN)

    assert await poller.poll() == [(pull, aiomq.POLLIN)]


async def test_poll_waits_until_a_message_comes(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    task = await started(poller.poll())

    await push.send(b"x")

    assert await task == [(pull, aiomq.POLLIN)]


async def test_poll_waits_until_there_is_room(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://room", aiomq.PULL, aiomq.PUSH, hwm=1)
    await push.send_many([b"x", b"x"])
    assert await push.poll(0, aiomq.POLLOUT) == 0
    task = await started(push.poll(flags=aiomq.POLLOUT))

    await pull.recv()

    assert await task == aiomq.POLLOUT


async def test_poll_is_level_triggered_and_takes_nothing(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")

    for _ in range(3):
        assert await pull.poll() == aiomq.POLLIN

    assert pull.recv_nowait() == b"x"
    assert await pull.poll(0) == 0


async def test_poll_of_a_sub_takes_no_message_either(context: aiomq.Context) -> None:
    pub, sub = linked(context, "inproc://sub", aiomq.PUB, aiomq.SUB)
    sub.subscribe("a")
    await pub.send_many([b"a1", b"b", b"a2"])

    for _ in range(3):
        assert await sub.poll() == aiomq.POLLIN

    assert [sub.recv_nowait(), sub.recv_nowait()] == [b"a1", b"a2"]


async def test_poll_several_at_once_all_see_the_same_message(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    tasks = [await started(pull.poll()) for _ in range(5)]

    await push.send(b"x")

    assert await asyncio.gather(*tasks) == [aiomq.POLLIN] * 5
    assert pull.recv_nowait() == b"x"


async def test_poll_and_recv_wait_side_by_side(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    receiving, polling = await started(pull.recv()), await started(pull.poll())

    await push.send(b"x")
    assert await receiving == b"x"
    await push.send(b"y")

    assert await polling == aiomq.POLLIN


async def test_poll_of_a_req_sees_its_turn_to_send_come_back(context: aiomq.Context) -> None:
    rep, req = linked(context, "inproc://turn", aiomq.REP, aiomq.REQ)
    await req.send(b"question")
    req_can_send = await started(req.poll(flags=aiomq.POLLOUT))
    rep_can_send = await started(rep.poll(flags=aiomq.POLLOUT))

    await rep.recv()
    assert await rep_can_send == aiomq.POLLOUT
    await rep.send(b"answer")
    await req.recv()

    assert await req_can_send == aiomq.POLLOUT


async def test_poll_of_a_rep_sees_the_next_request_after_the_reply(context: aiomq.Context) -> None:
    rep, first = linked(context, "inproc://next", aiomq.REP, aiomq.REQ)
    second = context.socket(aiomq.REQ)
    second.connect("inproc://next")
    await first.send(b"1")
    await rep.recv()
    await second.send(b"2")
    polling = await started(rep.poll())

    await rep.send(b"to 1")

    assert await polling == aiomq.POLLIN
    assert await rep.recv() == b"2"
    await rep.send(b"to 2")


@pytest.mark.parametrize("timeout", [0, 1, 0.5])
async def test_poll_time_over_gives_nothing(context: aiomq.Context, timeout: float) -> None:
    pull = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)

    assert await poller.poll(timeout) == []
    assert await pull.poll(timeout) == 0


async def test_poll_negative_timeout_waits_for_ever(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    task = await started(pull.poll(-1))

    await push.send(b"x")

    assert await task == aiomq.POLLIN


async def test_poll_zero_in_a_loop_sees_what_arrives(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")

    while not await pull.poll(0):
        pass

    assert pull.recv_nowait() == b"x"


async def test_poll_of_nothing_is_refused_unless_it_ends(context: aiomq.Context) -> None:
    with pytest.raises(aiomq.ZMQError, match="nothing is registered") as caught:
        await aiomq.Poller().poll()

    assert caught.value.errno == errno.EINVAL
    assert await aiomq.Poller().poll(1) == []


async def test_poll_cancelled_loses_nothing_and_harms_no_other(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    cancelled, other = await started(pull.poll()), await started(pull.poll())

    cancelled.cancel()
    await settled(other)
    await push.send(b"x")

    assert await other == aiomq.POLLIN
    assert cancelled.cancelled()
    assert pull.recv_nowait() == b"x"


async def test_poll_makes_no_task(context: aiomq.Context, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    await push.send(b"x")
    await pull.recv()
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    loop = asyncio.get_running_loop()
    made: list[object] = []

    def refused(coroutine: object, **_: object) -> None:
        made.append(coroutine)

    monkeypatch.setattr(loop, "create_task", refused)
    loop.call_soon(lambda: loop.call_soon(push.send_nowait, b"y"))
    ready = await poller.poll()

    assert ready == [(pull, aiomq.POLLIN)]
    assert not made


async def test_poll_ends_with_an_error_when_a_socket_is_closed(context: aiomq.Context) -> None:
    closing, other = context.socket(aiomq.PULL), context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    for socket in (closing, other):
        poller.register(socket, aiomq.POLLIN)
    task = await started(poller.poll())

    closing.close()

    with pytest.raises(aiomq.ZMQError, match="closed"):
        await task
    with pytest.raises(aiomq.ZMQError, match="closed"):
        await poller.poll(0)


# -- file descriptors -------------------------------------------------------------------------------------------------


async def test_poll_sees_descriptors_beside_sockets(
    context: aiomq.Context, endpoint: Endpoint, pipe: tuple[int, int]
) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    read_end, write_end = pipe
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    poller.register(read_end, aiomq.POLLIN)
    task = await started(poller.poll())

    os.write(write_end, b"x")
    assert await task == [(read_end, aiomq.POLLIN)]
    assert await poller.poll() == [(read_end, aiomq.POLLIN)]  # level-triggered: nobody has read it
    os.read(read_end, 1)
    assert await poller.poll(0) == []
    await push.send(b"x")

    assert await poller.poll() == [(pull, aiomq.POLLIN)]


async def test_poll_sees_room_in_a_descriptor(pipe: tuple[int, int]) -> None:
    poller = aiomq.Poller()
    poller.register(pipe[1], aiomq.POLLOUT)

    assert await poller.poll() == [(pipe[1], aiomq.POLLOUT)]


async def test_poll_takes_whatever_has_a_descriptor() -> None:
    here, there = system.socketpair()
    with here, there:
        here.setblocking(False)
        poller = aiomq.Poller()
        poller.register(here)
        assert await poller.poll() == [(here, aiomq.POLLOUT)]
        there.send(b"x")
        poller.modify(here, aiomq.POLLIN)

        assert await poller.poll() == [(here, aiomq.POLLIN)]


async def test_poll_cancelled_or_over_leaves_no_descriptor_watched(pipe: tuple[int, int]) -> None:
    loop = asyncio.get_running_loop()
    poller = aiomq.Poller()
    poller.register(pipe[0], aiomq.POLLIN)
    task = await started(poller.poll())

    task.cancel()
    await until(task.done)
    await poller.poll(1)

    assert not loop.remove_reader(pipe[0])


async def test_poll_with_a_descriptor_that_cannot_be_watched_leaves_none_watched(pipe: tuple[int, int]) -> None:
    loop = asyncio.get_running_loop()
    poller = aiomq.Poller()
    poller.register(pipe[0], aiomq.POLLIN)
    poller.register(-1, aiomq.POLLIN)

    with pytest.raises((ValueError, OSError)):
        await poller.poll(1)

    assert not loop.remove_reader(pipe[0])


# -- the set ----------------------------------------------------------------------------------------------------------


async def test_register_modify_and_unregister_change_the_set(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    poller = aiomq.Poller()

    poller.register(pull)
    assert pull in poller
    poller.register(pull, aiomq.POLLIN)
    assert len(poller) == 1
    assert repr(poller) == "<aiomq.Poller registered=1>"
    poller.unregister(pull)
    assert pull not in poller
    poller.register(pull, aiomq.POLLIN)
    poller.modify(pull, 0)
    assert len(poller) == 0


async def test_register_refuses_what_cannot_be_polled(context: aiomq.Context) -> None:
    pull = context.socket(aiomq.PULL)
    poller = aiomq.Poller()

    with pytest.raises(TypeError, match="sockets and file descriptors, not str"):
        poller.register("pull")  # type: ignore[arg-type]  # the error is what is tested
    with pytest.raises(aiomq.ZMQError, match="not 64"):
        poller.register(pull, 64)
    with pytest.raises(KeyError, match="is not registered"):
        poller.modify(pull, aiomq.POLLIN)
    with pytest.raises(KeyError, match="is not registered"):
        poller.unregister(pull)


# -- a set that changes while a poll waits ----------------------------------------------------------------------------


async def test_socket_registered_during_a_poll_counts_at_once(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    idle = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    poller.register(idle, aiomq.POLLIN)
    task = await started(poller.poll())

    poller.register(pull, aiomq.POLLIN)
    await turns(5)
    assert not task.done()
    await push.send(b"x")

    assert await task == [(pull, aiomq.POLLIN)]


async def test_socket_registered_during_a_poll_that_is_ready_ends_it(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://ready", aiomq.PULL, aiomq.PUSH)
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    task = await started(poller.poll())

    poller.register(push, aiomq.POLLOUT)

    assert await task == [(push, aiomq.POLLOUT)]


async def test_events_modified_during_a_poll_count_at_once(context: aiomq.Context) -> None:
    pull, push = linked(context, "inproc://modified", aiomq.PULL, aiomq.PUSH)
    poller = aiomq.Poller()
    poller.register(push, aiomq.POLLIN)
    poller.register(pull, aiomq.POLLIN)
    task = await started(poller.poll())

    poller.modify(push, aiomq.POLLOUT)

    assert await task == [(push, aiomq.POLLOUT)]


async def test_events_taken_back_during_a_poll_end_it_no_longer(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    other, pusher = linked(context, "inproc://other", aiomq.PULL, aiomq.PUSH)
    poller = aiomq.Poller()
    poller.register(pull, aiomq.POLLIN)
    poller.register(other, aiomq.POLLIN)
    task = await started(poller.poll())

    poller.modify(pull, aiomq.POLLOUT)  # a PULL is never ready for it
    await push.send(b"x")
    while not await pull.poll():
        pass
    await turns(5)
    assert not task.done()
    await pusher.send(b"x")

    assert await task == [(other, aiomq.POLLIN)]


@pytest.mark.parametrize("ends", ["unregister", "no events"])
async def test_socket_unregistered_and_closed_during_a_poll_does_not_end_it(context: aiomq.Context, ends: str) -> None:
    pull, push = linked(context, "inproc://staying", aiomq.PULL, aiomq.PUSH)
    closing = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    poller.register(closing, aiomq.POLLIN)
    poller.register(pull, aiomq.POLLIN)
    task = await started(poller.poll())

    if ends == "unregister":
        poller.unregister(closing)
    else:
        poller.register(closing, 0)
    closing.close()
    await turns(5)
    assert not task.done()
    await push.send(b"x")

    assert await task == [(pull, aiomq.POLLIN)]


async def test_socket_unregistered_and_closed_before_a_poll_looks_does_not_end_it(context: aiomq.Context) -> None:
    closing = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    poller.register(closing, aiomq.POLLIN)
    loop = asyncio.get_running_loop()

    def close() -> None:
        poller.unregister(closing)
        closing.close()

    loop.call_soon(close)  # in the turn that a poll which only looks gives the loop
    assert await poller.poll(0) == []


async def test_poll_whose_last_socket_is_unregistered_goes_on(context: aiomq.Context, endpoint: Endpoint) -> None:
    pull, push = linked(context, endpoint(), aiomq.PULL, aiomq.PUSH)
    closing = context.socket(aiomq.PULL)
    poller = aiomq.Poller()
    poller.register(closing, aiomq.POLLIN)
    unlimited, limited = await started(poller.poll()), await started(poller.poll(20))

    poller.unregister(closing)
    closing.close()
    assert await limited == []
    assert not unlimited.done()
    poller.register(pull, aiomq.POLLIN)
    await push.send(b"x")

    assert await unlimited == [(pull, aiomq.POLLIN)]


async def test_descriptor_registered_during_a_poll_counts_at_once(
    context: aiomq.Context, pipe: tuple[int, int]
) -> None:
    poller = aiomq.Poller()
    poller.register(context.socket(aiomq.PULL), aiomq.POLLIN)
    task = await started(poller.poll())

    poller.register(pipe[1], aiomq.POLLOUT)

    assert await task == [(pipe[1], aiomq.POLLOUT)]


async def test_descriptor_unregistered_during_a_poll_can_be_closed_and_used_again(pipe: tuple[int, int]) -> None:
    loop = asyncio.get_running_loop()
    poller = aiomq.Poller()
    poller.register(pipe[0], aiomq.POLLIN)
    here, there = system.socketpair()
    poller.register(here, aiomq.POLLIN)
    task = await started(poller.poll())

    poller.unregister(here)
    assert not loop.remove_reader(here.fileno())
    here.close()
    there.close()
    here, there = system.socketpair()  # most often with the numbers that are free now
    with here, there:
        poller.register(here, aiomq.POLLIN)
        await turns(5)
        assert not task.done()
        there.send(b"x")

        assert await task == [(here, aiomq.POLLIN)]


async def test_descriptor_that_was_ready_and_is_unregistered_is_not_told(pipe: tuple[int, int]) -> None:
    here, there = system.socketpair()
    with here, there:
        poller = aiomq.Poller()
        poller.register(pipe[0], aiomq.POLLIN)
        poller.register(here, aiomq.POLLIN)
        task = await started(poller.poll())
        loop = asyncio.get_running_loop()

        def unregister() -> None:
            poller.unregister(here)
            loop.remove_reader(there)

        there.send(b"x")
        here.send(b"x")
        loop.add_reader(there, unregister)  # in the turn that finds both ready, before or after the poll is told
        await turns(5)
        os.write(pipe[1], b"x")

        assert await task == [(pipe[0], aiomq.POLLIN)]


async def test_poll_of_a_set_that_changes_makes_no_task(context: aiomq.Context) -> None:
    poller = aiomq.Poller()
    first, second = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
    poller.register(first, aiomq.POLLIN)
    task = await started(poller.poll())
    before = len(asyncio.all_tasks())

    for _ in range(10):
        poller.register(second, aiomq.POLLIN)
        await turns(2)
        poller.unregister(second)
        await turns(2)

    assert len(asyncio.all_tasks()) == before
    task.cancel()


# -- sockets of libzmq ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["zmq", "zmq.asyncio"])
async def test_socket_of_libzmq_is_refused_with_what_to_do_instead(module: str) -> None:
    libzmq = pytest.importorskip(module)
    with libzmq.Context() as context, context.socket(libzmq.PULL if module == "zmq" else 7) as pull:
        poller = aiomq.Poller()

        with pytest.raises(TypeError, match=r"a socket of libzmq.*Poll it with zmq.asyncio.Poller"):
            poller.register(pull, aiomq.POLLIN)

        assert len(poller) == 0


# -- several polls ----------------------------------------------------------------------------------------------------


async def test_two_polls_of_one_descriptor_at_a_time_are_both_told() -> None:
    ours, theirs = system.socketpair()
    with ours, theirs:
        pollers = [aiomq.Poller(), aiomq.Poller(), aiomq.Poller()]
        for poller in pollers:
            poller.register(ours, aiomq.POLLIN)
        polls = [asyncio.create_task(poller.poll()) for poller in pollers]
        for _ in range(3):
            await asyncio.sleep(0)
        polls[1].cancel()
        await asyncio.wait({polls[1]})
        theirs.send(b"x")
        assert await polls[0] == await polls[2] == [(ours, aiomq.POLLIN)]
        assert await pollers[1].poll() == [(ours, aiomq.POLLIN)]


@pytest.mark.parametrize("events", [aiomq.POLLERR, aiomq.POLLPRI, aiomq.POLLERR | aiomq.POLLPRI])
async def test_descriptor_for_errors_alone_is_refused(events: int) -> None:
    with pytest.raises(aiomq.ZMQError, match="polled for POLLIN or POLLOUT"):
        aiomq.Poller().register(0, events)

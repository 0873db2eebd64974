"""`Context`: defaults for sockets, the shared instance, and what is left to do with one that was terminated."""

from __future__ import annotations

import asyncio
import errno
import os

import pytest

import aiomq
from tests.sockets.links import started


@pytest.fixture
def no_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test have the process-wide context for itself."""
    monkeypatch.setattr(aiomq.Context, "_instance", None)


async def test_instance_is_one_for_the_process_until_it_is_terminated(no_instance: None) -> None:
    first = aiomq.Context.instance()
    assert aiomq.Context.instance() is first
    await first.term()

    second = aiomq.Context.instance()

    assert second is not first
    assert not second.closed
    await second.term()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_instance_in_a_forked_child_is_another(no_instance: None) -> None:
    shared = aiomq.Context.instance()
    child = os.fork()
    if child == 0:  # pragma: no cover  # in the child, which must not come back into pytest
        os._exit(0 if aiomq.Context.instance() is not shared else 1)

    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert aiomq.Context.instance() is shared
    shared.destroy()


async def test_context_options_are_the_defaults_of_later_sockets(context: aiomq.Context) -> None:
    before = context.socket(aiomq.PUSH)
    context.sndhwm = 5
    context.set("rcvtimeo", 7)
    context.setsockopt(aiomq.ROUTER_MANDATORY, 1)

    after, router = context.socket(aiomq.PUSH), context.socket(aiomq.ROUTER)

    assert (before.sndhwm, after.sndhwm, after.rcvtimeo) == (1000, 5, 7)
    assert (context.sndhwm, context.get("rcvtimeo"), context.getsockopt(aiomq.RCVHWM)) == (5, 7, 1000)
    with pytest.raises(aiomq.ZMQError):
        await router.send_multipart([b"nobody", b"x"])  # mandatory: the default reached the type that has it


async def test_context_options_that_cannot_be_defaults_are_refused(context: aiomq.Context) -> None:
    for option in (aiomq.SUBSCRIBE, aiomq.LAST_ENDPOINT):
        with pytest.raises(aiomq.ZMQError, match="no default that a context could keep"):
            context.set(option, b"x")
        with pytest.raises(aiomq.ZMQError, match="no default"):
            context.get(option)
    with pytest.raises(aiomq.ZMQError, match="out of range"):
        context.sndhwm = -1
    with pytest.raises(aiomq.ZMQError, match="IO_THREADS takes an integer from 0"):
        aiomq.Context(-1)


async def test_socket_takes_options_by_name(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.DEALER, sndhwm=3, routing_id=b"me")

    assert (socket.sndhwm, socket.routing_id) == (3, b"me")


@pytest.mark.parametrize("options", [{"sndhwm": -1}, {"no_such_option": 1}, {"sndhwm": "many"}])
async def test_socket_with_an_option_it_does_not_take_is_not_made(
    context: aiomq.Context, options: dict[str, object]
) -> None:
    with pytest.raises((aiomq.ZMQError, TypeError)):
        context.socket(aiomq.PUSH, **options)

    assert "sockets=0" in repr(context)


async def test_socket_of_no_type_is_refused_and_says_which_there_are(context: aiomq.Context) -> None:
    with pytest.raises(aiomq.ZMQError, match=r"99 is no type of socket .* PAIR, PUB") as caught:
        context.socket(99)

    assert caught.value.errno == errno.EINVAL


async def test_terminated_context_makes_no_sockets_and_says_so() -> None:
    context = aiomq.Context()
    assert "sockets=0" in repr(context)
    assert "test_context.py" in repr(context)
    assert not context.closed
    await context.term()

    with pytest.raises(aiomq.ContextTerminated, match="makes no more sockets") as caught:
        context.socket(aiomq.PUSH)

    assert context.closed
    assert "terminated" in repr(context)
    assert caught.value.errno == aiomq.ETERM


async def test_socket_made_while_another_thread_terminates_the_context_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = aiomq.Context()
    apply_defaults = context._apply_defaults

    def interrupted(core: object) -> None:
        apply_defaults(core)  # type: ignore[arg-type]  # passed on as it came
        context.shutdown()  # as another thread may, right here

    monkeypatch.setattr(context, "_apply_defaults", interrupted)
    with pytest.raises(aiomq.ContextTerminated):
        context.socket(aiomq.PUSH)

    assert not context._cores


async def test_shutdown_ends_waits_and_later_calls_and_closes_nothing(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.DEALER)
    socket.bind("inproc://shutdown")
    waiting = [await started(socket.recv()), await started(socket.send(b"x")), await started(socket.poll())]

    context.shutdown()
    results = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in results] == [aiomq.ContextTerminated] * 3
    assert not socket.closed
    for call in (socket.recv_nowait, lambda: socket.send_nowait(b"x"), lambda: socket.bind("inproc://x")):
        with pytest.raises(aiomq.ContextTerminated):
            call()
    with pytest.raises(aiomq.ContextTerminated):
        await socket.recv()
    socket.close()
    assert socket.closed


async def test_shutdown_in_the_turn_of_a_wake_up_ends_that_wait(context: aiomq.Context) -> None:
    pull, push = context.socket(aiomq.PULL), context.socket(aiomq.PUSH)
    pull.bind("inproc://late")
    push.connect("inproc://late")
    waiting = await started(pull.recv())

    push.send_nowait(b"x")
    context.shutdown()

    with pytest.raises(aiomq.ContextTerminated):
        await waiting


async def test_destroy_closes_every_socket_at_once() -> None:
    context = aiomq.Context()
    sockets = [context.socket(aiomq.PULL) for _ in range(3)]
    for socket in sockets:
        socket.bind("tcp://127.0.0.1:0")

    context.destroy(linger=0)

    assert all(socket.closed for socket in sockets)
    assert context.closed
    await context.term()
    assert not context._cores


def test_context_lives_without_any_loop() -> None:
    with aiomq.Context() as context:
        socket = context.socket(aiomq.PULL)
        socket.bind("tcp://127.0.0.1:0")
        assert socket.last_endpoint.startswith("tcp://127.0.0.1:")

    assert socket.closed
    assert not context._cores

"""The options of a context itself, held against libzmq's, and its defaults for options of sockets."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

import aiomq
from aiomq.constants import ContextOption, SocketOption
from aiomq.context_options import ContextAttribute, ContextAttributes, context_option

C = ContextOption
KEPT = [C.IO_THREADS, C.MAX_SOCKETS, C.SOCKET_LIMIT, C.MAX_MSGSZ, C.MSG_T_SIZE, C.ZERO_COPY_RECV, SocketOption.BLOCKY]
THREADS = ["thread_sched_policy", "thread_affinity_cpu_add", "thread_affinity_cpu_remove", "thread_name_prefix"]
VALUES = (-(2**31), -1, 0, 1, 2, 65_535, 65_536, 2**31 - 1)


@pytest.fixture
def libzmq() -> Iterator[zmq.Context[Any]]:
    with zmq.Context() as made:
        yield made


@pytest.mark.parametrize("option", KEPT, ids=lambda option: option.name)
def test_context_option_has_libzmqs_default_and_takes_what_libzmq_takes(
    context: aiomq.Context, libzmq: zmq.Context[Any], option: ContextOption
) -> None:
    assert context.get(option) == libzmq.get(int(option))
    for value in VALUES:
        outcomes: list[object] = []
        for each, wanted in ((context, option), (libzmq, int(option))):
            try:
                each.set(wanted, value)
                outcomes.append(each.get(wanted))
            except (aiomq.ZMQError, zmq.ZMQError) as error:
                assert error.errno == errno.EINVAL  # noqa: PT017  # one of the two outcomes
                outcomes.append(None)
        if option is C.SOCKET_LIMIT:  # what libzmq sets then is THREAD_PRIORITY
            outcomes[1] = None
        assert outcomes[0] == outcomes[1], value


@pytest.mark.parametrize("name", [*THREADS, "thread_priority"])
def test_option_of_threads_is_refused_by_name(context: aiomq.Context, name: str) -> None:
    with pytest.raises(aiomq.ZMQError, match=f"{name.upper()} is refused: there are no threads") as caught:
        context.set(name, 1)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", THREADS)
def test_option_of_threads_cannot_be_read(context: aiomq.Context, name: str) -> None:
    with pytest.raises(aiomq.ZMQError, match=f"{name.upper()} is refused"):
        context.get(name)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("max_sockets", 0, "MAX_SOCKETS takes an integer from 1 to 2147483647: 0 is out of range"),
        ("io_threads", -1, "IO_THREADS takes an integer from 0 to 2147483647: -1 is out of range"),
        ("blocky", -1, "BLOCKY takes 0 or 1 (False or True): -1 is out of range"),
        ("msg_t_size", 1, "MSG_T_SIZE is read-only"),
    ],
)
def test_refused_value_names_the_option_and_what_is_accepted(
    context: aiomq.Context, option: str, value: int, words: str
) -> None:
    with pytest.raises(aiomq.ZMQError) as caught:
        setattr(context, option, value)

    assert str(caught.value) == words
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("value", ["1", b"1", 1.0, None])
def test_value_of_another_type_is_a_type_error(context: aiomq.Context, value: Any) -> None:
    with pytest.raises(TypeError, match="MAX_SOCKETS takes an integer from 1"):
        context.max_sockets = value


@pytest.mark.parametrize(
    ("option", "by_number", "expected"),
    [
        (C.MAX_SOCKETS, False, C.MAX_SOCKETS),
        ("Max_Sockets", False, C.MAX_SOCKETS),
        (2, True, C.MAX_SOCKETS),
        (2, False, None),
        (zmq.MAX_SOCKETS, True, C.MAX_SOCKETS),
        (SocketOption.ROUTING_ID, True, None),
        (int(SocketOption.ROUTING_ID), True, C.MAX_MSGSZ),
        (zmq.BLOCKY, True, SocketOption.BLOCKY),
        ("blocky", True, SocketOption.BLOCKY),
        (SocketOption.IPV6, True, None),
        (11, True, None),
        ("linger", True, None),
        (1.5, True, None),
    ],
)
def test_context_option_is_told_from_a_socket_option(
    option: Any, by_number: bool, expected: ContextOption | SocketOption | None
) -> None:
    assert context_option(option, by_number=by_number) is expected


def test_number_of_both_is_the_contexts_for_set_and_the_sockets_for_setsockopt(context: aiomq.Context) -> None:
    context.set(int(C.MAX_MSGSZ), 7)
    context.setsockopt(int(SocketOption.ROUTING_ID), b"me")

    assert (context.get(5), context.max_msgsz, context.getsockopt(5), context.routing_id) == (7, 7, b"me", b"me")


def test_attribute_of_the_class_is_the_option_itself() -> None:
    assert isinstance(ContextAttributes.max_sockets, ContextAttribute)
    assert repr(ContextAttributes.max_sockets) == "<ContextAttribute MAX_SOCKETS>"


# -- what they do ------------------------------------------------------------------------------------------------------


async def test_one_socket_more_than_max_sockets_is_emfile_until_one_is_closed(context: aiomq.Context) -> None:
    context.max_sockets = 2
    first, second = context.socket(aiomq.PUSH), context.socket(aiomq.PUSH)
    with pytest.raises(aiomq.ZMQError, match="there are 2 sockets") as caught:
        context.socket(aiomq.PUSH)
    await first.aclose()
    third = context.socket(aiomq.PUSH)

    assert caught.value.errno == errno.EMFILE
    assert not second.closed
    assert not third.closed


def test_blocky_off_gives_new_sockets_no_linger_as_in_libzmq(context: aiomq.Context, libzmq: zmq.Context[Any]) -> None:
    lingers = []
    for each, kind in ((context, aiomq.PUSH), (libzmq, zmq.PUSH)):
        each.set(zmq.BLOCKY, 0)
        with each.socket(kind) as socket:
            lingers.append(socket.linger)
    context.linger = 5

    assert lingers == [0, 0]
    with context.socket(aiomq.PUSH) as socket:
        assert socket.linger == 5  # asked for by name: that goes before


@pytest.mark.parametrize("value", [0, 1])
def test_ipv6_is_the_default_of_new_sockets_as_in_libzmq(
    context: aiomq.Context, libzmq: zmq.Context[Any], value: int
) -> None:
    found = []
    for each, kind in ((context, aiomq.PUSH), (libzmq, zmq.PUSH)):
        each.set(zmq.IPV6, value)
        with each.socket(kind) as socket:
            found.append((each.get(zmq.IPV6), socket.ipv6))

    assert found[0] == found[1] == (value, value)


def test_options_that_collect_are_collected_by_a_context_and_cleared(context: aiomq.Context) -> None:
    context.tcp_accept_filter = "10.0.0.0/8"
    context.tcp_accept_filter = "127.0.0.1"
    context.metadata = "X-a:b"
    with context.socket(aiomq.PULL) as socket:
        options = socket._core.options
        assert [str(each) for each in options.tcp_accept_filter] == ["10.0.0.0/8", "127.0.0.1/32"]
        assert options.metadata == ((b"X-a", b"b"),)
    context.tcp_accept_filter = None
    with context.socket(aiomq.PULL) as socket:
        assert socket._core.options.tcp_accept_filter == ()
    with pytest.raises(aiomq.ZMQError, match="METADATA is write-only"):
        context.get("metadata")


def test_default_that_is_set_last_is_applied_last(context: aiomq.Context) -> None:
    context.plain_server = 1
    context.curve_server = 1
    context.plain_server = 1
    with context.socket(aiomq.PULL) as socket:
        assert (socket.mechanism, socket.plain_server) == (aiomq.SecurityMechanism.PLAIN, 1)

"""What the settings of durable sockets take."""

from __future__ import annotations

import errno
import math

import pytest

import aiomq
from tests.durable.stays import there


@pytest.mark.parametrize(
    ("value", "error"),
    [(-1, aiomq.ZMQError), (math.nan, aiomq.ZMQError), ("60", TypeError), (True, TypeError)],
)
async def test_durable_refuses_what_is_no_time(context: aiomq.Context, value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="durable takes seconds"):
        context.socket(aiomq.PUB, durable=value)


@pytest.mark.parametrize("kind", [aiomq.SUB, aiomq.PULL, aiomq.REQ, aiomq.PAIR, aiomq.XSUB, aiomq.STREAM, aiomq.SERVER])
async def test_durable_is_refused_by_types_that_keep_nothing(context: aiomq.Context, kind: int) -> None:
    socket = context.socket(kind)
    assert socket.durable == 0.0
    with pytest.raises(aiomq.ZMQError, match="durable is for PUB, REP") as refused:
        socket.durable = 5
    assert refused.value.errno == errno.EINVAL


@pytest.mark.parametrize(("value", "error"), [(0, aiomq.ZMQError), (-5, aiomq.ZMQError), ("many", TypeError)])
async def test_durable_limit_refuses_what_is_no_number_of_peers(
    context: aiomq.Context, value: int, error: type[Exception]
) -> None:
    socket = context.socket(aiomq.PUB, durable=1)
    with pytest.raises(error, match="durable_limit takes"):
        socket.durable_limit = value
    with pytest.raises(error, match="durable_limit_each takes"):
        socket.durable_limit_each = value
    assert (socket.durable_limit, socket.durable_limit_each) == (1000, 1000)
    socket.durable_limit_each = 7
    assert socket.durable_limit_each == 7


async def test_settings_of_durable_sockets_need_durable_first(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PUB)
    assert (socket.durable_limit, socket.durable_store) == (1000, None)
    with pytest.raises(aiomq.ZMQError, match="set durable first"):
        socket.durable_limit = 5
    with pytest.raises(aiomq.ZMQError, match="set durable first"):
        socket.durable_limit_each = 5
    with pytest.raises(aiomq.ZMQError, match="set durable first"):
        socket.durable_store = "anywhere"
    with pytest.raises(aiomq.ZMQError, match="no durable_store"):
        socket.sync_store()
    socket.durable = None
    assert socket._core.durable is None
    socket.durable = 5
    assert socket.durable == 5.0


async def test_socket_that_is_not_durable_has_nothing_of_it(context: aiomq.Context) -> None:
    socket = context.socket(aiomq.PUB)
    socket.bind("tcp://127.0.0.1:*")
    peer = await there(socket, aiomq.SUB)
    await socket.send(b"x")
    assert await peer.recv() == b"x"

    assert socket._core.durable is None
    assert {type(each).__name__ for each in socket._core.peers} == {"StreamPeer"}


@pytest.mark.parametrize("value", [None, 5, b"path"])
async def test_durable_store_that_is_neither_a_path_nor_a_store_is_refused(
    context: aiomq.Context, value: object
) -> None:
    socket = context.socket(aiomq.PUB, durable=60.0)
    with pytest.raises(TypeError, match=r"a path, or has the methods of aiomq\.Store; this is .*, which has no load, "):
        socket.durable_store = value  # type: ignore[assignment]  # this is what is tested
    assert socket.durable_store is None

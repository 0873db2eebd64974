"""What is set on a context is a default of its sockets, or an error: nothing is swallowed."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest

import aiomq
import aiomq.compat.zmq.asyncio as compat
from aiomq.auth import Authenticator
from aiomq.compat import zmq
from aiomq.durable import DURABLE_LIMIT
from aiomq.mute import OnMute
from aiomq.patterns.table import PATTERNS
from tests.sockets.links import linked

KINDS = sorted(PATTERNS)


# -- defaults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_each_type_takes_the_defaults_that_it_has(kind: aiomq.SocketType) -> None:
    async with aiomq.Context() as context:
        with context.socket(kind) as before:
            as_it_is = before.on_mute
        context.on_mute = "drop_oldest"
        context.sndhwm_bytes, context.rcvhwm_bytes = 1000, 2000
        context.durable, context.durable_limit = 60, 5

        with context.socket(kind) as socket:
            pattern = PATTERNS[kind]
            assert socket.on_mute is (OnMute.DROP_OLDEST if OnMute.DROP_OLDEST in pattern.mutes else as_it_is)
            assert (socket.sndhwm_bytes, socket.rcvhwm_bytes) == (1000, 2000)
            keeps = pattern.keeps_away_peers
            assert (socket.durable, socket.durable_limit) == ((60.0, 5) if keeps else (0.0, DURABLE_LIMIT))
            assert socket._core.thread is None  # it can still go to another thread


async def test_defaults_read_as_they_were_set_and_can_be_taken_back(context: aiomq.Context) -> None:
    unset = (context.on_mute, context.sndhwm_bytes, context.rcvhwm_bytes, context.durable, context.durable_limit)
    assert (*unset, context.durable_store) == (None, 64 << 20, 64 << 20, 0.0, DURABLE_LIMIT, None)
    context.on_mute, context.durable = OnMute.DROP_NEWEST, math.inf
    assert (context.on_mute, context.durable) == (OnMute.DROP_NEWEST, math.inf)
    context.on_mute = context.durable = None
    with context.socket(aiomq.PUSH) as socket:
        assert (socket.on_mute, socket.durable) == (OnMute.BLOCK, 0.0)


async def test_what_is_given_for_a_socket_goes_before_the_defaults(context: aiomq.Context, tmp_path: Path) -> None:
    context.on_mute, context.sndhwm_bytes, context.durable, context.durable_limit = "drop_oldest", 1000, 60, 5
    context.durable_store = tmp_path / "default.db"
    given: dict[str, Any] = {"on_mute": "block", "sndhwm_bytes": 7, "durable": 9, "durable_limit": 3}
    with context.socket(aiomq.PUSH, **given, durable_store=tmp_path / "given.db") as socket:
        assert {name: getattr(socket, name) for name in given} == given
    assert not [name for name in os.listdir(tmp_path) if "default" in name]
    with context.socket(aiomq.PUSH, durable=0) as socket:
        assert (socket.durable, socket.durable_store) == (0.0, None)
    context.durable = None
    context.durable_store = None
    with context.socket(aiomq.PUSH, durable=1) as socket:
        assert (socket.durable, socket.durable_limit) == (1.0, 5)


async def test_default_store_is_that_of_one_durable_socket(context: aiomq.Context, tmp_path: Path) -> None:
    context.durable, context.durable_store = 60, tmp_path / "queues.db"
    with context.socket(aiomq.PULL) as pull:
        assert pull.durable_store is None
    with context.socket(aiomq.DEALER) as dealer:
        assert dealer.durable_store is not None
        with pytest.raises(aiomq.ZMQError):
            context.socket(aiomq.PUSH)
        assert "sockets=1" in repr(context)


async def test_default_policy_is_at_work(context: aiomq.Context) -> None:
    context.on_mute, context.sndhwm, context.rcvhwm = "drop_newest", 1, 1
    with context.socket(aiomq.PUSH) as push:
        push.connect("inproc://nobody")
        for _ in range(10):
            await push.send(b"x")  # would wait for ever
        assert push.counters.dropped == 9


async def test_own_sockets_of_the_library_take_no_defaults(context: aiomq.Context) -> None:
    context.sndhwm_bytes, context.on_mute, context.durable = 1000, "drop_newest", 60
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
        events = pull.get_monitor_socket(aiomq.Event.HANDSHAKE_SUCCEEDED)  # over inproc, which has no marks in bytes
        assert (events.sndhwm_bytes, events.on_mute) == (64 << 20, OnMute.BLOCK)
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.last_endpoint)
        assert (await aiomq.recv_monitor_message(events))["event"] is aiomq.Event.HANDSHAKE_SUCCEEDED
        events.close()
    authenticator = Authenticator(context)
    authenticator.start()
    authenticator.stop()
    with pytest.raises(aiomq.ZMQError, match="sndhwm_bytes and rcvhwm_bytes bound queues over tcp and ipc"):
        linked(context, "inproc://a", aiomq.PUSH, aiomq.PULL)
    for socket in tuple(context._cores):
        socket.close(0)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("on_mute", "drop", aiomq.ZMQError, "on_mute takes block, drop_newest, drop_oldest, not 'drop'"),
        ("sndhwm_bytes", -1, aiomq.ZMQError, "sndhwm_bytes takes a number of bytes from 0"),
        ("rcvhwm_bytes", "many", TypeError, "rcvhwm_bytes takes a number of bytes, not 'many'"),
        ("durable", -1, aiomq.ZMQError, "durable takes seconds from 0"),
        ("durable", "long", TypeError, "durable takes seconds"),
        ("durable_limit", 0, aiomq.ZMQError, "durable_limit takes a number of peers from 1 on"),
        ("durable_limit", None, TypeError, "durable_limit takes a number of peers, not None"),
        ("durable_store", 5, TypeError, "a durable_store is a path, or has the methods of aiomq.Store"),
        ("sndhwm", -1, aiomq.ZMQError, "SNDHWM takes an integer from 0"),
    ],
)
async def test_bad_value_is_refused_at_once(
    context: aiomq.Context, name: str, value: object, error: type[Exception], words: str
) -> None:
    before = getattr(context, name)
    with pytest.raises(error, match=words):
        setattr(context, name, value)
    assert getattr(context, name) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lingr", "a context has no option or attribute 'lingr': did you mean linger"),
        ("LINGER", "did you mean linger"),
        ("BLOCKY", "did you mean blocky"),
        ("max_socket", "did you mean max_sockets"),
        ("on_mut", "did you mean on_mute"),
        ("durable_stor", "did you mean durable_store"),
        ("qqqqqqq", r"a context has no option or attribute 'qqqqqqq'; aiomq\.SocketOption lists"),
        ("fd", r"FD \(option 14\) is refused"),
        ("subscribe", "a context has no option or attribute 'subscribe'"),
    ],
)
async def test_unknown_name_is_an_error_that_says_what_was_meant(name: str, words: str) -> None:
    with aiomq.Context() as context:
        with pytest.raises(AttributeError, match=words):
            setattr(context, name, 0)
        assert name not in vars(context)


async def test_closed_is_read_only(context: aiomq.Context) -> None:
    with pytest.raises(AttributeError, match="has no setter"):
        context.closed = True  # type: ignore[misc]


# -- subclasses --------------------------------------------------------------------------------------------------------


async def test_subclass_has_attributes_of_its_own() -> None:
    class Mine(aiomq.Context):
        annotated: int
        lingering: str
        shared = "class"

        def __init__(self) -> None:
            super().__init__()
            self.annotated = 1
            self.lingering = "like an option, and annotated"
            self.shared = "object"
            self.kept: list[object] = []
            self._private = 2

        @property
        def computed(self) -> int:
            return self._private

        @computed.setter
        def computed(self, value: int) -> None:
            self._private = value

    async with Mine() as context:
        context.computed = 3
        context.kept = [4]
        context.linger = 5
        assert (context.annotated, context.shared, context.computed, context.kept) == (1, "object", 3, [4])
        with context.socket(aiomq.PUSH) as socket:
            assert socket.linger == 5
        with pytest.raises(AttributeError, match=r"did you mean linger.* To have it as your own, annotate it"):
            context.lingr = 0  # type: ignore[attr-defined]
        with pytest.raises(AttributeError, match=r"FD \(option 14\) is refused"):
            context.fd = 0  # type: ignore[attr-defined]


# -- the layer for pyzmq -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [zmq.Context, compat.Context])
async def test_layer_for_pyzmq_refuses_what_it_does_not_know(kind: type[zmq.Context]) -> None:
    context = kind()
    socket = context.socket(zmq.PUSH)
    for name in ("lingr", "on_mute", "durable", "sndhwm_bytes"):
        for holder in (context, socket):
            with pytest.raises(AttributeError, match=f"has no attribute and no option '{name}'"):
                setattr(holder, name, 0)
    context.linger = 7
    with context.socket(zmq.PUSH) as other:
        assert other.linger == 7
    socket.close()
    context.destroy()

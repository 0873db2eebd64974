"""An address is free again as soon as its socket was told to close, however many turns of the loop lie between."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import aiomq
from tests.transports.scripted import settled

ROUNDS = 4

Release = Callable[[aiomq.Socket, str], object]


def _unbind(sock: aiomq.Socket, endpoint: str) -> None:
    sock.unbind(endpoint)


def _close(sock: aiomq.Socket, endpoint: str) -> None:
    sock.close()


def _is_open(listener: Any) -> bool:
    """Whether the loop has the descriptor of a udp port."""
    return listener._port is not None and not listener._opening


releases = pytest.mark.parametrize("release", [_unbind, _close], ids=["unbind", "close"])
schemes = pytest.mark.parametrize("scheme", ["tcp", "ipc"])
_numbers = itertools.count()


@pytest.fixture
def address(scheme: str, tmp_path: Path) -> str:
    return "tcp://127.0.0.1:*" if scheme == "tcp" else f"ipc://{tmp_path}/{next(_numbers)}"


@releases
@schemes
@pytest.mark.parametrize("turns", range(6))
async def test_address_is_bound_again_in_the_turn_in_which_it_is_left(
    context: aiomq.Context, address: str, turns: int, release: Release
) -> None:
    for _ in range(ROUNDS):
        pull = context.socket(aiomq.PULL)
        pull.bind(address)
        address = pull.last_endpoint
        for _ in range(turns):
            await asyncio.sleep(0)
        release(pull, address)
        pull.close()
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH) as push:
        pull.bind(address)
        push.connect(address)
        await push.send(b"to the last of them")
        assert await pull.recv() == b"to the last of them"


@schemes
async def test_one_socket_binds_and_unbinds_an_address_again_and_again(context: aiomq.Context, address: str) -> None:
    with context.socket(aiomq.PULL) as pull, context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        for turns in range(6):
            pull.bind(address)
            address = pull.last_endpoint
            for _ in range(turns):
                await asyncio.sleep(0)
            pull.unbind(address)
        pull.bind(address)
        push.connect(address)
        await push.send(b"still here")
        assert await pull.recv() == b"still here"


@schemes
async def test_who_is_being_accepted_does_not_hold_the_address(context: aiomq.Context, address: str) -> None:
    with context.socket(aiomq.PUSH, reconnect_ivl=1) as push:
        for turns in range(8):
            with context.socket(aiomq.PULL) as pull:
                pull.bind(address)
                if not turns:
                    address = pull.last_endpoint
                    push.connect(address)
                for _ in range(turns):
                    await asyncio.sleep(0)
        with context.socket(aiomq.PULL) as pull:
            pull.bind(address)
            await pull.wait_connected()  # what is sent before may be for one that has gone
            await push.send(b"to the last of them")
            assert await pull.recv() == b"to the last of them"


@releases
@schemes
def test_address_is_bound_again_before_the_loop_runs(address: str, release: Release) -> None:
    with aiomq.Context() as context:
        for _ in range(ROUNDS):
            pull = context.socket(aiomq.PULL)
            pull.bind(address)
            address = pull.last_endpoint
            release(pull, address)
            pull.close()


async def test_udp_port_is_bound_again_before_the_loop_has_it(context: aiomq.Context) -> None:
    address = "udp://127.0.0.1:*"
    for _ in range(ROUNDS):
        with context.socket(aiomq.DISH) as dish:
            dish.bind(address)
            address = dish.last_endpoint


@pytest.mark.asyncio(loop_factories=["asyncio"])  # uvloop needs a turn to let go of a descriptor
async def test_udp_port_is_bound_again_in_the_turn_in_which_it_is_left(context: aiomq.Context) -> None:
    if not isinstance(asyncio.get_running_loop(), asyncio.SelectorEventLoop):
        pytest.skip("this loop needs a turn to let go of a descriptor")
    address = "udp://127.0.0.1:*"
    for _ in range(ROUNDS):
        with context.socket(aiomq.DISH) as dish:
            dish.bind(address)
            address = dish.last_endpoint
            (listener,) = dish._core.endpoints.values()
            await settled(partial(_is_open, listener))

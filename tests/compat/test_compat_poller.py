"""`zmq.asyncio.Poller` of the compat layer: a poll that waits follows what is registered and unregistered."""

from __future__ import annotations

import asyncio
import os
import socket as system

import pytest

import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat import zmq
from tests.sockets.links import turns


def pair(ctx: zaio.Context, name: str) -> tuple[zaio.Socket, zaio.Socket]:
    pull, push = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
    pull.bind(f"inproc://{name}")
    push.connect(f"inproc://{name}")
    return pull, push


async def test_socket_unregistered_and_closed_during_a_poll_does_not_end_it(ctx: zaio.Context) -> None:
    (closing, _), (pull, push) = pair(ctx, "closing"), pair(ctx, "staying")
    poller = zaio.Poller()
    poller.register(closing, zmq.POLLIN)
    poller.register(pull, zmq.POLLIN)
    polling = poller.poll()
    await turns(3)

    poller.unregister(closing)
    closing.close()
    await turns(5)
    assert not polling.done()
    await push.send(b"x")

    assert await polling == [(pull, zmq.POLLIN)]


async def test_what_is_registered_and_modified_during_a_poll_counts_at_once(ctx: zaio.Context) -> None:
    (idle, _), (pull, push) = pair(ctx, "idle"), pair(ctx, "late")
    poller = zaio.Poller()
    poller.register(idle, zmq.POLLIN)
    first, second = poller.poll(), poller.poll()
    await turns(3)
    await push.send(b"x")

    poller.register(pull, zmq.POLLIN)
    assert await first == await second == [(pull, zmq.POLLIN)]
    poller.modify(pull, 0)
    third = poller.poll()
    await turns(3)
    poller.modify(pull, zmq.POLLIN)

    assert await third == [(pull, zmq.POLLIN)]


async def test_descriptors_closed_and_unregistered_one_by_one_do_not_end_a_poll(ctx: zaio.Context) -> None:
    pull, push = pair(ctx, "files")
    poller = zaio.Poller()
    poller.register(pull, zmq.POLLIN)
    pipes = [os.pipe() for _ in range(2)]
    files = [os.fdopen(read_end, "rb") for read_end, _ in pipes]
    for file in files:
        poller.register(file, zmq.POLLIN)
    polling = poller.poll()
    await turns(3)

    for file in files:
        asyncio.get_running_loop().remove_reader(file)  # what closing it without unregistering it first asks for
        file.close()
    for file in files:
        poller.unregister(file)
    await push.send(b"x")

    assert await polling == [(pull, zmq.POLLIN)]
    for _, write_end in pipes:
        os.close(write_end)


async def test_descriptor_registered_during_a_poll_counts_at_once(ctx: zaio.Context) -> None:
    pull, _ = pair(ctx, "descriptors")
    here, there = system.socketpair()
    with here, there:
        poller = zaio.Poller()
        poller.register(pull, zmq.POLLIN)
        polling = poller.poll()
        await turns(3)

        poller.register(here, zmq.POLLIN)
        there.send(b"x")

        assert await polling == [(here.fileno(), zmq.POLLIN)]


async def test_socket_of_libzmq_is_refused() -> None:
    libzmq = pytest.importorskip("zmq")
    with libzmq.Context() as context, context.socket(libzmq.PULL) as pull:
        poller = zaio.Poller()

        with pytest.raises(TypeError, match="a socket of libzmq"):
            poller.register(pull, zmq.POLLIN)

        assert pull not in poller

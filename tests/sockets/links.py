"""What tests of sockets share: linked sockets, turns of the loop to wait by, and event loops in other threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiomq

T = TypeVar("T")


class KeepingContext(aiomq.Context):
    """A context whose sockets live, and need not be closed one by one, until it is terminated; they do not linger."""

    def __init__(self) -> None:
        super().__init__()
        self.linger = 0
        self.kept: list[aiomq.Socket] = []

    def socket(self, socket_type: int, **options: Any) -> aiomq.Socket:
        socket = super().socket(socket_type, **options)
        self.kept.append(socket)
        return socket


async def turns(count: int) -> None:
    """Let the loop run so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something is true; the timeout of the test bounds it."""
    while not condition():
        await turns(1)


async def settled(task: asyncio.Task[Any]) -> None:
    """Let a new task run until it waits."""
    await turns(4)
    assert not task.done()


async def started(operation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Return a task that has run until it waits."""
    task = asyncio.get_running_loop().create_task(operation)
    await settled(task)
    return task


def linked(
    context: aiomq.Context, address: str, binding: int, connecting: int, **options: object
) -> tuple[aiomq.Socket, aiomq.Socket]:
    """Return a bound socket and one connected to it."""
    bound = context.socket(binding, **options)
    bound.bind(address)
    connected = context.socket(connecting, **options)
    connected.connect(bound.last_endpoint)
    return bound, connected


async def subscribed(context: aiomq.Context, address: str, **options: object) -> tuple[aiomq.Socket, aiomq.Socket]:
    """Return a PUB and a SUB that is subscribed to everything, as the PUB knows."""
    pub, sub = linked(context, address, aiomq.PUB, aiomq.SUB, **options)
    sub.subscribe(b"")
    await until(lambda: pub.topics_count)
    return pub, sub


async def in_thread(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a new event loop, of the same kind as this one, in another thread."""
    return await asyncio.to_thread(run_in_new_loop, type(asyncio.get_running_loop()), main)


def run_in_new_loop(
    loop_type: Callable[[], asyncio.AbstractEventLoop], main: Callable[[], Coroutine[Any, Any, T]]
) -> T:
    """Run a coroutine in a new event loop in this thread."""
    with asyncio.Runner(loop_factory=loop_type) as runner:
        return runner.run(main())


async def still_works(sender: aiomq.Socket, receiver: aiomq.Socket) -> None:
    """Check that the next message arrives and nothing before it."""
    await sender.send(b"still works")
    assert await receiver.recv() == b"still works"

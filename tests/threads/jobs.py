"""What the workers of the tests do: functions that another process can find by their names."""

from __future__ import annotations

import asyncio
import os
import threading

import aiomq


class AwkwardError(Exception):
    """An error that pickle takes, and does not give back."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


async def add(first: int, second: int = 0) -> int:
    await asyncio.sleep(0)
    return first + second


async def loop_module() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


async def thread_name() -> str:
    return threading.current_thread().name


async def process_id() -> int:
    return os.getpid()


async def fail(text: str) -> None:
    raise LookupError(text)


async def fail_in_zmq() -> None:
    context = aiomq.Context()
    context.socket(aiomq.PULL).bind("nonsense")


async def fail_to_bind() -> None:
    raise aiomq.ZMQBindError("nothing is free", 98)


async def fail_awkwardly() -> None:
    raise AwkwardError(1, 2)


async def return_what_cannot_travel() -> object:
    return threading.Lock()


async def exit_with(status: int) -> None:
    raise SystemExit(status)


async def die(status: int) -> None:
    os._exit(status)


async def wait_for_ever() -> None:
    await asyncio.get_running_loop().create_future()


async def finish_when_cancelled() -> str:
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        return "had the last word"
    return "was never cancelled"


async def answer(endpoint: str) -> int:
    """Answer in capitals until asked to stop; return how often."""
    count = 0
    async with aiomq.Context() as context, context.socket(aiomq.REP) as socket:
        socket.connect(endpoint)
        while (question := await socket.recv()) != b"stop":
            await socket.send(question.upper())
            count += 1
        await socket.send(b"stopped")
    return count


async def serve_for_ever(endpoint: str) -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REP) as socket:
        socket.connect(endpoint)
        while True:
            await socket.send(await socket.recv())


async def leave_a_context_open(made: list[aiomq.Context], bound: list[aiomq.Socket]) -> None:
    made.append(aiomq.Context())
    bound.append(made[0].socket(aiomq.PULL))
    bound[0].bind("tcp://127.0.0.1:*")


async def use_the_shared_context() -> aiomq.Context:
    return aiomq.Context.instance()


async def answer_on(context: aiomq.Context, endpoint: str) -> None:
    socket = context.socket(aiomq.REP)
    socket.connect(endpoint)
    while True:
        question = await socket.recv()
        await socket.send(question + b" in " + threading.current_thread().name.encode())


async def use(socket: aiomq.Socket) -> None:
    await socket.send(b"from the wrong thread")

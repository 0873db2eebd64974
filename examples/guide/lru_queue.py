"""A queue that gives each request to the worker that has been idle for longest, and none to one that is busy.

    python examples/guide/lru_queue.py

Clients and workers are REQ sockets: a worker's first request says that it is ready, and each later one is an answer.
The queue has a ROUTER to either side, and takes a request only once it has a worker for it.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiomq

CLIENTS = 10
WORKERS = 3


async def ask(context: aiomq.Context, name: str) -> None:
    async with context.socket(aiomq.REQ, routing_id=name.encode()) as socket:
        socket.connect("inproc://frontend")
        await socket.send_string("Hello")
        print(f"{name} got {await socket.recv_string()}")


async def work(context: aiomq.Context, name: str) -> None:
    async with context.socket(aiomq.REQ, routing_id=name.encode()) as socket:
        socket.connect("inproc://backend")
        await socket.send(b"ready")
        async for client, empty, _ in socket:
            await asyncio.sleep(0.001)  # hard work
            await socket.send_multipart([client, empty, f"an answer of {name}".encode()])


async def hand_out(frontend: aiomq.Socket, backend: aiomq.Socket, idle: asyncio.Queue[bytes]) -> None:
    while True:
        worker = await idle.get()
        client, empty, request = await frontend.recv_multipart()
        await backend.send_multipart([worker, b"", client, empty, request])


async def take_back(backend: aiomq.Socket, frontend: aiomq.Socket, idle: asyncio.Queue[bytes]) -> None:
    async for worker, _, *answer in backend:
        idle.put_nowait(worker)
        if len(answer) > 1:  # else it was the first request
            await frontend.send_multipart(answer)


async def main() -> None:
    async with aiomq.Context() as context:
        frontend, backend = context.socket(aiomq.ROUTER), context.socket(aiomq.ROUTER)
        frontend.bind("inproc://frontend")
        backend.bind("inproc://backend")
        idle: asyncio.Queue[bytes] = asyncio.Queue()
        tasks = [
            asyncio.create_task(hand_out(frontend, backend, idle)),
            asyncio.create_task(take_back(backend, frontend, idle)),
            *(asyncio.create_task(work(context, f"worker {number}")) for number in range(WORKERS)),
        ]
        await asyncio.gather(*(ask(context, f"client {number}") for number in range(CLIENTS)))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

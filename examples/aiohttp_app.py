"""A web service that asks workers over ZeroMQ (aiohttp).

    python examples/aiohttp_app.py
    curl http://127.0.0.1:8080/reverse/stressed

It has one worker inside. With --workers 0 it has none, and whoever asks gets 504 until workers have come:

    python examples/aiohttp_app.py worker tcp://127.0.0.1:5555
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator

from aiohttp import web

import aiomq

TIMEOUT = 1.0


class Asker:
    """Asks workers over one DEALER socket, with any number of requests under way at the same time.

    Each request has an id in front, as part of the envelope: a worker with a REP socket gives it back unseen.
    """

    def __init__(self, socket: aiomq.Socket) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}

    async def ask(self, question: str) -> str:
        """Return the answer to a question. Waits for a worker, and for the worker; to be bounded by the caller."""
        request_id = b"%d" % next(self._ids)
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = reply
        try:
            await self._socket.send_multipart([request_id, b"", question.encode()])
            return (await reply).decode()
        finally:
            del self._waiting[request_id]

    async def read_replies(self) -> None:
        """Give each reply to the request that it belongs to, until the socket is closed."""
        async for frames in self._socket:
            reply = self._waiting.get(frames[0])
            if reply is not None and not reply.done():  # else nobody waits for it any longer
                reply.set_result(frames[-1])


ASKER = web.AppKey("ASKER", Asker)


async def work(endpoint: str) -> None:
    async with aiomq.Context() as context, context.socket(aiomq.REP) as socket:
        socket.connect(endpoint)
        while True:
            word = await socket.recv_string()
            await asyncio.sleep(0.01 * len(word))  # hard work: the longer, the harder
            await socket.send_string(word[::-1])


async def reverse(request: web.Request) -> web.Response:
    try:
        async with asyncio.timeout(TIMEOUT):
            answer = await request.app[ASKER].ask(request.match_info["word"])
    except TimeoutError:
        raise web.HTTPGatewayTimeout(text="no worker answered in time\n") from None
    return web.json_response({"reversed": answer})


def make_app(endpoint: str, workers: int) -> web.Application:
    async def sockets(app: web.Application) -> AsyncIterator[None]:
        async with aiomq.Context() as context, context.socket(aiomq.DEALER, linger=0) as socket:
            socket.bind(endpoint)
            print(f"workers connect to {socket.last_endpoint}", flush=True)
            app[ASKER] = Asker(socket)
            tasks = [asyncio.create_task(app[ASKER].read_replies())]
            tasks += [asyncio.create_task(work(socket.last_endpoint)) for _ in range(workers)]
            yield
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    app = web.Application()
    app.cleanup_ctx.append(sockets)
    app.router.add_get("/reverse/{word}", reverse)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description="A web service that asks workers over ZeroMQ.")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--bind", default="tcp://127.0.0.1:5555", help="where workers connect")
    parser.add_argument("--workers", type=int, default=1, help="how many workers to run inside")
    parser.set_defaults(worker=None)
    worker = parser.add_subparsers(metavar="worker").add_parser("worker", help="run a worker instead of the service")
    worker.add_argument("worker", metavar="ENDPOINT")
    arguments = parser.parse_args()
    if arguments.worker:
        with contextlib.suppress(KeyboardInterrupt):
            aiomq.run(work(arguments.worker))
    else:
        web.run_app(make_app(arguments.bind, arguments.workers), host="127.0.0.1", port=arguments.port)


if __name__ == "__main__":
    main()

"""Custom routing, ROUTER to REP: a request with the whole envelope, as if it had come through three brokers.

    python examples/guide/router_to_rep.py

A REP keeps all frames up to the first empty one, and puts them in front of its answer; they may say anything. Over a
wire ZMTP 3 joins a REP to REQ and DEALER alone: there a DEALER sends the envelope, and nobody has to be addressed.
"""

from __future__ import annotations

import asyncio
import contextlib

import aiomq


async def work(context: aiomq.Context) -> None:
    async with context.socket(aiomq.REP, routing_id=b"A") as socket:
        socket.connect("inproc://worker")
        print("the REP gets", await socket.recv_string())
        await socket.send_string("the answer")


async def main() -> None:
    async with aiomq.Context() as context, context.socket(aiomq.ROUTER) as client, asyncio.TaskGroup() as group:
        client.bind("inproc://worker")
        group.create_task(work(context))
        await client.wait_connected()
        await client.send_multipart([b"A", b"address 3", b"address 2", b"address 1", b"", b"the question"])
        print("the ROUTER gets", *await client.recv_multipart(), sep="\n  ")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

"""The broker again, in one call: a device of the kind QUEUE.

    python examples/guide/queue_device.py [FRONTEND] [BACKEND]

Then start broker_client.py and broker_service.py. From the shell the same is

    aiomq proxy queue --frontend 'tcp://*:5559' --backend 'tcp://*:5560'
"""

from __future__ import annotations

import contextlib
import sys

import aiomq


async def main(front: str = "tcp://*:5559", back: str = "tcp://*:5560") -> None:
    async with (
        aiomq.Context() as context,
        context.socket(aiomq.ROUTER) as frontend,
        context.socket(aiomq.DEALER) as backend,
    ):
        frontend.bind(front)
        backend.bind(back)
        print("clients at", frontend.last_endpoint)
        print("services at", backend.last_endpoint)
        await aiomq.device(aiomq.QUEUE, frontend, backend)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main(*sys.argv[1:]))

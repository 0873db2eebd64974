"""What a ROUTER sees: each message behind the routing id of the peer that it came from.

    python examples/guide/identity.py

A peer without an id of its own gets one of five bytes that begins with a zero, another with each connection.
"""

from __future__ import annotations

import contextlib

import aiomq


def show(message: list[bytes]) -> None:
    print("-" * 20)
    for frame in message:
        text = frame.decode() if frame.isascii() and frame[:1] != b"\0" else frame.hex()
        print(f"[{len(frame):03}] {text}")


async def main() -> None:
    async with aiomq.Context() as context:
        sink = context.socket(aiomq.ROUTER)
        sink.bind("inproc://sink")

        anonymous = context.socket(aiomq.REQ)
        anonymous.connect("inproc://sink")
        await anonymous.send(b"The ROUTER made this id up")
        show(await sink.recv_multipart())

        named = context.socket(aiomq.REQ, routing_id=b"Hello")  # before it connects
        named.connect("inproc://sink")
        await named.send(b"This one is of the REQ's own choice")
        show(await sink.recv_multipart())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        aiomq.run(main())

"""A program as users of jupyter_client write it; what it finds goes to the standard output as JSON.

Its argument is the kernel's command line before `-m ipykernel_launcher`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import zmq
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager

BUSY = """
import time
print("busy", flush=True)
time.sleep(50)
"""


async def run(client: Any, code: str, seen: Callable[[str], None] = lambda text: None, **options: Any) -> list[str]:
    """Run code in the kernel; return the status and what it wrote."""
    texts: list[str] = []

    def output(message: Any) -> None:
        if message["msg_type"] == "stream":
            texts.append(message["content"]["text"])
            seen(message["content"]["text"])

    reply = await client.execute_interactive(code, timeout=30, output_hook=output, **options)
    content = reply["content"]
    return [content["status"], content.get("ename", ""), "".join(texts)]


async def until(true: Callable[[], Awaitable[bool]]) -> bool:
    async with asyncio.timeout(20):
        while not await true():  # noqa: ASYNC110  # another thread of jupyter_client sets it
            await asyncio.sleep(0.05)
    return True


async def session(manager: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"zmq": zmq.__name__}
    await manager.start_kernel()
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=30)
    found["execute"] = await run(client, "import zmq; x = 1; print(zmq.__name__)")
    found["complete"] = (await client.complete("prin", reply=True, timeout=20))["content"]["matches"][0]
    found["inspect"] = (await client.inspect("print", reply=True, timeout=20))["content"]["found"]
    found["stdin"] = await run(
        client, "print(input('name? '))", allow_stdin=True, stdin_hook=lambda message: client.input("Ada")
    )
    busy = asyncio.Event()
    running = asyncio.ensure_future(run(client, BUSY, lambda text: busy.set()))
    await asyncio.wait([running, asyncio.ensure_future(busy.wait())], return_when=asyncio.FIRST_COMPLETED)
    await manager.interrupt_kernel()
    found["interrupt"] = await running

    async def beats() -> bool:
        client.hb_channel.unpause()
        return bool(client.hb_channel.is_beating())

    await asyncio.sleep(1.5)  # the heart is asked once a second, and taken to beat until then
    found["heartbeat"] = await until(beats)
    await manager.restart_kernel()
    await client.wait_for_ready(timeout=30)
    found["restart"] = await run(client, "print('x' in globals())")
    client.stop_channels()
    await manager.shutdown_kernel()
    found["alive"] = await manager.is_alive()
    return found


async def main() -> None:
    with tempfile.TemporaryDirectory() as base:
        spec = Path(base, "kernels", "tried")
        spec.mkdir(parents=True)  # noqa: ASYNC240  # nothing else runs yet
        argv = [sys.executable, *sys.argv[1:], "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "tried", "language": "python"}))
        specs = KernelSpecManager(kernel_dirs=[os.fspath(spec.parent)])
        found = await session(AsyncKernelManager(kernel_name="tried", kernel_spec_manager=specs))
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    asyncio.run(asyncio.wait_for(main(), 50))

"""README's first server outlives whatever a client sends it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

import aiomq

README = Path(__file__).resolve().parent.parent / "README.md"


def first_server() -> Any:
    """Return `serve` of the first program in README."""
    program = re.search(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert program is not None
    names: dict[str, Any] = {}
    exec(compile(program[1].replace("aiomq.run(main())", ""), "README.md", "exec"), names)  # our own page
    return names["serve"]


@pytest.mark.parametrize("request_", [[b"\xff"], [b""], [b"\xff", b"\xff"], [b"Ada", b"Grace"], [b"", b"Ada"]])
async def test_first_server_answers_after_any_request(context: aiomq.Context, request_: list[bytes]) -> None:
    with (
        context.socket(aiomq.REP) as server,
        context.socket(aiomq.REQ, linger=0) as stranger,
        context.socket(aiomq.REQ, linger=0) as client,
    ):
        server.bind("tcp://127.0.0.1:*")
        serving = asyncio.create_task(first_server()(server))
        stranger.connect(server.last_endpoint)
        client.connect(server.last_endpoint)
        async with asyncio.timeout(5):
            await stranger.send_multipart(request_)
            await stranger.recv()
            await client.send_string("Ada")
            assert await client.recv_string() == "Hello Ada"
        assert not serving.done()
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

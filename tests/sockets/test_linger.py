"""How long the end waits for messages that cannot leave."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

import aiomq

pytestmark = pytest.mark.skipif(not hasattr(asyncio, "open_unix_connection"), reason="needs ipc")


async def socket_with_a_message(context: aiomq.Context, folder: Path, linger: int) -> aiomq.Socket:
    """Return a PUSH socket with a message for a peer that never comes."""
    socket = context.socket(aiomq.PUSH, linger=linger)
    socket.connect(f"ipc://{folder}/nobody")
    await socket.send(b"message")
    return socket


async def test_term_gives_a_socket_its_linger_beyond_the_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aiomq.context.TERM_GRACE", 0.01)
    context = aiomq.Context()
    socket = await socket_with_a_message(context, tmp_path, linger=150)
    loop = asyncio.get_running_loop()
    began = loop.time()

    await context.term()

    assert loop.time() - began >= 0.14
    assert socket.closed
    assert caplog.text == ""


async def test_term_gives_up_what_lingers_without_limit_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aiomq.context.TERM_GRACE", 0.01)
    context = aiomq.Context()
    socket = await socket_with_a_message(context, tmp_path, linger=-1)

    await context.term()

    assert socket.closed
    assert "PUSH socket made at" in caplog.text
    assert "dropped what it could not send" in caplog.text


async def test_aclose_waits_for_the_linger_of_its_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiomq.socket_base._ACLOSE_GRACE", 0.01)
    async with aiomq.Context() as context:
        socket = await socket_with_a_message(context, tmp_path, linger=-1)
        loop = asyncio.get_running_loop()
        began = loop.time()

        await socket.aclose(linger=150)

        assert loop.time() - began >= 0.14


async def test_term_does_not_count_the_time_in_which_the_loop_stood_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("aiomq.context.TERM_GRACE", 0.01)
    monkeypatch.setattr("aiomq.linger._SLACK", 0.4)
    context = aiomq.Context()
    socket = await socket_with_a_message(context, tmp_path, linger=50)

    asyncio.get_running_loop().call_soon(threading.Event().wait, 0.6)  # over the LINGER and the slack
    await context.term()

    assert socket.closed
    assert caplog.text == ""  # its LINGER ended it, and nobody had to give it up

"""Large frames where the transport's `writelines` does not say that it is full."""

from __future__ import annotations

import asyncio

import pytest

import aiomq


async def test_buffers_are_written_one_by_one_where_writelines_does_not_pause(
    context: aiomq.Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiomq.transports.connection._WRITELINES_PAUSES", False)
    large = bytes(100_000)
    with context.socket(aiomq.PULL, rcvhwm=1) as pull, context.socket(aiomq.PUSH, sndhwm=1) as push:
        pull.bind("tcp://127.0.0.1:*")
        push.connect(pull.last_endpoint)

        async def send_on() -> None:
            for number in range(300):
                await push.send_multipart([b"%d" % number, large])

        sending = asyncio.create_task(send_on())
        await push.wait_connected()
        for _ in range(100):
            await asyncio.sleep(0)
        assert not sending.done()  # 30 MB are more than the marks and the system's buffers hold
        for number in range(300):
            assert await pull.recv_multipart() == [b"%d" % number, large]
        await sending

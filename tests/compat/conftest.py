"""A context of the compat layer, for every test of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

import aiomq.compat.zmq.asyncio as zaio
from aiomq.compat.zmq.sugar.io_thread import end_io_thread, io_thread
from tests.compat.linked import KeepingContext


@pytest.fixture(autouse=True, scope="package")
def thread_of_blocking_sockets() -> Iterator[None]:
    """Lives as long as a program, so no test has left it open."""
    io_thread()
    yield
    end_io_thread()


@pytest.fixture
async def ctx() -> AsyncIterator[zaio.Context]:
    async with KeepingContext() as context:
        context.linger = 0
        yield context

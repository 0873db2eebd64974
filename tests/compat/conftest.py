"""A context of the compat layer, for every test of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq.compat.zmq.asyncio as zaio
from tests.compat.linked import KeepingContext


@pytest.fixture
async def ctx() -> AsyncIterator[zaio.Context]:
    async with KeepingContext() as context:
        context.linger = 0
        yield context

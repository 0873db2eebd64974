"""What tests of durable sockets share: contexts that keep their sockets, addresses of both transports, and libzmq."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import aiomq
from tests.sockets.links import KeepingContext
from tests.transports.judge import Judge, judging


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context that keeps its sockets open until the test is over, and is terminated then."""
    context = KeepingContext()
    yield context
    await context.term()


@pytest.fixture(params=["tcp://127.0.0.1:*", "ipc://*"], ids=["tcp", "ipc"])
def address(request: pytest.FixtureRequest) -> str:
    """Return an address to bind."""
    bound: str = request.param
    return bound


@pytest.fixture
def judge() -> Iterator[Judge]:
    """Return the real libzmq."""
    with judging() as made:
        yield made


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return where a store may be."""
    return tmp_path / "queues.db"

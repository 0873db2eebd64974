"""What tests of durable sockets share: contexts that keep their sockets, addresses of both transports, and libzmq."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sockets.fixtures import context
from tests.transports.fixtures import judge

__all__ = ["address", "context", "judge", "store_path"]


@pytest.fixture(params=["tcp://127.0.0.1:*", "ipc://*"], ids=["tcp", "ipc"])
def address(request: pytest.FixtureRequest) -> str:
    """Return an address to bind."""
    bound: str = request.param
    return bound


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    """Return where a store may be."""
    return tmp_path / "queues.db"

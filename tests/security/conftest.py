"""What the tests of security get: libzmq as the judge, and each library by name."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import aiomq
from tests.security.sides import Library, Ours, Theirs
from tests.transports.fixtures import judge
from tests.transports.judge import Judge

__all__ = ["client_library", "judge", "libraries", "server_library"]


@pytest.fixture
async def libraries(context: aiomq.Context, judge: Judge) -> AsyncIterator[dict[str, Library]]:
    """Return both libraries."""
    libraries: dict[str, Library] = {"aiomq": Ours(context), "libzmq": Theirs(judge)}
    yield libraries
    for library in libraries.values():
        for side in library.made:
            side.close()


@pytest.fixture(params=["aiomq", "libzmq"])
def server_library(request: pytest.FixtureRequest, libraries: dict[str, Library]) -> Library:
    """Return the library of the server, one after the other."""
    return libraries[request.param]


@pytest.fixture(params=["aiomq", "libzmq"])
def client_library(request: pytest.FixtureRequest, libraries: dict[str, Library]) -> Library:
    """Return the library of the client, one after the other."""
    return libraries[request.param]

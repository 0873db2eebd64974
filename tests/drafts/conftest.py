"""Sockets of these tests wait for nothing for long, and are closed with their test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiomq
from tests.transports.scripted import BOUND


class KeepingContext(aiomq.Context):
    """A context that holds on to the sockets it made, so that a test need not close them."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[aiomq.Socket] = []

    def socket(self, socket_type: int, **options: Any) -> aiomq.Socket:
        """Make a socket and keep it."""
        self.made.append(super().socket(socket_type, **options))
        return self.made[-1]


@pytest.fixture
async def context() -> AsyncIterator[aiomq.Context]:
    """Return a context whose sockets are closed, with what they hold, and which is terminated after the test."""
    context = KeepingContext()
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = BOUND * 1000
    yield context
    for each in context.made:
        each.close(0)
    await context.term()

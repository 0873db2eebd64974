"""Sockets of these tests do not linger: what a scripted peer never reads is dropped when the test is over."""

from __future__ import annotations

import pytest

import aiomq


@pytest.fixture
def context(context: aiomq.Context) -> aiomq.Context:
    """Return a context whose sockets drop at once what they could not send."""
    context.linger = 0
    return context

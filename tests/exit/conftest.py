"""A context that keeps its sockets, for every test of this folder."""

from __future__ import annotations

from tests.sockets.fixtures import context

__all__ = ["context"]

"""`zmq.log`: logging by a PUB socket."""

from __future__ import annotations

__all__: list[str] = []

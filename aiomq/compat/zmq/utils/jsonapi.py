"""`zmq.utils.jsonapi`: JSON as UTF-8."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["dumps", "loads"]

jsonmod = json


def dumps(o: object, **kwargs: Any) -> bytes:
    """Return an object as JSON; `kwargs` go to `json.dumps`."""
    return json.dumps(o, **kwargs).encode()


def loads(s: bytes | str, **kwargs: Any) -> Any:
    """Return the object that some JSON says; `kwargs` go to `json.loads`."""
    return json.loads(s.decode() if isinstance(s, bytes) else s, **kwargs)

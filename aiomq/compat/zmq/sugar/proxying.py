"""`zmq.proxy` and `zmq.device`: they block for ever, and so are refused, with a word on what to use."""

from __future__ import annotations

from typing import Any, NoReturn

from aiomq.compat.zmq.error import BlockingCallError

__all__ = ["device", "proxy", "proxy_steerable"]

_INSTEAD = "run `aiomq.proxy(frontend, backend)` as a task, with sockets of aiomq"


def proxy(frontend: Any, backend: Any, capture: Any = None) -> NoReturn:
    """Refuse.

    Raises:
        BlockingCallError: always.
    """
    raise BlockingCallError("zmq.proxy()", _INSTEAD)


def proxy_steerable(frontend: Any, backend: Any, capture: Any = None, control: Any = None) -> NoReturn:
    """Refuse.

    Raises:
        BlockingCallError: always.
    """
    raise BlockingCallError("zmq.proxy_steerable()", _INSTEAD)


def device(device_type: int, frontend: Any, backend: Any) -> NoReturn:
    """Refuse.

    Raises:
        BlockingCallError: always.
    """
    raise BlockingCallError("zmq.device()", _INSTEAD)

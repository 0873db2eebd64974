"""`zmq.proxy` and `zmq.device`. With sockets of `zmq.asyncio` they are tasks; with others they would block for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiomq.compat.zmq.error import BlockingCallError
from aiomq.proxy import device as _device
from aiomq.proxy import proxy as _proxy
from aiomq.proxy import proxy_steerable as _proxy_steerable

__all__ = ["device", "proxy", "proxy_steerable"]


def proxy(frontend: Any, backend: Any, capture: Any = None) -> asyncio.Task[Any]:
    """Pass messages between two sockets of `zmq.asyncio`, in a task that goes on until it is cancelled.

    Raises:
        BlockingCallError: a socket is none of `zmq.asyncio`.
    """
    return _begun("zmq.proxy()", _proxy, frontend, backend, capture)


def proxy_steerable(frontend: Any, backend: Any, capture: Any = None, control: Any = None) -> asyncio.Task[Any]:
    """Do the same as `proxy`, and obey a control socket.

    Raises:
        BlockingCallError: a socket is none of `zmq.asyncio`.
    """
    return _begun("zmq.proxy_steerable()", _proxy_steerable, frontend, backend, capture, control)


def device(device_type: int, frontend: Any, backend: Any) -> asyncio.Task[Any]:
    """Do the same as `proxy`; the type only says what it is for.

    Raises:
        BlockingCallError: a socket is none of `zmq.asyncio`.
    """
    return _begun("zmq.device()", lambda *sockets: _device(device_type, *sockets), frontend, backend)


def _begun(name: str, operation: Callable[..., Coroutine[Any, Any, Any]], *sockets: Any) -> asyncio.Task[Any]:
    given = [socket for socket in sockets if socket is not None]
    if not all(hasattr(socket, "_pending") for socket in given):
        raise BlockingCallError(name, "give it sockets of zmq.asyncio, and it runs as a task, which may be awaited")
    inner = [None if socket is None else socket._inner for socket in sockets]
    task = asyncio.get_running_loop().create_task(operation(*inner))
    for socket in given:
        socket._pending.add(task)  # ends with any of its sockets
        task.add_done_callback(socket._pending.discard)
    return task

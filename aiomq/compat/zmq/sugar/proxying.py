"""`zmq.proxy`, `zmq.device` and `zmq.devices.monitored_queue`.

With sockets of `zmq.asyncio` they are tasks; with plain ones they block, and pass messages on in the I/O thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiomq.compat.zmq.error import BlockingCallError
from aiomq.compat.zmq.sugar.blocking import refuse_in_loop
from aiomq.compat.zmq.sugar.io_thread import io_thread
from aiomq.proxy import device as _device
from aiomq.proxy import monitored_queue as _monitored_queue
from aiomq.proxy import proxy as _proxy
from aiomq.proxy import proxy_steerable as _proxy_steerable

__all__ = ["device", "monitored_queue", "proxy", "proxy_steerable"]


def proxy(frontend: Any, backend: Any, capture: Any = None) -> Any:
    """Pass messages between two sockets, until their context is terminated or one of them closed.

    Returns:
        With sockets of `zmq.asyncio` a task that goes on until it is cancelled.

    Raises:
        BlockingCallError: an event loop runs in this thread, and the sockets are none of `zmq.asyncio`.
    """
    return _run("zmq.proxy()", _proxy, frontend, backend, capture)


def proxy_steerable(frontend: Any, backend: Any, capture: Any = None, control: Any = None) -> Any:
    """Do the same as `proxy`, and obey a control socket."""
    return _run("zmq.proxy_steerable()", _proxy_steerable, frontend, backend, capture, control)


def device(device_type: int, frontend: Any, backend: Any) -> Any:
    """Do the same as `proxy`; the type only says what it is for."""
    return _run("zmq.device()", lambda *sockets: _device(device_type, *sockets), frontend, backend)


def monitored_queue(
    in_socket: Any, out_socket: Any, mon_socket: Any, in_prefix: bytes = b"in", out_prefix: bytes = b"out"
) -> Any:
    """Do the same as `proxy`, with a copy of each message behind a prefix to a third socket."""
    return _run(
        "monitored_queue()",
        lambda front, back, monitor: _monitored_queue(front, back, monitor, in_prefix, out_prefix),
        in_socket,
        out_socket,
        mon_socket,
    )


def _run(name: str, operation: Callable[..., Coroutine[Any, Any, Any]], *sockets: Any) -> Any:
    given = [socket for socket in sockets if socket is not None]
    inner = [None if socket is None else socket._inner for socket in sockets]
    if all(hasattr(socket, "_pending") for socket in given):
        return _begun(operation, given, inner)
    if any(socket._home is None for socket in given):
        raise BlockingCallError(name, "give it sockets of zmq.asyncio, and it runs as a task, which may be awaited")
    refuse_in_loop(name, "sockets of zmq.asyncio, and it runs as a task, which may be awaited; or a thread for it")
    return io_thread().wait(lambda: operation(*inner), given[0]._waiter(), name)


def _begun(operation: Callable[..., Coroutine[Any, Any, Any]], given: list[Any], inner: list[Any]) -> asyncio.Task[Any]:
    task = asyncio.get_running_loop().create_task(operation(*inner))
    for socket in given:
        socket._pending.add(task)  # ends with any of its sockets
        task.add_done_callback(socket._pending.discard)
    return task

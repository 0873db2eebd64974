"""`zmq.decorators`: contexts and sockets made for each call of a function, and ended with it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from aiomq.compat.zmq.sugar.context import Context

__all__ = ["context", "socket"]


def context(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """Give a function a new context: after its own arguments, or by the name in `name`."""
    name = kwargs.pop("name", None)
    return _giving(lambda _: Context(*args, **kwargs), name)


def socket(socket_type: Any, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """Give a function a new socket, as `context` gives a context: made by that context, or by the shared one.

    Args:
        socket_type: `zmq.REQ`, ...; a text is the name of the argument, and the type is next.
        args: go to `Context.socket`.
        kwargs: go to `Context.socket`; `name` and `context_name` are the names of the arguments.
    """
    if isinstance(socket_type, str):
        kwargs.setdefault("name", socket_type)
        socket_type, *rest = args
        args = tuple(rest)
    name = kwargs.pop("name", None)
    context_name = kwargs.pop("context_name", "context")

    def make(given: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
        found = given[1].get(context_name) or next((each for each in given[0] if isinstance(each, Context)), None)
        return (found or Context.instance()).socket(socket_type, *args, **kwargs)

    return _giving(make, name)


def _giving(make: Callable[[Any], Any], name: str | None) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        def arguments(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
            if name is None:
                return (*args, made), kwargs
            if name in kwargs:
                raise TypeError(f"{function.__name__}() got multiple values for argument {name!r}")
            return args, {**kwargs, name: made}

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with make((args, kwargs)) as made:
                args, kwargs = arguments(made, args, kwargs)
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def wrapper_of_coroutine(*args: Any, **kwargs: Any) -> Any:
            with make((args, kwargs)) as made:
                args, kwargs = arguments(made, args, kwargs)
                return await function(*args, **kwargs)

        return wrapper_of_coroutine if inspect.iscoroutinefunction(function) else wrapper

    return decorate

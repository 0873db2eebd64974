"""`zmq.decorators`: contexts and sockets made for each call of a function, and ended with it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from aiomq.compat.zmq.sugar.context import Context

__all__ = ["context", "socket"]


def context(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """Give a function a new context: after its own arguments, or by name.

    Args:
        args: go to `zmq.Context`; a text before them is the name of the argument.
        kwargs: go to `zmq.Context`; `name` is the name of the argument.
    """
    name, args = _name(args, kwargs)
    return _giving(lambda *_: Context(*args, **kwargs), name)


def socket(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
    """Give a function a new socket, as `context` gives a context: made by that context, or by the shared one.

    Args:
        args: go to `Context.socket`; a text before them is the name of the argument.
        kwargs: go to `Context.socket`; `name` and `context_name` are the names of the arguments.
    """
    name, args = _name(args, kwargs)
    context_name = kwargs.pop("context_name", "context")

    def make(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        found = [each for each in (named.get(context_name), *given) if isinstance(each, Context)]
        return (found[0] if found else Context.instance()).socket(*args, **kwargs)

    return _giving(make, name)


def _name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str | None, tuple[Any, ...]]:
    """Return the name of the argument that a decorator gives, and the rest of the decorator's own arguments."""
    if isinstance(kwargs.get("name"), str):
        return kwargs.pop("name"), args
    if args and isinstance(args[0], str):
        return args[0], args[1:]
    return None, args


def _giving(make: Callable[[tuple[Any, ...], dict[str, Any]], Any], name: str | None) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        def arguments(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
            if name is None:
                return (*args, made), kwargs
            if name in kwargs:
                raise TypeError(f"{function.__name__}() got multiple values for argument {name!r}")
            return args, {**kwargs, name: made}

        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with make(args, kwargs) as made:
                args, kwargs = arguments(made, args, kwargs)
                return function(*args, **kwargs)

        @functools.wraps(function)
        async def wrapper_of_coroutine(*args: Any, **kwargs: Any) -> Any:
            with make(args, kwargs) as made:
                args, kwargs = arguments(made, args, kwargs)
                return await function(*args, **kwargs)

        return wrapper_of_coroutine if inspect.iscoroutinefunction(function) else wrapper

    return decorate

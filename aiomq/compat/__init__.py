"""Programs that were written for pyzmq's asyncio, on aiomq.

`import aiomq.compat.zmq as zmq` in place of `import zmq`, or `install` before a program that stays as it is.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType
from typing import Final

__all__ = ["install", "uninstall"]

_HERE: Final = "aiomq.compat.zmq"


def install() -> None:
    """Let `import zmq` and all below it give this layer, in this process, from now on.

    Raises:
        RuntimeError: pyzmq itself is imported already: its sockets and these would be mixed up.
    """
    present = sys.modules.get("zmq")
    if present is not None and present.__name__ != _HERE:
        raise RuntimeError("pyzmq is imported already: install() comes before the first `import zmq` of a program")
    for module in _modules():
        sys.modules[_public_name(module)] = module


def uninstall() -> None:
    """Take `install` back: the next `import zmq` gives pyzmq, if there is one. What was imported stays what it is."""
    for module in _modules():
        if sys.modules.get(_public_name(module)) is module:
            del sys.modules[_public_name(module)]


def _modules() -> list[ModuleType]:
    package = importlib.import_module(_HERE)
    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{_HERE}.")]
    return [package, *map(importlib.import_module, names)]


def _public_name(module: ModuleType) -> str:
    return module.__name__.removeprefix("aiomq.compat.")

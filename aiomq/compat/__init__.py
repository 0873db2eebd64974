"""Programs that were written for pyzmq, on aiomq.

`import aiomq.compat.zmq as zmq` in place of `import zmq`, or `install` before a program that stays as it is, or
`python -m aiomq.compat program.py` for a whole one.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

__all__ = ["install", "uninstall"]

_HERE: Final = "aiomq.compat.zmq"
_OPTIONAL: Final = (f"{_HERE}.eventloop", f"{_HERE}.green")
"""Modules that need a package which may not be there; they are imported when a program does."""


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives `zmq.x` as the module `aiomq.compat.zmq.x`, of which there is only one."""

    def __init__(self) -> None:
        self._own: ModuleSpec | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        own = f"aiomq.compat.{fullname}"
        if fullname.partition(".")[0] != "zmq" or importlib.util.find_spec(own) is None:
            return None
        return ModuleSpec(fullname, self, origin=own)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"aiomq.compat.{spec.name}")
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # importlib has put its own there


_finder: Final = _Finder()


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
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Take `install` back: the next `import zmq` gives pyzmq, if there is one. What was imported stays what it is."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name, module in tuple(sys.modules.items()):
        if name.partition(".")[0] == "zmq" and module.__name__.startswith(_HERE):
            del sys.modules[name]


def _modules() -> list[ModuleType]:
    package = importlib.import_module(_HERE)
    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{_HERE}.", onerror=_skip)]
    return [package, *(importlib.import_module(name) for name in names if not name.startswith(_OPTIONAL))]


def _skip(name: str) -> None:
    """Go past a package whose own import fails: walking imports it to look below it."""
    if not name.startswith(_OPTIONAL):
        raise ImportError(f"{name} cannot be imported")


def _public_name(module: ModuleType) -> str:
    return module.__name__.removeprefix("aiomq.compat.")

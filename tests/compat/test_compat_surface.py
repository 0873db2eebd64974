"""The names and signatures of pyzmq, compared with those of the compat layer.

A name that is missing fails, unless it is in a list here, with the reason.
"""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any, Final

import pytest

import aiomq.compat.zmq.asyncio

zmq = pytest.importorskip("zmq")
pytest.importorskip("zmq.asyncio")

HERE: Final = "aiomq.compat.zmq"

MODULES: Final = (
    "zmq",
    "zmq.asyncio",
    "zmq.auth",
    "zmq.auth.asyncio",
    "zmq.auth.certs",
    "zmq.auth.thread",
    "zmq.backend",
    "zmq.constants",
    "zmq.decorators",
    "zmq.devices",
    "zmq.devices.basedevice",
    "zmq.devices.monitoredqueue",
    "zmq.devices.monitoredqueuedevice",
    "zmq.devices.proxydevice",
    "zmq.devices.proxysteerabledevice",
    "zmq.error",
    "zmq.log.handlers",
    "zmq.ssh",
    "zmq.ssh.tunnel",
    "zmq.sugar.attrsettr",
    "zmq.sugar.context",
    "zmq.sugar.frame",
    "zmq.sugar.poll",
    "zmq.sugar.socket",
    "zmq.sugar.stopwatch",
    "zmq.sugar.tracker",
    "zmq.sugar.version",
    "zmq.utils.interop",
    "zmq.utils.jsonapi",
    "zmq.utils.monitor",
    "zmq.utils.strtypes",
    "zmq.utils.win32",
    "zmq.utils.z85",
)
"""Of each of these the names in `__all__` are to be there; `zmq` and `zmq.asyncio` are compared by `dir` as well."""

LEFT_OUT: Final = {
    "zmq.log.__main__": "a program that prints what PUBHandler sends",
    "zmq.utils.garbage": "frees C memory",
}
"""Modules that are not there, and why."""

NOT_PUBLIC: Final = {"annotations", "contextmanager", "os", "sys", "Enum", "IntEnum", "IntFlag"}
"""What modules of pyzmq have imported for themselves."""

ASYNCIO_IMPORTS: Final = {
    "Future",
    "SelectorEventLoop",
    "WeakKeyDictionary",
    "selectors",
    "ProactorSelectorThreadWarning",
}
"""The same of `zmq.asyncio`; and a warning of a thread that there is none of here."""

CLASSES: Final = ("Context", "Socket", "Poller", "Frame", "MessageTracker", "ZMQError", "Again", "Stopwatch")

MEMBERS_LEFT_OUT: Final[dict[str, str]] = {
    "Frame.tracker_event": "a threading.Event that libzmq's thread sets",
}

RENAMED: Final = {("zmq.asyncio", "Socket.get", "key"): "the same method of zmq.Socket has `option`"}
"""Parameters that have another name here, because pyzmq has two for them."""


def ours(name: str) -> ModuleType:
    """Return the module of the compat layer that takes the place of one of pyzmq's."""
    return importlib.import_module(f"aiomq.compat.{name}")


def public(holder: object) -> set[str]:
    """Return the public names, but for modules: which of those are there depends on what was imported before."""
    names = {name for name in dir(holder) if not name.startswith("_")}
    return {name for name in names if not isinstance(getattr(holder, name, None), ModuleType)}


@pytest.mark.parametrize("name", MODULES)
def test_names_of_module_are_there(name: str) -> None:
    theirs = importlib.import_module(name)
    names = set(getattr(theirs, "__all__", ()))
    if name in {"zmq", "zmq.asyncio"}:
        names |= public(theirs)
    if name == "zmq.asyncio":
        names -= ASYNCIO_IMPORTS

    missing = {each for each in names - NOT_PUBLIC if not hasattr(ours(name), each)}

    assert missing == set()


def test_modules_that_are_left_out_are_left_out() -> None:
    """The list stays true: what is built after all is taken from it."""
    for name in LEFT_OUT:
        with pytest.raises(ImportError):
            ours(name)


def test_constants_have_the_values_of_pyzmq() -> None:
    differing = {
        name: (value, getattr(ours("zmq"), name))
        for name in zmq.constants.__all__
        if isinstance(value := getattr(zmq, name), int) and int(value) != int(getattr(ours("zmq"), name))
    }

    assert differing == {}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("module", ["zmq", "zmq.asyncio"])
def test_members_of_class_are_there(module: str, name: str) -> None:
    theirs = getattr(importlib.import_module(module), name, None)
    if theirs is None:
        return  # only some classes are in zmq.asyncio too
    mine = getattr(ours(module), name)
    left_out = {each.partition(".")[2] for each in MEMBERS_LEFT_OUT if each.startswith(f"{name}.")}

    missing = {each for each in public(theirs) - public(Exception) if not hasattr(mine, each)} - left_out

    # Names that instances have, and classes only as annotations.
    assert missing - set(_annotations(mine)) == set()


def _annotations(cls: type) -> set[str]:
    return {name for each in cls.__mro__ for name in inspect.get_annotations(each)}


def _callables() -> list[tuple[str, str]]:
    found = []
    for module in ("zmq", "zmq.asyncio"):
        namespace = importlib.import_module(module)
        functions = [name for name in public(namespace) if inspect.isfunction(getattr(namespace, name))]
        methods = [
            f"{cls}.{name}"
            for cls in ("Context", "Socket", "Poller", "Frame")
            if hasattr(namespace, cls)
            for name in sorted(public(getattr(namespace, cls)))
            if callable(getattr(getattr(namespace, cls), name)) and f"{cls}.{name}" not in MEMBERS_LEFT_OUT
        ]
        found += [(module, name) for name in sorted(functions) + methods if name not in NOT_PUBLIC]
    return found


def _find(namespace: object, path: str) -> Any:
    for name in path.split("."):
        namespace = getattr(namespace, name)
    return namespace


@pytest.mark.parametrize(("module", "path"), _callables(), ids=lambda part: part)
def test_signature_takes_every_call_that_pyzmq_takes(module: str, path: str) -> None:
    try:
        theirs = inspect.signature(_find(importlib.import_module(module), path))
    except ValueError:
        return  # compiled, without a signature to compare
    mine = inspect.signature(_find(ours(module), path))
    kinds = {parameter.kind for parameter in mine.parameters.values()}
    if inspect.Parameter.VAR_POSITIONAL in kinds and inspect.Parameter.VAR_KEYWORD in kinds:
        return

    for name, parameter in theirs.parameters.items():
        if parameter.kind is inspect.Parameter.POSITIONAL_ONLY or (module, path, name) in RENAMED:
            continue
        if parameter.kind is inspect.Parameter.VAR_KEYWORD and inspect.Parameter.VAR_KEYWORD not in kinds:
            continue  # pyzmq's are routing_id and group, which are parameters here
        assert name in mine.parameters or inspect.Parameter.VAR_KEYWORD in kinds, f"{path} has no parameter {name}"
        if name in mine.parameters:
            assert mine.parameters[name].kind in {parameter.kind, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    positional = inspect.Parameter.POSITIONAL_OR_KEYWORD
    their_order = [name for name, parameter in theirs.parameters.items() if parameter.kind is positional]
    my_order = [name for name, parameter in mine.parameters.items() if parameter.kind is positional]
    shared = [name for name in their_order if name in my_order]
    assert my_order[: len(shared)] == shared
    required = [
        name
        for name, parameter in mine.parameters.items()
        if parameter.default is inspect.Parameter.empty
        and parameter.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]
    assert len(required) <= len(theirs.parameters), f"{path} requires more than pyzmq's"


def test_versions_are_those_of_a_recent_pyzmq_and_libzmq() -> None:
    compat = aiomq.compat.zmq

    assert compat.zmq_version() == "4.3.5"
    assert compat.zmq_version_info() == (4, 3, 5)
    assert compat.pyzmq_version() == compat.__version__
    assert compat.pyzmq_version_info()[0] >= 27

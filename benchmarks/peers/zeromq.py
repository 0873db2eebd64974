"""The libraries with pyzmq's shape: aiomq, pyzmq, pyomq; blocking, or on one of two event loops."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.cases import CURVE, Case, Scenario
from benchmarks.peers.asynchronous import run_asynchronous
from benchmarks.peers.base import MESSAGING, PythonPeer, Reporter
from benchmarks.peers.binding import Binding
from benchmarks.peers.blocking import run_blocking
from benchmarks.peers.loops import RunMain
from benchmarks.peers.threads import run_threads
from benchmarks.spec import Spec

__all__ = ["BlockingPeer", "LoopPeer", "MixedPeer"]

_OWN: frozenset[Scenario] = frozenset({"batch", "matching", "allocation"})
"""What is measured of aiomq alone."""

_NOTHING: Mapping[Scenario, str] = {}


def _attribute(module: str, name: str) -> Any:
    found = importlib.import_module(module)
    if not hasattr(found, name):
        raise ImportError(f"{module} has no {name}")
    return getattr(found, name)


def _version(package: str, module: str) -> str | None:
    """Return the version that a package was installed with, or that its module knows of itself."""
    version: str | None
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        version = getattr(importlib.import_module(module), "__version__", None)
    if package == "pyzmq":
        return f"{version}, libzmq {_attribute('zmq', 'zmq_version')()}"
    return version


def _lacks_curve(constants: str, case: Case) -> str | None:
    if case.scenario in CURVE:
        try:
            _attribute(constants, "curve_keypair")()
        except Exception as error:  # of the library's own kind, where it was built or installed without cryptography
            return f"{constants} has no CURVE ({error})"
    return None


class BlockingPeer(PythonPeer):
    """A library that blocks the thread."""

    def __init__(self, name: str, *, package: str, module: str, broken: Mapping[Scenario, str] = _NOTHING) -> None:
        super().__init__(name, "blocking")
        self._package, self._module, self._broken = package, module, broken

    def lacks(self, case: Case) -> str | None:
        """Return what is known not to work, or that there is no cryptography."""
        return self._broken.get(case.scenario) or _lacks_curve(self._module, case)

    def prepare(self, directory: Path) -> str | None:
        """Return the version of the library.

        Raises:
            ImportError: it isn't installed.
        """
        _attribute(self._module, "Context")
        return _version(self._package, self._module)

    def run(self, spec: Spec, report: Reporter) -> None:
        """Do the part that the spec describes."""
        module = importlib.import_module(self._module)
        run_blocking(Binding(module, module.Context), spec, report)


class LoopPeer(PythonPeer):
    """A library with coroutines, on one event loop."""

    def __init__(
        self,
        name: str,
        *,
        package: str,
        constants: str,
        module: str,
        run: RunMain,
        loop: str,
        is_ours: bool = False,
        broken: Mapping[Scenario, str] = _NOTHING,
    ) -> None:
        super().__init__(name, loop, scenarios=MESSAGING | _OWN if is_ours else MESSAGING)
        self._package, self._constants, self._module = package, constants, module
        self._run, self._loop, self._broken = run, loop, broken

    def lacks(self, case: Case) -> str | None:
        """Return what is known not to work, or that there is no proxy: one that blocks is no part of an event loop."""
        if case.scenario in self._broken:
            return self._broken[case.scenario]
        if case.scenario == "proxy" and not hasattr(importlib.import_module(self._module), "proxy"):
            return f"{self._module} has no proxy"
        if case.scenario == "proxy" and not inspect.iscoroutinefunction(_attribute(self._module, "proxy")):
            return f"the proxy of {self._module} is no coroutine"
        return _lacks_curve(self._constants, case)

    def prepare(self, directory: Path) -> str | None:
        """Return the version of the library.

        Raises:
            ImportError: it, or the loop it is to run on, isn't installed.
        """
        if self._loop == "uvloop":
            importlib.import_module("uvloop")
        _attribute(self._module, "Context")
        return _version(self._package, self._constants)

    def run(self, spec: Spec, report: Reporter) -> None:
        """Do the part that the spec describes."""

        if spec.case.scenario == "matching":
            _own_parts().measure_matching(spec, report)
        else:
            self._run(self._main(spec, report))

    async def _main(self, spec: Spec, report: Reporter) -> None:
        binding = Binding(importlib.import_module(self._constants), _attribute(self._module, "Context"))
        if spec.case.scenario == "allocation":
            await _own_parts().measure_allocation(binding, spec, report)
        elif spec.case.scenario in ("threads", "threads-latency"):
            await run_threads(binding, self._run, spec, report)
        else:
            await run_asynchronous(binding, spec, report)


class MixedPeer(PythonPeer):
    """The servers of one library and the clients of another, where handshakes cost both something."""

    def __init__(self, name: str, server: PythonPeer, client: PythonPeer) -> None:
        about = f"the server is {server.name}, the clients are {client.name}"
        super().__init__(name, about, scenarios=frozenset({"curve-handshakes"}))
        self._server, self._client = server, client

    def lacks(self, case: Case) -> str | None:
        """Return what one of the two lacks."""
        return self._server.lacks(case) or self._client.lacks(case)

    def prepare(self, directory: Path) -> str | None:
        """Return the versions of both.

        Raises:
            ImportError: one of them isn't installed.
        """
        return f"{self._server.prepare(directory)} with {self._client.prepare(directory)}"

    def run(self, spec: Spec, report: Reporter) -> None:
        """Do the part that the spec describes."""
        (self._server if spec.role == "bind" else self._client).run(spec, report)


def _own_parts() -> Any:
    """Import what measures aiomq's own parts: it, and with it aiomq, is not loaded to measure another library."""
    return importlib.import_module("benchmarks.peers.inprocess")

"""The layers of the package, checked on its source: imports go down only, and each outside world has one door.

The table `LAYERS` is the map. A new module gets its place there first; what the numbers mean and why is told in
docs/explanation/layers.md.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = "aiomq"
ROOT: Final = Path(__file__).resolve().parent.parent
SOURCES: Final = sorted((ROOT / PACKAGE).rglob("*.py"))

LAYERS: Final = (
    # 0: vocabulary
    frozenset(
        {
            "budgets",
            "constants",
            "counters",
            "endpoint",
            "errors",
            "events",
            "message",
            "mute",
            "origins",
            "socket_types",
            "version",
        }
    )
    | frozenset({"option_attributes", "option_numbers", "option_spec", "option_table", "options"})
    | frozenset({"crypto", "datagrams", "memory", "teardown"})
    | frozenset({"option_table_network", "option_table_refused", "option_table_security", "option_values", "z85"})
    | frozenset({"context_names", "context_options", "endpoint_numbered", "refused_attributes"}),
    # 1: the protocol and the patterns, both without I/O
    frozenset({"zmtp", "patterns"}),
    # 2: peers and what wakes whom
    frozenset({"durable", "durable_claims", "durable_ledger", "durable_schema"})
    | frozenset({"durable_store", "durable_times"})
    | frozenset({"byte_marks", "rest", "unread", "unsent", "weights"})
    | frozenset({"conflating", "flusher", "frame", "gate", "peer", "peer_protocols", "tracker"}),
    # 3: the ways bytes and messages travel
    frozenset({"transports"}),
    # 4: what a program holds in its hands
    frozenset({"budget_attributes", "context_limits", "durable_core", "durable_socket"})
    | frozenset({"context", "core", "endpoints", "limits", "linger", "monitor", "monitor_socket", "observed"})
    | frozenset(
        {"breaches", "core_protocols", "forking", "poller", "proxy", "security", "starting", "status", "waiting"}
    )
    | frozenset({"addressing", "chores", "grouping", "receiving", "sending", "socket", "socket_base"}),
    # 5: comfort; "" is the package itself, which hands out the public names
    frozenset({"", "__main__", "auth", "cli", "compat", "debug", "runner", "streams", "typed"})
    | frozenset({"process_worker", "processes", "threads", "workers"}),
)
LAYER_OF: Final = {module: number for number, modules in enumerate(LAYERS) for module in modules}

STRANGERS: Final = {("zmtp", "patterns"), ("patterns", "zmtp"), ("transports", "patterns")}
"""Pairs (module, what it must not see) that the layers alone would allow."""

DOORS: Final = {
    "anyio": frozenset({"streams"}),
    "asyncio": LAYERS[2] | LAYERS[3] | LAYERS[4] | LAYERS[5],
    "nacl": frozenset({"crypto"}),
    "socket": frozenset({"transports"}),
    "ssl": frozenset({"transports"}),
    "uvloop": frozenset({"runner"}),
}
"""Outside packages that only these modules may import."""

TYPE_TABLES: Final = frozenset({"aiomq.patterns.table", "aiomq.socket_types"})
"""The only modules that may tell one socket type from another."""


def head(module: str) -> str:
    """Return the part of a module's name that has a place in `LAYERS`: "zmtp" for "aiomq.zmtp.frames"."""
    return module.removeprefix(PACKAGE).lstrip(".").partition(".")[0]


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules that a statement imports; for "from aiomq import x" that is aiomq.x if it is a module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.level:
        yield "." * node.level
    elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
        yield from (f"{PACKAGE}.{alias.name}" if alias.name in LAYER_OF else PACKAGE for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""


def wrong_import(module: str, target: str) -> str | None:
    """Return what is wrong with `module` importing `target`, or None."""
    here, there = head(module), head(target)
    if target.startswith("."):
        return "a relative import: write the full name, so that one form shows who sees whom"
    outside = target.partition(".")[0]
    if outside != PACKAGE:
        if here in DOORS.get(outside, {here}):
            return None
        return f"imports {outside}, which only {', '.join(sorted(DOORS[outside] - {''}))} may"
    if there not in LAYER_OF:
        return f"imports {target}, which has no layer: add {there!r} to LAYERS in tests/test_layers.py"
    if (here, there) in STRANGERS:
        return f"imports {target}: {here} never sees {there}"
    if LAYER_OF[there] > LAYER_OF[here]:
        return f"imports {target}, up from layer {LAYER_OF[here]} to {LAYER_OF[there]}: imports go down only"
    return None


def names_type(node: ast.expr) -> bool:
    """Tell whether an expression is a socket type: a name "socket_type", SocketType.X, or a collection of those."""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(names_type, node.elts))
    if isinstance(node, ast.Attribute):
        return node.attr.endswith("socket_type") or (isinstance(node.value, ast.Name) and node.value.id == "SocketType")
    return isinstance(node, ast.Name) and node.id.endswith("socket_type")


def looks_up(node: ast.Compare) -> bool:
    """Tell whether a comparison asks a named table ("socket_type in COMPATIBLE[other]") and no list on the spot."""
    tables = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
    return isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(node.comparators[0], tables)


def type_switch(node: ast.AST) -> str | None:
    """Return what is wrong with a node that branches on the kind of a socket or peer, or None."""
    if isinstance(node, ast.Compare) and not looks_up(node):
        operands = (node.left, *node.comparators)
        absent = any(isinstance(operand, ast.Constant) and operand.value is None for operand in operands)
        if any(map(names_type, operands)) and not absent:
            return "compares a socket type: give each type its own pattern in the table"
    if isinstance(node, ast.Match) and names_type(node.subject):
        return "matches a socket type: give each type its own pattern in the table"
    if (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) == "isinstance"
        and "InprocPeer" in ast.unparse(node.args[1])
    ):
        return "asks whether a peer is an InprocPeer: peers differ by what their methods do"
    return None


def violations(module: str, source: str) -> list[str]:
    """Return what breaks the rules of the layers in a module, one line each."""
    if head(module) not in LAYER_OF:
        return [f"{module} is in no layer: add {head(module)!r} to LAYERS in tests/test_layers.py"]
    found = []
    for node in ast.walk(ast.parse(source)):
        wrong = [wrong_import(module, target) for target in imported(node)]
        if module not in TYPE_TABLES:
            wrong.append(type_switch(node))
        found += [f"{module}:{getattr(node, 'lineno', 0)} {text}" for text in wrong if text]
    return found


def module_name(path: Path) -> str:
    """Return the dotted name of a source file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_module_keeps_to_its_layer(path: Path) -> None:
    assert violations(module_name(path), path.read_text(encoding="utf-8")) == []


def test_layers_name_every_module_once() -> None:
    assert sum(map(len, LAYERS)) == len(LAYER_OF)


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("aiomq.errors", "import aiomq.socket", "up from layer 0 to 4"),
        ("aiomq.errors", "from aiomq.context import Context", "up from layer 0 to 4"),
        ("aiomq.errors", "from aiomq import endpoint, poller", "up from layer 0 to 4"),
        ("aiomq.socket", "from aiomq import Context", "up from layer 4 to 5"),
        ("aiomq.socket", "import aiomq", "up from layer 4 to 5"),
        ("aiomq.peer", "if TYPE_CHECKING:\n    from aiomq.socket import Socket", "up from layer 2 to 4"),
        ("aiomq.peer", "def wake():\n    from aiomq.transports.tcp import connect", "up from layer 2 to 3"),
        ("aiomq.zmtp.frames", "from aiomq.patterns.base import Pattern", "zmtp never sees patterns"),
        ("aiomq.patterns.pair", "from aiomq.zmtp import frames", "patterns never sees zmtp"),
        ("aiomq.transports.tcp", "import aiomq.patterns.base", "transports never sees patterns"),
        ("aiomq.zmtp.session", "import asyncio", "imports asyncio"),
        ("aiomq.zmtp.session", "import asyncio.events as events", "imports asyncio"),
        ("aiomq.patterns.pub_sub", "from asyncio import Future", "imports asyncio"),
        ("aiomq.socket", "import socket", "only transports may"),
        ("aiomq.context", "from ssl import SSLContext", "only transports may"),
        ("aiomq.typed", "import anyio", "only streams may"),
        ("aiomq.streams", "from uvloop import run", "only runner may"),
        ("aiomq.zmtp.frames", "from . import commands", "relative import"),
        ("aiomq.zmtp.frames", "from ..errors import ZMQError", "relative import"),
        ("aiomq.helpers", "", "add 'helpers' to LAYERS"),
        ("aiomq.socket", "from aiomq.helpers import nothing", "add 'helpers' to LAYERS"),
        ("aiomq.socket", "if self.socket_type == PUB:\n    drop()", "compares a socket type"),
        ("aiomq.socket", "if kind in (SocketType.PUB, SocketType.XPUB):\n    drop()", "compares a socket type"),
        ("aiomq.socket", "if socket_type in {PUB, XPUB}:\n    drop()", "compares a socket type"),
        ("aiomq.socket", "drop = peer_socket_type is not PUB", "compares a socket type"),
        ("aiomq.socket", "match socket_type:\n    case 1:\n        drop()", "matches a socket type"),
        ("aiomq.peer", "isinstance(peer, inproc.InprocPeer)", "InprocPeer"),
    ],
)
def test_violation_is_found_and_named(module: str, source: str, complaint: str) -> None:
    found = violations(module, source)

    assert len(found) == 1, found
    assert complaint in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("aiomq", "from aiomq.socket import Socket\nfrom aiomq.runner import run"),
        ("aiomq.cli.demo", "import aiomq\nfrom aiomq import Context\nimport asyncio"),
        ("aiomq.runner", "import uvloop"),
        ("aiomq.streams", "import anyio.abc"),
        ("aiomq.transports.tcp", "import asyncio, socket, ssl\nfrom aiomq.zmtp.session import Session"),
        ("aiomq.transports.tcp", "from aiomq.transports import base"),
        ("aiomq.peer", "from aiomq.patterns.base import Pattern"),
        ("aiomq.context", "from aiomq.socket import Socket\nimport sockets"),
        ("aiomq.patterns.table", "if socket_type == PUB:\n    drop()"),
        ("aiomq.socket", "if socket_type is None:\n    fail()\npattern = PATTERNS[socket_type]"),
        ("aiomq.zmtp.session", "if peer_type not in COMPATIBLE[socket_type]:\n    refuse()"),
        ("aiomq.options", "if socket_type in NO_LINGER or self.socket_type not in spec.socket_types:\n    fail()"),
    ],
)
def test_allowed_source_passes(module: str, source: str) -> None:
    assert violations(module, source) == []

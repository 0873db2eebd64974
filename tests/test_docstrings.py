"""The sections of docstrings are of a form that the tools which make the reference pages understand.

They warn of what they do not, or take a sentence for the name of an exception; a warning fails the build of the pages.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).resolve().parent.parent / "aiomq"
MODULES: Final = sorted(PACKAGE.rglob("*.py"))

_LISTS: Final = {"Args:", "Attributes:", "Raises:"}
_TEXTS: Final = {"Returns:", "Yields:"}
_INDENT: Final = " " * 4
_ITEM: Final = re.compile(r"\*{0,2}[\w.]+(, [\w.]+)*: \S")
"""A name, or several that are described together, and what is said of it."""


def docstrings(module: Path) -> Iterator[tuple[str, str]]:
    """Yield where each docstring of a module is, and what it says."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text is not None:
                yield getattr(node, "name", module.name), text


def misread(text: str) -> Iterator[str]:
    """Yield the lines of a docstring that would not be read as they are meant."""
    section = ""
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = line
            if re.fullmatch(r"[A-Z]\w*:", line) and line not in _LISTS | _TEXTS:
                yield line
        elif section in _LISTS and line and not line.startswith(_INDENT * 2) and not _ITEM.match(line.strip()):
            yield line


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_sections_of_docstrings_are_lists_of_names(module: Path) -> None:
    assert [(where, line) for where, text in docstrings(module) for line in misread(text)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_all_is_made_of_texts_and_of_other_lists_named_so(module: Path) -> None:
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            assert isinstance(node.value, ast.List)
            for each in node.value.elts:
                text = ast.unparse(each)
                assert isinstance(each, ast.Constant) or re.fullmatch(r"\*\w+(\.__all__)?", text), text


@pytest.mark.parametrize(
    "line", ["Whatever `main` raised.", "Otherwise as `send`.", "Otherwise as `recv`. Cancellation: as `recv`."]
)
def test_a_sentence_among_exceptions_is_found(line: str) -> None:
    assert list(misread(f"Do it.\n\nRaises:\n    ValueError: for one.\n    {line}\n")) == [f"    {line}"]

"""Packages of the extra `interop`, which the ordinary run of the tests does without."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest

__all__ = ["needed"]


def needed(name: str) -> Any:
    """Return a module; without it skip what needs it, but not where AIOMQ_INTEROP says that all are there."""
    if os.environ.get("AIOMQ_INTEROP") == "required":
        return importlib.import_module(name)
    return pytest.importorskip(
        name, reason=f"{name} is not installed: pip install -e '.[interop]'", exc_type=ImportError
    )

"""The table on the page of limits is what the table of budgets says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from aiomq.budgets import BUDGETS

GENERATOR = Path(__file__).resolve().parent.parent / "docs" / "generate_limits.py"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_limits", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_page_is_what_the_table_says(generator: ModuleType) -> None:
    text = generator.PAGE.read_text(encoding="utf-8")

    assert generator.page(text) == text, "run python docs/generate_limits.py"


def test_page_has_every_budget_once(generator: ModuleType) -> None:
    text = generator.PAGE.read_text(encoding="utf-8")

    assert all(text.count(f"\n| `{name}` |") == 1 for name in BUDGETS)


def test_what_others_have_is_told_of_budgets_that_there_are(generator: ModuleType) -> None:
    assert set(generator.ELSEWHERE) <= set(BUDGETS)

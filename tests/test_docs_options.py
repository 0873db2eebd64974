"""The page of socket options is what the table of options says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

import aiomq
from aiomq.constants import ContextOption, SocketOption
from aiomq.options import OPTIONS

GENERATOR = Path(__file__).resolve().parent.parent / "docs" / "generate_options.py"


@pytest.fixture
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_options", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_options_page_is_up_to_date(generator: ModuleType) -> None:
    written = generator.PAGE.read_text(encoding="utf-8")

    assert written == generator.page(), "run: python docs/generate_options.py"


def test_options_page_names_every_option(generator: ModuleType) -> None:
    page = generator.page().partition("## Options of a context")[0]

    for option in SocketOption:
        assert f"`{option.name}`" in page
    assert len(re.findall(r"^\| \d+ \| `", page, re.MULTILINE)) == len(OPTIONS) == len(SocketOption)


def test_options_page_has_the_options_of_a_context(generator: ModuleType) -> None:
    section = generator.page().partition("## Options of a context")[2]
    rows = dict(re.findall(r"^\| \d+ \| `(\w+)` \| [^|]*\| (\d*)", section, re.MULTILINE))

    assert {*ContextOption.__members__, "IPV6", "BLOCKY"} == rows.keys()
    with aiomq.Context() as context:
        for name, default in rows.items():
            assert not default or context.get(name) == int(default)


def test_options_page_says_why_an_option_is_kept_or_refused(generator: ModuleType) -> None:
    table = generator.page().partition("## Options of a context")[0]
    lines = {line.split(" ")[3].strip("`"): line for line in table.splitlines() if line.startswith("| ")}

    assert "| refused: use a STREAM socket" in lines["ROUTER_RAW"]
    assert "| kept, without effect: there are no I/O threads" in lines["AFFINITY"]
    assert "| works |" in lines["SNDHWM"]

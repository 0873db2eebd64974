from __future__ import annotations

import pytest

from aiomq.constants import SocketType
from aiomq.options import default_options
from aiomq.patterns.base import Pattern
from aiomq.patterns.table import PATTERNS

_EVERY_TYPE = list(SocketType)


@pytest.mark.parametrize("kind", _EVERY_TYPE, ids=lambda kind: kind.name)
def test_pattern_table_has_each_type_under_its_name(kind: SocketType) -> None:
    pattern = PATTERNS[kind](default_options(kind))
    assert isinstance(pattern, Pattern)
    assert pattern.name == kind.name
    assert type(pattern).__name__.upper() == f"{kind.name}PATTERN"


@pytest.mark.parametrize("kind", _EVERY_TYPE, ids=lambda kind: kind.name)
def test_pattern_without_peers_has_nothing_to_receive(kind: SocketType) -> None:
    assert not PATTERNS[kind](default_options(kind)).can_recv()

"""Every target over its kept corpus, and a little around it: a target that is broken shows here, and old findings."""

from __future__ import annotations

import random

import pytest

from aiomq import crypto
from tests.fuzz.engine import CORPUS, kept, mutated
from tests.fuzz.targets import TARGETS

AROUND = {"stores": 20, "floods": 5, "connections": 100}
"""How many mutated inputs for targets that take longer than others, for which it is `MUTATED`."""
MUTATED = 300


@pytest.mark.parametrize("name", TARGETS)
def test_target_finds_nothing_in_its_corpus(name: str) -> None:
    corpus = kept(name)
    assert corpus, f"there is no corpus for {name}: python -m tests.fuzz.seeds makes one"
    for data in [*corpus, b"", b"\0", b"\xff" * 8]:
        TARGETS[name].run(data)


@pytest.mark.parametrize("name", TARGETS)
def test_target_finds_nothing_around_its_corpus(name: str) -> None:
    corpus = kept(name)
    for seed in range(AROUND.get(name, MUTATED)):
        data = mutated(random.Random(f"{name} {seed}"), corpus, TARGETS[name].max_size)
        try:
            TARGETS[name].run(data)
        except BaseException as error:
            error.add_note(f"the input, in hexadecimal: {data.hex()}")
            raise


def test_corpus_is_small_and_has_no_folder_without_a_target() -> None:
    assert {path.name for path in CORPUS.iterdir()} == set(TARGETS)
    for name, target in TARGETS.items():
        assert all(len(data) <= target.max_size for data in kept(name)), name
        assert sum(map(len, kept(name))) <= 64 * 1024, name


@pytest.mark.parametrize("name", ["curve_server", "connections"])
def test_target_gives_the_real_cryptography_back(name: str) -> None:
    before = crypto._nacl, crypto._failures
    TARGETS[name].run(kept(name)[0])

    assert (crypto._nacl, crypto._failures) == before
    assert crypto.random_octets(16) != crypto.random_octets(16)

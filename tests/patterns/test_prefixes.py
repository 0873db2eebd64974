"""The search for the topics that begin a frame."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiomq.patterns.prefixes import LENGTHS_MAX, PrefixIndex, PrefixTree

# Few letters, so that topics share beginnings and begin each other.
topics = st.text("ab", min_size=1, max_size=12).map(str.encode)


@given(st.lists(st.tuples(st.booleans(), topics)), st.lists(topics, min_size=1))
def test_prefix_tree_after_any_changes_finds_what_a_scan_finds(
    changes: list[tuple[bool, bytes]], frames: list[bytes]
) -> None:
    tree, naive = PrefixTree(), set[bytes]()
    for is_added, topic in changes:
        if not is_added:
            assert tree.discard(topic) is (topic in naive)
            naive.discard(topic)
        elif topic not in naive:
            tree.add(topic)
            naive.add(topic)
        assert len(tree) == len(naive)
    for frame in frames:
        assert tree.prefixes_of(frame) == sorted(topic for topic in naive if frame.startswith(topic))


@given(st.lists(topics, unique=True), st.randoms(use_true_random=False))
def test_prefix_tree_emptied_in_any_order_keeps_no_node(added: list[bytes], random: Random) -> None:
    tree = PrefixTree()
    for topic in added:
        tree.add(topic)
    random.shuffle(added)
    for topic in added:
        assert tree.discard(topic)
    assert not tree._root.children
    assert not tree


def test_prefix_tree_long_topics_that_differ_at_the_end_are_told_apart() -> None:
    tree = PrefixTree()
    stem = b"x" * 100_000
    tree.add(stem + b"1")
    tree.add(stem + b"2")
    assert tree.prefixes_of(stem + b"2 and more") == [stem + b"2"]
    assert tree.prefixes_of(stem) == []
    tree.add(stem)
    assert tree.prefixes_of(stem + b"1") == [stem, stem + b"1"]


@pytest.mark.parametrize("unknown", [b"a", b"abcd", b"abd", b"b", b"abc1x"])
def test_prefix_tree_discard_of_what_is_not_in_it_changes_nothing(unknown: bytes) -> None:
    tree = PrefixTree()
    tree.add(b"abc1")
    tree.add(b"abc2")
    assert not tree.discard(unknown)
    assert tree.prefixes_of(b"abc1") == [b"abc1"]
    assert len(tree) == 2


def test_prefix_index_lengths_are_those_of_its_topics() -> None:
    index = PrefixIndex()
    for topic in (b"ccc", b"a", b"b"):
        index.add(topic)
    assert index.lengths == (1, 3)
    index.remove(b"a")
    assert index.lengths == (1, 3)
    index.remove(b"b")
    assert list(index.lengths) == [3]
    assert index.tree is None


def test_prefix_index_with_too_many_lengths_puts_further_ones_into_the_tree() -> None:
    index = PrefixIndex()
    for length in range(1, LENGTHS_MAX + 3):
        index.add(b"x" * length)
    assert index.lengths == tuple(range(1, LENGTHS_MAX + 1))
    assert index.tree is not None
    assert index.tree.prefixes_of(b"x" * 99) == [b"x" * (LENGTHS_MAX + 1), b"x" * (LENGTHS_MAX + 2)]


def test_prefix_index_tree_goes_with_its_last_topic() -> None:
    index = PrefixIndex()
    added = [b"x" * length for length in range(1, LENGTHS_MAX + 3)]
    for topic in added:
        index.add(topic)
    for topic in added:
        index.remove(topic)
    assert (index.lengths, index.tree) == ((), None)


def test_prefix_index_length_that_became_free_is_taken_by_a_later_topic() -> None:
    index = PrefixIndex()
    for length in range(1, LENGTHS_MAX + 2):
        index.add(b"x" * length)
    index.remove(b"x")
    index.add(b"y" * (LENGTHS_MAX + 1))  # of the same length as one that is in the tree
    assert index.lengths == tuple(range(2, LENGTHS_MAX + 2))
    index.remove(b"x" * (LENGTHS_MAX + 1))
    assert index.tree is None
    assert LENGTHS_MAX + 1 in index.lengths

"""Subsets by a seed: nested, and not moved by what else is there."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nodes.load.subset import drawn

names = st.lists(st.text(max_size=8), unique=True, max_size=40)


def subset(entries, count, seed=0):
    return list(drawn(entries, str, count, seed))


@given(names, st.integers(1, 50), st.integers(0, 9))
def test_subset_has_its_size_and_the_order_of_the_entries(entries, count, seed):
    taken = subset(entries, count, seed)
    assert len(taken) == min(count, len(entries))
    assert taken == [entry for entry in entries if entry in set(taken)]


@given(names, st.integers(1, 20), st.integers(0, 20))
def test_smaller_subset_is_part_of_a_larger_one(entries, count, more):
    assert set(subset(entries, count)) <= set(subset(entries, count + more))


@given(names, st.integers(1, 40), st.randoms(use_true_random=False))
def test_order_of_the_entries_does_not_matter(entries, count, random):
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert set(subset(shuffled, count)) == set(subset(entries, count))


@given(names, st.integers(1, 40))
def test_added_entry_displaces_at_most_one(entries, count):
    before = set(subset(entries, count))
    after = set(subset([*entries, "an added name"], count))
    assert len(before - after) <= 1
    assert after - before <= {"an added name"}


def test_another_seed_draws_others():
    entries = [f"{number:06d}.jpg" for number in range(1000)]
    assert subset(entries, 100, 1) != subset(entries, 100, 2)
    assert subset(entries, 100, 1) == subset(entries, 100, 1)


def test_drawn_pictures_stay_the_same_for_good():
    entries = [f"{number:012d}.jpg" for number in range(20)]
    assert subset(entries, 3, 0) == ["000000000003.jpg", "000000000013.jpg", "000000000015.jpg"]

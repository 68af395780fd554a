"""Labels of values: legal in a file name, and unlike each other."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodegraph.sweep.labels import joined, value_labels

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(st.lists(json_values, min_size=1, max_size=8, unique_by=json.dumps))
def test_labels_are_safe_and_as_many_as_the_values(values):
    labels = value_labels(values)
    assert len(set(labels)) == len(values)
    assert all(re.fullmatch(r"[A-Za-z0-9._+~-]{1,40}", label) for label in labels)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.5, 1, -2, 1e-05], ("0.5", "1", "-2", "1e-05")),
        ([True, None, "orbit_right"], ("true", "null", "orbit_right")),
    ],
)
def test_short_plain_values_are_their_own_labels(values, labels):
    assert value_labels(values) == labels


def test_label_of_an_awkward_value_shows_its_end_and_stays_when_values_are_added():
    (label,) = value_labels(["data/photos-mini"])
    assert re.fullmatch(r"data_photos-mini~[0-9a-f]{12}", label)
    assert value_labels(["x", "data/photos-mini", "data photos-mini"])[1] == label


def test_values_with_the_same_text_are_told_apart():
    one, other = value_labels([1, "1"])
    assert one.startswith("1~")
    assert other.startswith("1~")
    assert one != other


def test_long_names_are_cut_and_told_apart():
    one, other = (joined(f"node{i}.param=value{i}" for i in range(count)) for count in (30, 31))
    assert one != other
    assert max(len(one), len(other)) < 200

"""Values as JSON for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from nodegraph import value
from nodegraph.show.inspect import file_bytes, in_full, summary


@value("inspect_test.grid")
@dataclass(frozen=True)
class Grid:
    cells: np.ndarray[Any, Any]
    label: str
    raw: bytes


def test_array_is_summed_up_by_dtype_shape_and_digest():
    shown = summary(Grid(np.zeros((2, 3), np.float32), "a", b"xy"))
    assert (shown["type"], shown["label"]) == ("inspect_test.grid", "a")
    assert (shown["cells"]["dtype"], shown["cells"]["shape"]) == ("float32", [2, 3])
    assert len(shown["cells"]["digest"]) == 64
    assert shown["raw"]["bytes"] == 2
    json.dumps(shown, allow_nan=False)


def test_equal_arrays_have_equal_digests_and_others_not():
    zeros, ones = np.zeros(3), np.ones(3)
    assert summary(zeros) == summary(zeros.copy())
    assert summary(zeros)["digest"] != summary(ones)["digest"]


def test_in_full_gives_every_number():
    assert in_full(Grid(np.arange(4).reshape(2, 2), "a", b""))["cells"] == [[0, 1], [2, 3]]


def test_numbers_that_json_lacks_become_text():
    assert summary([float("nan"), float("inf"), 1.5]) == ["nan", "inf", 1.5]
    assert in_full(np.array([np.nan, 1.0])) == ["nan", 1.0]


def test_json_values_stay_as_they_are():
    plain = {"a": [1, 2.5, None, True, "x"], "b": {"c": []}}
    assert summary(plain) == plain


@pytest.mark.parametrize(
    ("held", "content"),
    [(Grid(np.zeros(1), "a", b"raw"), b"raw"), ("text", None), (7, None), ([b"raw"], None)],
)
def test_bytes_of_a_value_that_stands_for_a_file(held, content):
    assert file_bytes(held) == content

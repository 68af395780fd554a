"""The shape class of a call: shapes and choices, never contents."""

from __future__ import annotations

import enum
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from pydantic import BaseModel

from nodegraph.place.shapes import UNKNOWN, elements, shape_class


@dataclass(frozen=True)
class Frame:
    pixels: np.ndarray
    boxes: np.ndarray
    name: str = ""


class Scheduler(enum.Enum):
    DDIM = "ddim"
    EULER = "euler"


class Options(BaseModel):
    steps: int = 25
    strength: float = 0.5


def frame(height: int = 64, boxes: int = 3, fill: int = 0) -> Frame:
    return Frame(np.full((height, 64, 3), fill, np.uint8), np.full((boxes, 4), fill, np.float32))


def test_a_class_names_shapes_and_dtypes_in_the_order_of_the_inputs_names():
    inputs = {"photo": frame(), "depth": np.zeros((32, 64), np.float32)}
    assert shape_class(inputs) == "f4[32x64] u1[64x64x3] f4[<=16]"
    assert shape_class(dict(reversed(inputs.items()))) == shape_class(inputs)


def test_contents_names_and_floats_do_not_count():
    same = shape_class({"photo": frame()}, {"strength": 0.5, "prompt": "a red car in the snow"})
    other = Frame(frame(fill=7).pixels, frame(fill=7).boxes, "another")
    assert shape_class({"photo": other}, {"strength": 0.9, "prompt": "two dogs on a beach"}) == same


@pytest.mark.parametrize(
    ("inputs", "params"),
    [
        ({"photo": frame(height=128)}, {"steps": 25}),
        ({"photo": np.zeros((64, 64, 3), np.uint8)}, {"steps": 25}),
        ({"photo": [frame(), frame()]}, {"steps": 25}),
        ({"photo": frame(boxes=300)}, {"steps": 25}),
        ({"photo": frame()}, {"steps": 26}),
        ({"photo": frame()}, {"frames": 25}),
        ({"photo": frame()}, {"steps": 25, "scheduler": Scheduler.DDIM}),
        ({"photo": frame()}, {"steps": 25, "sizes": [512, 512]}),
        ({"photo": frame()}, {"steps": 25, "options": Options()}),
    ],
)
def test_other_shapes_and_other_choices_are_other_classes(inputs, params):
    assert shape_class(inputs, params) != shape_class({"photo": frame()}, {"steps": 25})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Scheduler.DDIM, Scheduler.EULER),
        (Options(steps=25), Options(steps=12)),
        ({"size": 512}, {"size": 256}),
        (True, False),
        ("ddim", "euler"),
        ([512, 512], [512, 256]),
        (None, 1),
    ],
)
def test_params_of_every_form_tell_choices_apart(one, other):
    assert shape_class({}, {"choice": one}) != shape_class({}, {"choice": other})


def test_a_few_boxes_more_are_the_same_class_and_many_more_are_not():
    assert shape_class({"photo": frame(boxes=3)}) == shape_class({"photo": frame(boxes=4)})
    assert shape_class({"photo": frame(boxes=3)}) != shape_class({"photo": frame(boxes=30)})
    assert shape_class({"file": b"x" * 900}) == shape_class({"file": b"y" * 1000}) == "b[<=1024]"


def test_equal_arrays_in_a_row_are_counted_and_many_different_ones_told_by_a_digest():
    frames = [np.zeros((64, 64), np.uint8)] * 25
    assert shape_class({"frames": frames}) == "25*u1[64x64]"
    widths = [64 + n for n in range(100)]
    many = shape_class({"frames": [np.zeros((64, width), np.uint8) for width in widths]})
    assert len(many) < 180
    assert elements(many) == sum(64 * (64 + n) for n in range(100))
    assert many != shape_class(
        {"frames": [np.zeros((64, 163 - n), np.uint8) for n in range(100)]}, {"steps": 2}
    )


@pytest.mark.parametrize(
    ("shapes", "count"),
    [
        ("25*u1[64x64] f4[<=16] #1234abcd", 25 * 4096 + 16),
        ("f8[<=1]", 1),
        ("-", 0),
        (UNKNOWN, 0),
        ("#12345678", 0),
    ],
)
def test_elements_are_counted_from_the_class(shapes, count):
    assert elements(shapes) == count


def test_inputs_without_arrays_have_a_class_that_is_not_unknown():
    assert shape_class({"text": "a photo", "at": 3}) == "-" != UNKNOWN
    assert elements(shape_class({"none": np.zeros((0, 4))})) == 0


def test_a_class_is_the_same_in_every_process():
    code = """
import numpy as np
from nodegraph.place.shapes import shape_class
print(shape_class({"a": np.zeros((64, 64))}, {"steps": 25, "mode": "fast", "sizes": {"b": 1, "a": None}}))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    params = {"sizes": {"a": None, "b": 1}, "mode": "fast", "steps": 25}
    assert printed.strip() == shape_class({"a": np.ones((64, 64))}, params)

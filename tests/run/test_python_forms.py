"""What goes from node to node arrives in the form that the function declares: enums, models, floats."""

from __future__ import annotations

import enum
from typing import Literal

from pydantic import BaseModel

from nodegraph import Batch, Item, Stream, node


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Camera(BaseModel):
    fov: float = 50.0
    name: str


@node("results.int_as_float", version=1)
def int_as_float(*, whole: int) -> float:
    """An int where a float is declared."""
    return whole


@node("results.ints_as_floats", version=1)
def ints_as_floats() -> dict[str, list[float]]:
    """Ints in a list where floats are declared."""
    return {"a": [1, 2.5], "b": []}


@node("results.maybe_float", version=1)
def maybe_float(*, whole: int | None = None) -> float | None:
    """An int or None where a float or None is declared."""
    return whole


@node("results.kinds", version=1)
def kinds(
    color: Color,
    mode: Literal["fast", "slow", 3],
    camera: Camera,
    cameras: list[Camera],
    ratio: float,
    maybe: float | None,
    either: int | str,
) -> dict[str, str]:
    """The Python types of its inputs."""
    assert isinstance(color, Color)
    assert isinstance(camera, Camera)
    assert all(isinstance(one, Camera) for one in cameras)
    return {
        "color": color.name,
        "mode": str(mode),
        "camera": f"{camera.name} {camera.fov}",
        "cameras": str(len(cameras)),
        "ratio": type(ratio).__name__,
        "maybe": type(maybe).__name__,
        "either": type(either).__name__,
    }


@node("results.color", version=1)
def a_color() -> Color:
    """An enum."""
    return Color.BLUE


@node("results.mode", version=1)
def a_mode() -> Literal["fast", "slow", 3]:
    """A choice."""
    return 3


@node("results.camera", version=1)
def a_camera() -> Camera:
    """A model."""
    return Camera(name="left", fov=70)


@node("results.cameras", version=1)
def some_cameras() -> list[Camera]:
    """Models in a list."""
    return [Camera(name="a"), Camera(name="b")]


@node("results.cameras_stream", version=1)
def cameras_stream() -> Stream[Camera]:
    """Models as items."""
    yield Item("a", Camera(name="left"))
    yield Item("b", lambda: Camera(name="right"))


@node("results.camera_names", version=1)
def camera_names(cameras: Stream[Camera]) -> list[str]:
    """The names of models."""
    return [item.value.name for item in cameras]


@node("results.halved", version=1)
def halved(numbers: Stream[float]) -> list[str]:
    """The types of the values of a stream of floats."""
    return [type(item.value).__name__ for item in numbers]


@node("results.batch_floats", version=1)
def batch_floats(numbers: Batch[float]) -> Batch[str]:
    """The types of the values of a batch of floats."""
    return [type(number).__name__ for number in numbers]


@node("results.pass_floats", version=1)
def pass_floats(numbers: Stream[float]) -> Stream[float]:
    """Passes items on."""
    for item in numbers:
        yield Item(f"x{item.key}", item.carried)


@node("results.mislabel", version=1)
def mislabel(numbers: Stream[int]) -> Stream[str]:
    """Passes ints on as strings."""
    for item in numbers:
        yield Item(item.key, item.carried)  # type: ignore[misc]


def test_an_int_for_a_float_becomes_one(lab):
    nodes = {
        "x": ("results.int_as_float", {}, {"whole": 3}),
        "m": ("results.maybe_float", {}, {"whole": 4}),
        "o": ("results.maybe_float", {}),
        "f": ("results.ints_as_floats", {}),
    }
    run = lab.run(nodes)
    assert repr(run.value("x")) == "3.0"
    assert repr(run.value("m")) == "4.0"
    assert run.value("o") is None
    assert repr(run.value("f")) == "{'a': [1.0, 2.5], 'b': []}"


KINDS = {
    "color": "red",
    "mode": "slow",
    "camera": {"name": "x", "fov": 30},
    "cameras": [{"name": "y"}],
    "ratio": 2,
    "maybe": 3,
    "either": "text",
}


def test_params_arrive_in_their_python_form(lab):
    assert lab.run({"k": ("results.kinds", {}, KINDS)}).value("k") == {
        "color": "RED",
        "mode": "slow",
        "camera": "x 30.0",
        "cameras": "1",
        "ratio": "float",
        "maybe": "float",
        "either": "str",
    }


def test_links_arrive_in_their_python_form(lab):
    nodes = {
        "color": ("results.color", {}),
        "mode": ("results.mode", {}),
        "camera": ("results.camera", {}),
        "cameras": ("results.cameras", {}),
        "number": ("rt.total", {"numbers": "n"}),
        "n": ("rt.numbers", {}, {"values": [1, 2]}),
        "k": (
            "results.kinds",
            {
                "color": "color",
                "mode": "mode",
                "camera": "camera",
                "cameras": "cameras",
                "ratio": "number",
                "maybe": "number",
                "either": "number",
            },
        ),
    }
    assert lab.run(nodes).value("k") == {
        "color": "BLUE",
        "mode": "3",
        "camera": "left 70.0",
        "cameras": "2",
        "ratio": "float",
        "maybe": "float",
        "either": "int",
    }


def test_items_arrive_in_their_python_form(lab, items):
    nodes = {
        "c": ("results.cameras_stream", {}),
        "s": ("results.camera_names", {"cameras": "c"}),
        "n": ("rt.numbers", {}, {"values": [1, 2]}),
        "h": ("results.halved", {"numbers": "n"}),
        "b": ("results.batch_floats", {"numbers": "n"}),
        "p": ("results.pass_floats", {"numbers": "n"}),
    }
    run = lab.run(nodes, {"s": "s", "h": "h", "b": "b", "p": "p"})
    assert run.value("s") == ["left", "right"]
    assert run.value("h") == ["float", "float"]
    assert items(run, "b") == {"1": "float", "2": "float"}
    assert repr(items(run, "p")) == "{'x1': 1.0, 'x2': 2.0}"


def test_items_passed_on_under_another_type_fail(lab, counts):
    nodes = {"n": ("rt.numbers", {}, {"values": [1]}), "x": ("results.mislabel", {"numbers": "n"})}
    run = lab.run(nodes)
    assert run.errors[0].message == "results.mislabel returned 1 (int) as 'out'; it declares str"
    assert counts(run, "x") == "1 failed"

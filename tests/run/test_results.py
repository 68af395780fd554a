"""Results and inputs: declared types are kept, values are immutable, JSON arrives in its Python form."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
import pytest
from pydantic import BaseModel

from nodegraph import Batch, Context, Item, Stream, node, value

T = TypeVar("T")
SEEN: list[Any] = []


@value("results.grid", version=1)
@dataclass(frozen=True)
class Grid:
    """An array with a name."""

    cells: np.ndarray
    name: str = ""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Camera(BaseModel):
    fov: float = 50.0
    name: str


class Two(NamedTuple):
    first: int
    second: str


class Other(NamedTuple):
    first: int
    second: str


WRONG: dict[str, Any] = {
    "bool": True,
    "numpy": np.int64(3),
    "float": 3.0,
    "str": "3",
    "none": None,
    "big": 2**63,
    "list": [3],
}


@node("results.wrong_int", version=1)
def wrong_int(*, what: str) -> int:
    """Something that is no int."""
    return WRONG[what]


@node("results.wrong_float", version=1)
def wrong_float(*, what: str) -> float:
    """Something that is no float."""
    return {"numpy": np.float32(3), "bool": True, "str": "3", "huge": 2**60}[what]  # type: ignore[return-value]


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


@node("results.two", version=1)
def two(*, kind: str) -> Two:
    """A named tuple, the right one or not."""
    found: Any = {"right": Two(1, "a"), "other": Other(1, "a"), "plain": (1, "a"), "wrong": Two(1, 2)}[kind]  # type: ignore[arg-type]
    return found


@node("results.unstorable", version=1)
def unstorable() -> Grid:
    """A value that holds something that cannot be carried."""
    return Grid(np.array([object()]), "x")


@node("results.set", version=1)
def a_set() -> list[Any]:
    """A list with a set in it."""
    return [{1, 2}]


@node("results.grid_of", version=1)
def grid_of(number: int) -> Grid:
    """A grid full of a number."""
    return Grid(np.full((64, 64), number), str(number))


@node("results.touch", version=1)
def touch(grid: Grid, other: Grid, *, again: int = 0) -> bool:
    """Whether anything in the grids can be written to."""
    SEEN.append((grid.cells.sum(), grid.name))
    try:
        grid.cells[0, 0] = 5
    except ValueError:
        return grid.cells.flags.writeable or other.cells.flags.writeable
    return True


@node("results.list", version=1)
def a_list(*, length: int) -> list[int]:
    """A list."""
    return list(range(length))


@node("results.spoil", version=1)
def spoil(entries: list[int], *, tag: int, extra: list[int] = []) -> list[int]:  # noqa: B006
    """Changes the lists that it is given."""
    entries.append(tag)
    extra.append(tag)
    return [len(entries), len(extra)]


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


@node("results.same", version=1)
def same(entry: T) -> T:
    """What it was given."""
    return entry


@node("results.chunks", version=1)
def chunks(*, count: int) -> Stream[Grid]:
    """Grids out of one buffer that is used again and again."""
    cells = np.zeros((64, 64))
    for number in range(count):
        cells[:] = number
        yield Item(str(number), Grid(cells, ""))


@node("results.mean", version=1)
def mean(grid: Grid) -> float:
    """The mean of a grid."""
    return float(grid.cells.mean())


@node("results.absent", version=1)
def absent(grid: Grid | None = None) -> bool:
    """Whether there is no grid."""
    return grid is None


def failure(lab, type_: str, **params: object) -> tuple[str, str]:
    run = lab.run({"x": (type_, {}, params)})
    assert [error.node for error in run.errors] == ["x"]
    return run.errors[0].error, run.errors[0].message


@pytest.fixture(autouse=True)
def _forget():
    SEEN.clear()


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("bool", "True (bool)"),
        ("numpy", "np.int64(3) (numpy.int64)"),
        ("float", "3.0 (float)"),
        ("str", "'3' (str)"),
        ("none", "None (NoneType)"),
        ("big", "9223372036854775808 (int)"),
        ("list", "[3] (list)"),
    ],
)
def test_what_is_no_int_fails_the_call(lab, what, shown):
    error, message = failure(lab, "results.wrong_int", what=what)
    assert error == "WrongResult"
    assert message == f"results.wrong_int returned {shown} as 'out'; it declares int"


@pytest.mark.parametrize("what", ["numpy", "bool", "str", "huge"])
def test_what_is_no_float_fails_the_call(lab, what):
    error, message = failure(lab, "results.wrong_float", what=what)
    assert error == "WrongResult"
    assert message.endswith("it declares float")


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


@pytest.mark.parametrize("kind", ["other", "plain"])
def test_another_tuple_than_declared_fails_the_call(lab, kind):
    error, message = failure(lab, "results.two", kind=kind)
    assert error == "WrongResult"
    assert message.endswith("it declares Two")


def test_a_field_of_another_type_fails_the_call_and_is_named(lab):
    assert (
        failure(lab, "results.two", kind="wrong")[1]
        == "results.two returned 2 (int) as 'second'; it declares str"
    )
    assert lab.run({"x": ("results.two", {}, {"kind": "right"})}).value("x.second") == "a"


def test_what_cannot_be_stored_fails_the_call_and_is_named(lab):
    assert failure(lab, "results.unstorable")[0] == "NotStorable"
    assert "set" in failure(lab, "results.set")[1]


@pytest.mark.parametrize("evict", [False, True])
def test_arrays_arrive_read_only_computed_and_loaded(lab, items, evict):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2]}),
        "g": ("results.grid_of", {"number": "n"}),
        "t": ("results.touch", {"grid": "g", "other": "g"}),
    }
    assert items(lab.run(nodes, {"t": "t"}), "t") == {"1": False, "2": False}
    nodes["t"] = ("results.touch", {"grid": "g", "other": "g"}, {"again": 1})
    assert items(lab.run(nodes, {"t": "t"}), "t") == {"1": False, "2": False}
    assert sorted(SEEN) == [(4096, "1"), (4096, "1"), (8192, "2"), (8192, "2")]


@pytest.mark.parametrize("jobs", [1, 8])
def test_a_node_that_changes_its_lists_does_not_change_those_of_others(lab, items, jobs):
    nodes: dict[str, Any] = {"l": ("results.list", {}, {"length": 3})}
    for tag in range(10):
        nodes[f"s{tag}"] = ("results.spoil", {"entries": "l"}, {"tag": tag, "extra": [1]})
    run = lab.run(nodes | {"n": ("rt.numbers", {}, {"values": [1, 2, 3]})}, jobs=jobs)
    assert [run.value(f"s{tag}") for tag in range(10)] == [[4, 2]] * 10
    assert lab.run(nodes, targets=["l"]).value("l") == [0, 1, 2]


def test_a_default_list_is_fresh_for_every_call(lab, items):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1, 2, 3]}),
        "l": ("results.list_of", {"number": "n"}),
        "s": ("results.spoil", {"entries": "l"}, {"tag": 1}),
    }
    assert set(map(tuple, items(lab.run(nodes, {"s": "s"}, jobs=1), "s").values())) == {(2, 1)}


@node("results.list_of", version=1)
def list_of(number: int) -> list[int]:
    """A list with a number."""
    return [number]


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


def test_a_type_variable_takes_the_linked_type(lab):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [4]}),
        "g": ("results.grid_of", {"number": "n"}),
        "s": ("results.same", {"entry": "g"}),
        "m": ("results.mean", {"grid": "s"}),
    }
    run = lab.run(nodes, {"m": "m"})
    assert run.items("m")["4"].value == 4.0


@pytest.mark.parametrize("jobs", [1, 8])
def test_a_value_given_directly_from_a_buffer_that_is_used_again_is_not_spoilt(lab, items, jobs):
    nodes = {"c": ("results.chunks", {}, {"count": 40}), "m": ("results.mean", {"grid": "c"})}
    run = lab.run(nodes, {"m": "m"}, jobs=jobs)
    assert items(run, "m") == {str(number): float(number) for number in range(40)}


def test_an_optional_value_may_be_left_unlinked(lab):
    nodes = {
        "n": ("rt.numbers", {}, {"values": [1]}),
        "t": ("rt.total", {"numbers": "n"}),
        "g": ("results.grid_of", {"number": "t"}),
        "x": ("results.absent", {}),
        "y": ("results.absent", {"grid": "g"}),
    }
    run = lab.run(nodes)
    assert (run.value("x"), run.value("y")) == (True, False)


def test_a_literal_and_a_linked_value_are_not_mixed_up_in_the_memo(lab, counts):
    nodes: dict[str, Any] = {
        "n": ("rt.numbers", {}, {"values": [2]}),
        "t": ("rt.total", {"numbers": "n"}),
        "x": ("rt.plus", {"left": "t", "right": "t"}),
        "y": ("rt.plus", {"left": "t"}, {"right": 2}),
        "z": ("rt.plus", {"right": "t"}, {"left": 2}),
    }
    run = lab.run(nodes)
    assert [counts(run, name) for name in "xyz"] == ["1 executed"] * 3


def test_no_context_is_made_up(lab):
    context = Context.for_test(seed=None)
    with pytest.raises(RuntimeError, match="seeded=True"):
        _ = context.seed

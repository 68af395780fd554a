"""What a call gives: checked against what its node declares, and safe from what happens to it later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest

from nodegraph import Context, Item, Stream, node, value

T = TypeVar("T")
SEEN: list[Any] = []


@value("results.grid", version=1)
@dataclass(frozen=True)
class Grid:
    """An array with a name."""

    cells: np.ndarray
    name: str = ""


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

"""The axes of a sweep as they are given on the command line or in Python, before a graph is looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, cast

from nodegraph.check.literals import is_json_value, plain
from nodegraph.graph.document import INPUTS
from nodegraph.graph.problem import Problem
from nodegraph.graph.shape import shown

MAX_COMBINATIONS = 10_000

SweepLike = Mapping[str, Iterable[Any]] | Sequence[str]
"""Values by `node.param` or graph input, or `node.param=a,b,c` texts."""

_EXAMPLE = "such as --sweep clip.frames=4,8,16, or --sweep 'clip.size=[[64, 64], [128, 96]]'"


@dataclass(frozen=True, slots=True)
class GivenAxis:
    """One axis as it is given.

    Attributes:
        target: `node.param`, or `inputs.name` for an input of the graph.
        values: JSON values in their order; if `is_text`, texts of a command line.
    """

    target: str
    values: tuple[Any, ...]
    is_text: bool

    def text(self, index: int) -> str:
        """A value as `--set` takes it: a string as it is, all else as JSON."""
        value = self.values[index]
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    @property
    def node(self) -> str:
        """The node whose param is swept; `inputs` for an input of the graph."""
        return self.target.rpartition(".")[0]

    @property
    def param(self) -> str:
        """The name of what is swept, without its node."""
        return self.target.rpartition(".")[2]

    @property
    def graph_input(self) -> str | None:
        """The name of the graph input that is swept; None for a param of a node."""
        return self.param if self.node == INPUTS else None


def bad_sweep(message: str, hint: str = "") -> Problem:
    """A problem with the sweep itself."""
    return Problem("", "", 0, 0, "bad-sweep", message, hint)


def repeated(texts: Iterable[str]) -> list[int]:
    """The indices of texts that were there before."""
    seen: set[str] = set()
    found: list[int] = []
    for index, text in enumerate(texts):
        if text in seen:
            found.append(index)
        seen.add(text)
    return found


def twice(axis: GivenAxis, index: int) -> Problem:
    """The problem that an axis has a value which it had before."""
    return bad_sweep(f"{axis.target} has the value {axis.text(index)} twice", "leave out one of the two")


def read_axes(
    sweep: SweepLike, sets: Sequence[str], inputs: Mapping[str, Any] | Sequence[str]
) -> tuple[list[GivenAxis], list[Problem]]:
    """Read the axes of a sweep, the first one first.

    Args:
        sweep: what is swept, over which values.
        sets: the `node.param=value` texts that are given besides.
        inputs: the graph inputs that are given besides.

    Returns:
        the axes, and what is wrong with them as far as that shows without the graph; if there are too many
        combinations, the axes have their first value only.
    """
    problems: list[Problem] = []
    if isinstance(sweep, Mapping):
        found = [_of_values(target, values, problems) for target, values in sweep.items()]
    else:
        found = [_of_text(text, problems) for text in sweep]
    axes = [axis for axis in found if axis is not None]
    problems.extend(_given_twice(axes, sets, inputs))
    size = prod(len(axis.values) for axis in axes)
    if size > MAX_COMBINATIONS:
        counts = " × ".join(f"{len(axis.values):,}" for axis in axes)
        message = f"the grid has {counts} = {size:,} combinations; at most {MAX_COMBINATIONS:,} are taken"
        problems.append(bad_sweep(message, "sweep in several runs: they share the store"))
        axes = [replace(axis, values=axis.values[:1]) for axis in axes]
    return axes, problems


def _of_text(text: str, problems: list[Problem]) -> GivenAxis | None:
    name, equals, rest = text.partition("=")
    target = _target(name)
    if not equals or target is None:
        problems.append(bad_sweep(f"--sweep takes node.param=a,b,c; found {text!r}", _EXAMPLE))
        return None
    values = _json_list(rest)
    is_text = values is None
    if values is None:
        values = rest.split(",") if rest else []
    return _axis(target, values, problems, is_text=is_text)


def _of_values(name: str, values: object, problems: list[Problem]) -> GivenAxis | None:
    target = _target(name)
    if target is None:
        problems.append(bad_sweep(f"{name!r} is neither a node.param nor a graph input", _EXAMPLE))
        return None
    if not isinstance(values, Iterable) or isinstance(values, str | bytes | Mapping):
        problems.append(bad_sweep(f"the values of {target} are to be a list; found {shown(values)}"))
        return None
    literals = [plain(value) for value in cast("Iterable[Any]", values)]
    for literal in literals:
        if not is_json_value(literal):
            kind = type(literal).__name__
            problems.append(bad_sweep(f"{target} takes JSON values and paths; found a value of type {kind}"))
            return None
    return _axis(target, literals, problems, is_text=False)


def _axis(target: str, values: list[Any], problems: list[Problem], *, is_text: bool) -> GivenAxis | None:
    if not values:
        problems.append(bad_sweep(f"the sweep of {target} has no values", _EXAMPLE))
        return None
    axis = GivenAxis(target, tuple(values), is_text)
    problems.extend(twice(axis, index) for index in repeated(map(json.dumps, values)))
    return axis


def _target(name: str) -> str | None:
    """The full name of what is swept; a graph input may be named without `inputs.`."""
    node, dot, param = name.rpartition(".")
    if not param or (dot and not node):
        return None
    return name if dot else f"{INPUTS}.{param}"


def _json_list(text: str) -> list[Any] | None:
    """The values of a JSON array; None if the text is none."""
    if not text.lstrip().startswith("["):
        return None
    try:
        values: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("list[Any]", values) if isinstance(values, list) else None


def _given_twice(
    axes: Sequence[GivenAxis], sets: Sequence[str], inputs: Mapping[str, Any] | Sequence[str]
) -> Iterable[Problem]:
    fixed = {text.partition("=")[0]: "--set" for text in sets}
    fixed |= {f"{INPUTS}.{text.partition('=')[0]}": "--input" for text in inputs}
    seen: set[str] = set()
    for axis in axes:
        if axis.target in seen:
            yield bad_sweep(f"{axis.target} is swept twice", "write all its values in one list")
        if axis.target in fixed:
            option = fixed[axis.target]
            message = f"{axis.target} is swept, and given by {option} as well"
            yield bad_sweep(message, f"leave out one of the two: {option} would fix what the sweep varies")
        seen.add(axis.target)

"""The axes of a sweep checked against a graph: every value is read and refused as `--set` would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from nodegraph.check.check import GraphLike, check
from nodegraph.check.checked import CheckedGraph
from nodegraph.check.literals import plain
from nodegraph.graph.problem import GraphError, Problem
from nodegraph.graph.shape import shown
from nodegraph.sweep.given import GivenAxis, SweepLike, bad_sweep, read_axes, repeated, twice
from nodegraph.sweep.labels import value_labels

Params = Mapping[str, Mapping[str, Any]]
"""Params by node id."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What one axis of a sweep varies.

    Attributes:
        target: `node.param`, or `inputs.name` for an input of the graph.
        values: in JSON form; paths as they were given.
        labels: a short name for each value, legal in a file name.
        params: for each value, the params that it gives to the nodes where they differ between the values.
    """

    target: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]
    params: tuple[Params, ...]


def check_sweep(
    graph: GraphLike,
    sweep: SweepLike,
    *,
    values: Sequence[Path] = (),
    sets: Sequence[str] = (),
    inputs: Mapping[str, Any] | Sequence[str] = (),
) -> tuple[CheckedGraph, tuple[Axis, ...]]:
    """Check a graph with every value of every axis laid over it; see `check` for the other arguments.

    Returns:
        the graph with the first value of each axis, and the axes.

    Raises:
        GraphError: with every problem of the graph and of the sweep.
    """
    given, problems = read_axes(sweep, sets, inputs)

    def checked(axis: GivenAxis | None, value: int) -> CheckedGraph | None:
        """The graph with one value of an axis, and the first one of every other."""
        laid = [(other, value if other is axis else 0) for other in given]
        try:
            return check(
                graph,
                values=values,
                sets=_sets(sets, laid),
                inputs=_inputs(inputs, laid),
                require_inputs=True,
            )
        except GraphError as error:
            problems.extend(error.problems)
            return None

    base = checked(None, 0)
    axes: list[Axis] = []
    for axis in given:
        others = (checked(axis, value) for value in range(1, len(axis.values)))
        params = [_params(axis, variant) for variant in (base, *others)]
        if all(variant is not None for variant in params):
            axes.append(_axis(axis, cast("list[Params]", params), problems))
    if problems or base is None:
        raise GraphError(list(dict.fromkeys(problems)))
    return base, tuple(axes)


def _sets(sets: Sequence[str], laid: Sequence[tuple[GivenAxis, int]]) -> Sequence[str]:
    return [*sets, *(f"{axis.target}={axis.text(value)}" for axis, value in laid if not axis.graph_input)]


def _inputs(
    inputs: Mapping[str, Any] | Sequence[str], laid: Sequence[tuple[GivenAxis, int]]
) -> Mapping[str, Any] | Sequence[str]:
    swept = [(axis.graph_input, axis, value) for axis, value in laid if axis.graph_input]
    if isinstance(inputs, Mapping):
        return {**inputs, **{name: axis.values[value] for name, axis, value in swept}}
    return [*inputs, *(f"{name}={axis.text(value)}" for name, axis, value in swept)]


def _params(axis: GivenAxis, graph: CheckedGraph | None) -> Params | None:
    """The params that an axis may vary: of the node it names, else of all nodes."""
    if graph is None:
        return None
    node = graph.nodes.get(axis.target.rpartition(".")[0])
    return {entry.id: entry.params for entry in ([node] if node is not None else graph.nodes.values())}


def _axis(given: GivenAxis, params: Sequence[Params], problems: list[Problem]) -> Axis:
    varied = list(_varied(params))
    node, _, name = given.target.rpartition(".")
    settled = _settled(params, (node, name) if node in params[0] else next(iter(varied), None))
    values = _values(given, settled)
    wrong = list(_wrong_values(given, settled))
    problems.extend(wrong)
    if len(values) > 1 and not varied and not wrong:
        message = f"the values of {given.target} make no difference: no node takes it, or they mean the same"
        problems.append(bad_sweep(message, "sweep over a param or a graph input that nodes take"))
    return Axis(
        given.target,
        values,
        value_labels(values),
        tuple(_chosen(variant, varied) for variant in params),
    )


def _varied(params: Sequence[Params]) -> Iterator[tuple[str, str]]:
    """The (node, param) pairs that are not the same for all values."""
    for node, given in params[0].items():
        for name in given:
            if len({_json(variant[node][name]) for variant in params}) > 1:
                yield node, name


def _chosen(params: Params, varied: Sequence[tuple[str, str]]) -> Params:
    chosen: dict[str, dict[str, Any]] = {}
    for node, name in varied:
        chosen.setdefault(node, {})[name] = params[node][name]
    return chosen


def _settled(params: Sequence[Params], pair: tuple[str, str] | None) -> list[Any] | None:
    """What one param becomes for each value; None if no param is known to take them."""
    return None if pair is None else [variant[pair[0]][pair[1]] for variant in params]


def _values(given: GivenAxis, settled: Sequence[Any] | None) -> tuple[Any, ...]:
    """The values in JSON form; paths, which checking makes absolute, as they were given."""
    if settled is None:
        return tuple(map(_read, given.values)) if given.is_text else given.values
    return tuple(
        value if _has_path(taken) else plain(taken)
        for value, taken in zip(given.values, settled, strict=True)
    )


def _wrong_values(given: GivenAxis, settled: Sequence[Any] | None) -> Iterator[Problem]:
    """Values that come to the same, and JSON values that only pass as texts of a command line."""
    taken = given.values if settled is None else settled
    for value, became in zip(given.values, taken, strict=True):
        if not given.is_text and isinstance(value, str) != isinstance(plain(became), str):
            kind = "text" if isinstance(value, str) else "no text"
            yield bad_sweep(f"{given.target} takes another type: {shown(value)} is {kind}")
    yield from (twice(given, index) for index in repeated(map(_json, taken)))


def _has_path(value: Any) -> bool:
    left = [value]
    while left:
        entry = left.pop()
        if isinstance(entry, Path):
            return True
        if isinstance(entry, list):
            left.extend(cast("list[Any]", entry))
        elif isinstance(entry, dict):
            left.extend(cast("dict[str, Any]", entry).values())
    return False


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _json(value: Any) -> str:
    return json.dumps(plain(value))

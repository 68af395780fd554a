"""The axes of a sweep checked against a graph: every value is read and refused as `--set` would."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from nodegraph.check.check import GraphLike, check
from nodegraph.check.checked import CheckedGraph, CheckedNode
from nodegraph.check.literals import Given, plain, read_text, settle
from nodegraph.graph.place import Finding, Place, SourceText, locate
from nodegraph.graph.problem import GraphError, Problem
from nodegraph.graph.shape import shown
from nodegraph.sweep.given import GivenAxis, SweepLike, bad_sweep, read_axes, repeated, twice
from nodegraph.sweep.labels import value_labels

Params = Mapping[str, Mapping[str, Any]]
"""Params by node id."""

_TRIED = 32
"""So many values of an axis are tried on a graph with errors of its own: each is a check of the graph."""


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
        node = base.nodes.get(axis.node) if base is not None else None
        if node is not None:
            params = _settled(axis, node, problems)
        else:
            tried = len(axis.values) if base is not None else min(len(axis.values), _TRIED)
            params = _all_params([base, *(checked(axis, value) for value in range(1, tried))])
        if params is not None:
            axes.append(_axis(axis, params, problems))
    if problems or base is None:
        raise GraphError(list(dict.fromkeys(problems)))
    return base, tuple(axes)


def _settled(axis: GivenAxis, node: CheckedNode, problems: list[Problem]) -> list[Params] | None:
    """The values of a param of one node, read as `check` does; None if one of them is not accepted."""
    port = node.type.signature.input(axis.param)
    assert port is not None, f"check let through an unknown input {axis.param!r}"
    place = Place(SourceText("", Path())).child("nodes", node.id, "params", axis.param)
    findings: list[Finding] = []
    found: list[Params] = [{node.id: {axis.param: node.params[axis.param]}}]
    for index in range(1, len(axis.values)):
        given = read_text(Given(axis.text(index), place, is_text=True), port, findings)
        if given is not None:
            value = settle(given, port, f"{node.id!r} ({node.type.id})", findings)
            found.append({node.id: {axis.param: value}})
    problems.extend(locate(findings))
    return None if findings else found


def _all_params(graphs: Sequence[CheckedGraph | None]) -> list[Params] | None:
    """The params of all nodes for each value; None if there is a value with which the graph is not right."""
    sound = [graph for graph in graphs if graph is not None]
    if len(sound) < len(graphs):
        return None
    return [{node.id: node.params for node in graph.nodes.values()} for graph in sound]


def _sets(sets: Sequence[str], laid: Sequence[tuple[GivenAxis, int]]) -> Sequence[str]:
    return [*sets, *(f"{axis.target}={axis.text(value)}" for axis, value in laid if not axis.graph_input)]


def _inputs(
    inputs: Mapping[str, Any] | Sequence[str], laid: Sequence[tuple[GivenAxis, int]]
) -> Mapping[str, Any] | Sequence[str]:
    swept = [(axis.graph_input, axis, value) for axis, value in laid if axis.graph_input]
    if isinstance(inputs, Mapping):
        return {**inputs, **{name: axis.values[value] for name, axis, value in swept}}
    return [*inputs, *(f"{name}={axis.text(value)}" for name, axis, value in swept)]


def _axis(given: GivenAxis, params: Sequence[Params], problems: list[Problem]) -> Axis:
    varied = list(_varied(params))
    own = (given.node, given.param)
    node, name = own if own[0] in params[0] else next(iter(varied), own)
    taken = [variant[node][name] for variant in params] if node in params[0] else None
    values = _values(given, taken)
    wrong = list(_wrong_values(given, taken))
    problems.extend(wrong)
    if len(values) > 1 and not varied and not wrong:
        message = f"the values of {given.target} make no difference: no node takes it, or they mean the same"
        problems.append(bad_sweep(message, "sweep over a param or a graph input that nodes take"))
    return Axis(
        given.target, values, value_labels(values), tuple(_chosen(variant, varied) for variant in params)
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


def _values(given: GivenAxis, taken: Sequence[Any] | None) -> tuple[Any, ...]:
    """The values in JSON form; paths, which checking makes absolute, as they were given.

    Args:
        given: the axis.
        taken: what one param becomes for each value; None if no param is known to take them.
    """
    if taken is None:
        return tuple(map(_read, given.values)) if given.is_text else given.values
    pairs = zip(given.values, taken, strict=True)
    return tuple(value if _has_path(became) else plain(became) for value, became in pairs)


def _wrong_values(given: GivenAxis, taken: Sequence[Any] | None) -> Iterator[Problem]:
    """Values that come to the same, and JSON values that only pass as texts of a command line."""
    taken = given.values if taken is None else taken
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

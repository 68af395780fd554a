"""What a run knows of its outputs: their digests by item, their values, and what is told of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nodegraph.plan.keys import stream_digest
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.values import BytesMissing, StoredStream, Values
from nodegraph.plan.walk import Walk
from nodegraph.run.frames import Done, Frame, Scope
from nodegraph.run.result import RunOutput
from nodegraph.store import Store
from nodegraph.types.ports import is_json
from nodegraph.types.wire import Digest

SMALL_VALUE = 4096
"""Bytes of JSON text up to which a value is told as it is."""

Entries = Iterator[tuple[tuple[str, ...], Digest]]
"""The (item key along the origin, digest) pairs of an output, in source order; one with () for a value."""


def entries_of_output(root: Frame, step: Step, output: int) -> Entries:
    """The entries of an output, of those that a run remembers."""
    chain = step.node.output_chain
    if not chain:
        result = root.results[step.position]
        if isinstance(result, Done):
            yield (), result.digests[output]
        return
    scopes = [((), scope) for scope in root.scopes.values() if scope.name == chain[0]]
    for level in chain[1:]:
        scopes = [
            ((*path, key), inner)
            for path, scope in scopes
            for index, key in enumerate(scope.keys)
            for inner in _inner(scope, index, level)
        ]
    for path, scope in scopes:
        if step.index in scope.columns:
            for key, digest in scope.present(step.index, output):
                yield (*path, key), digest


def _inner(scope: Scope, index: int, level: str) -> list[Scope]:
    found = (inner.get(index) for inner in scope.inner.values())
    return [inner for inner in found if inner is not None and inner.name == level]


def told_output(root: Frame, step: Step, output: int, values: Values) -> RunOutput:
    """What is told of an output: a small JSON value as it is, everything else by digest."""
    entries = entries_of_output(root, step, output)
    if step.node.output_chain:
        items = 0

        def told() -> Iterator[tuple[str, Digest]]:
            nonlocal items
            for path, digest in entries:
                items += 1
                yield "/".join(path), digest

        digest = stream_digest(told())
        return RunOutput(items=items, digest=digest.hex())
    found = next(entries, None)
    if found is None:
        return RunOutput(missing=True)
    digest = found[1]
    if is_json(step.output_types[output]):
        try:
            value = values.load(digest)
        except BytesMissing:
            return RunOutput(digest=digest.hex())
        if _is_small(value):
            return RunOutput(value=value, has_value=True)
    return RunOutput(digest=digest.hex())


def _is_small(value: Any) -> bool:
    """Whether a value fits in the result; NaN and infinity have no JSON form."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return False
    return len(text.encode()) <= SMALL_VALUE


def values_without_bytes(program: Program, root: Frame, store: Store) -> set[int]:
    """The steps whose single JSON outputs are to be told, and whose bytes are gone."""
    return {
        index
        for _, index, output in program.outputs
        if not program.steps[index].node.output_chain and is_json(program.steps[index].output_types[output])
        for _, digest in entries_of_output(root, program.steps[index], output)
        if store.get(digest) is None
    }


@dataclass(frozen=True, slots=True)
class Fetch:
    """Reads a run's values: from what the run remembers, else from what the store says of the program.

    Attributes:
        unwalked: the steps whose streams the run did not walk.
    """

    program: Program
    root: Frame
    store: Store
    values: Values
    selection: Selection
    unwalked: frozenset[int]

    def __call__(self, name: str) -> Any:
        """The value or stream behind an output name or a `"node.output"`.

        Raises:
            KeyError: if there is no such output, or its node took no part in the run.
            LookupError: if it was not made, or its bytes are gone.
        """
        step, output = self.program.source(name)
        if step.node.output_chain:
            entries = self._entries(step, output)
            return StoredStream((("/".join(path), digest) for path, digest in entries), self.values)
        found = next(entries_of_output(self.root, step, output), None)
        if found is None:
            raise LookupError(f"{name!r} was not made: something before it failed or was dropped")
        try:
            return self.values.load(found[1])
        except BytesMissing as error:
            raise LookupError(
                f"{name!r}: {error}; run with its node as a target to make them again"
            ) from None

    def _entries(self, step: Step, output: int) -> Entries:
        if (step.index, output) in self.program.recorded and step.index not in self.unwalked:
            return entries_of_output(self.root, step, output)
        walk = Walk(self.program, self.store, selection=self.selection, from_history=True)
        return walk.entries(step, output)

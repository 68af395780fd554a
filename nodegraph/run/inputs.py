"""The linked inputs of a call: their digests for its key, their values for its function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nodegraph.plan.keys import stream_digest
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import BytesMissing, NestedStream, StoredStream, Values
from nodegraph.run.frames import Done, Frame
from nodegraph.store import Store
from nodegraph.types.wire import Digest


@dataclass(slots=True)
class Arguments:
    """What could be loaded for a call, and what could not.

    Attributes:
        values: by input name.
        missing: (frame, position) of results whose bytes are gone but can be made again right away.
        streams_missing: steps of streams with items whose bytes are gone.
    """

    values: dict[str, Any]
    missing: list[tuple[Frame, int]]
    streams_missing: set[int]


def input_digests(program: Program, step: Step, frame: Frame) -> list[Digest]:
    """The digests of a step's linked inputs, in the order of its feeds; the linked seed is left out."""
    digests: list[Digest] = []
    for feed in step.feeds:
        if feed.name == step.linked_seed:
            continue
        if feed.collects is None:
            result = frame.above(feed.up).results[program.steps[feed.step].item_position]
            assert isinstance(result, Done), "an input without a result is inherited, not read"
            digests.append(result.digests[feed.output])
        else:
            digests.append(_stream_digest(step, feed, frame))
    return digests


def _stream_digest(step: Step, feed: Feed, frame: Frame) -> Digest:
    if feed.inner is None:
        return stream_digest(entries_of(step, feed, frame))
    return stream_digest((key, stream_digest(inside)) for key, inside in nested_entries_of(step, feed, frame))


def nested_entries_of(step: Step, feed: Feed, frame: Frame) -> list[tuple[str, list[tuple[str, Digest]]]]:
    """The entries of each inner stream of a stream of streams; an outer item without one is left out."""
    assert feed.collects is not None
    assert feed.inner is not None
    scope = frame.above(feed.up).scopes[feed.collects]
    below = scope.inner.get(feed.inner, {})
    also = tuple(other.step for other in step.feeds if other.inner == feed.inner)
    return [
        (key, list(below[index].present(feed.step, feed.output, also)))
        for index, key in enumerate(scope.keys)
        if index in below and not below[index].broken
    ]


def entries_of(step: Step, feed: Feed, frame: Frame) -> list[tuple[str, Digest]]:
    """The (item key, digest) pairs of a stream input, matched by key with the node's other inputs from that stream."""
    assert feed.collects is not None
    scope = frame.above(feed.up).scopes[feed.collects]
    also = tuple(
        other.step for other in step.feeds if other.collects == feed.collects and other.inner is None
    )
    return list(scope.present(feed.step, feed.output, also))


def load_arguments(program: Program, step: Step, frame: Frame, store: Store, values: Values) -> Arguments:
    """Load the linked inputs of a call."""
    found = Arguments({}, [], set())
    for feed in step.feeds:
        if feed.collects is not None:
            _load_stream(step, feed, frame, store, values, found)
            continue
        source = frame.above(feed.up)
        position = program.steps[feed.step].item_position
        loaded, value = _load(source, position, feed, store, values)
        if loaded:
            found.values[feed.name] = feed.convert(value) if feed.convert is not None else value
        elif (source, position) not in found.missing:
            found.missing.append((source, position))
    return found


def _load_stream(
    step: Step, feed: Feed, frame: Frame, store: Store, values: Values, found: Arguments
) -> None:
    if feed.inner is None:
        entries = entries_of(step, feed, frame)
        found.values[feed.name] = StoredStream(entries, values)
    else:
        nested = nested_entries_of(step, feed, frame)
        found.values[feed.name] = NestedStream(nested, values)
        entries = [entry for _, inside in nested for entry in inside]
    if not all(store.has(digest) for _, digest in entries):
        found.streams_missing.add(feed.step)


def _load(source: Frame, position: int, feed: Feed, store: Store, values: Values) -> tuple[bool, Any]:
    result = source.results[position]
    assert isinstance(result, Done)
    digest = result.digests[feed.output]
    wires = result.wires
    wire = wires[feed.output] if wires is not None else store.get(digest)
    if wire is None:
        return False, None
    try:
        return True, values.decode(wire, digest)
    except BytesMissing:
        return False, None


def linked_seed(step: Step, arguments: dict[str, Any], base: int) -> int:
    """The base seed of a call: the value of the linked input `seed`, else the node's or the graph's."""
    linked: Any = arguments.get(step.linked_seed) if step.linked_seed else None
    return base if linked is None else int(linked)

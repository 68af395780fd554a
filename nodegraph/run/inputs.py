"""The linked inputs of a call: their digests for its key, their values for its function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodegraph.plan.keys import stream_digest
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import ARTIFACT, BytesMissing, NestedStream, StoredStream, Values
from nodegraph.run.frames import Done, Frame
from nodegraph.run.tasks import Missing
from nodegraph.store import Store
from nodegraph.types.wire import Digest

Entries = Iterator[tuple[str, Digest]]
"""The (item key, digest) pairs of a stream."""


class Busy(Exception):
    """Not now: somebody else computes the same call, or an input has just turned out to have no value."""


class NotWalked(LookupError):
    """A call reads a stream that this pass does not walk."""


@dataclass(slots=True)
class Arguments:
    """What could be loaded for a call, and what could not.

    Attributes:
        values: by input name.
        missing: results whose bytes are gone but can be made again right away.
        streams_missing: steps of streams with items whose bytes are gone.
    """

    values: dict[str, Any]
    missing: list[Missing]
    streams_missing: set[int]


def input_digests(
    step: Step, frame: Frame, store: Store, values: Values, peeked: Mapping[str, Any]
) -> list[Digest]:
    """The digests of a step's linked inputs, in the order of its feeds; the linked seed is left out.

    Args:
        step: the step that is called.
        frame: the item it is called for.
        store: hashes the files that are read by content.
        values: loads the paths of a stream of such files.
        peeked: the values of the inputs that `peeks` names.

    Raises:
        OSError: if such a file cannot be read.
        BytesMissing: if the bytes of such a path in a stream are gone.
        Busy: if an input has no value any more.
        NotWalked: if a stream is not walked in this pass.
    """

    def content(path: Path | None, named: Digest) -> Digest:
        return named if path is None else store.file_digest(path)

    digests: list[Digest] = []
    for feed in step.feeds:
        if feed.name == step.linked_seed:
            continue
        if feed.collects is not None:
            load = _content_loader(feed, values, content) if feed.by_content else None
            digests.append(_stream_digest(step, feed, frame, load))
            continue
        found = _result_at(feed, frame).digests[feed.output]
        digests.append(content(peeked[feed.name], found) if feed.by_content else found)
    return digests


def _content_loader(
    feed: Feed, values: Values, content: Callable[[Path | None, Digest], Digest]
) -> Callable[[Digest], Digest]:
    def load(digest: Digest) -> Digest:
        value = values.load(digest)
        return content(feed.convert(value) if feed.convert is not None else value, digest)

    return load


def peeks(step: Step) -> tuple[Feed, ...]:
    """The inputs whose value, not its digest, enters the key: the linked seed, and paths read by content."""
    return tuple(
        feed
        for feed in step.feeds
        if feed.name == step.linked_seed or (feed.by_content and feed.collects is None)
    )


def _result_at(feed: Feed, frame: Frame) -> Done:
    result = frame.above(feed.up).results[feed.place]
    if not isinstance(result, Done):
        raise Busy
    return result


def _stream_digest(step: Step, feed: Feed, frame: Frame, load: Callable[[Digest], Digest] | None) -> Digest:
    """The digest of a collected stream, taken once for all calls that read it."""
    assert feed.collects is not None
    scope = frame.above(feed.up).scopes.get(feed.collects)
    if scope is None:
        raise NotWalked
    collected = scope.collected
    known = collected.get(("digest", step.index, feed.name))
    if known is None:
        known = collected["digest", step.index, feed.name] = _new_stream_digest(step, feed, frame, load)
    return known


def _new_stream_digest(
    step: Step, feed: Feed, frame: Frame, load: Callable[[Digest], Digest] | None
) -> Digest:
    def digest_of(entries: Iterable[tuple[str, Digest]]) -> Digest:
        return stream_digest(entries if load is None else ((key, load(digest)) for key, digest in entries))

    if feed.inner is None:
        return digest_of(entries_of(step, feed, frame))
    return stream_digest((key, digest_of(inside)) for key, inside in nested_entries_of(step, feed, frame))


def nested_entries_of(step: Step, feed: Feed, frame: Frame) -> Iterator[tuple[str, Entries]]:
    """The entries of each inner stream of a stream of streams; an outer item without one is left out."""
    assert feed.collects is not None
    assert feed.inner is not None
    scope = frame.above(feed.up).scopes[feed.collects]
    below = scope.inner.get(feed.inner, {})
    also = tuple(other.step for other in step.feeds if other.inner == feed.inner)
    for index, key in enumerate(scope.keys):
        if index in below and not below[index].broken:
            yield key, below[index].present(feed.step, feed.output, also)


def entries_of(step: Step, feed: Feed, frame: Frame) -> Entries:
    """The (item key, digest) pairs of a stream input, matched by key with others from the same stream."""
    assert feed.collects is not None
    scope = frame.above(feed.up).scopes[feed.collects]
    also = tuple(
        other.step for other in step.feeds if other.collects == feed.collects and other.inner is None
    )
    return scope.present(feed.step, feed.output, also)


def load_arguments(
    program: Program, step: Step, frame: Frame, values: Values, feeds: Sequence[Feed] | None = None
) -> Arguments:
    """Load the linked inputs of a call, or only those of `feeds`.

    Raises:
        Busy: if an input has no value any more.
    """
    found = Arguments({}, [], set())
    for feed in step.feeds if feeds is None else feeds:
        if feed.collects is not None:
            _load_stream(program, step, feed, frame, values, found)
            continue
        source = frame.above(feed.up)
        position = feed.place
        result = _result_at(feed, frame)
        try:
            value = _load(result, feed.output, values)
        except BytesMissing:
            if (source, position, result) not in found.missing:
                found.missing.append((source, position, result))
        else:
            found.values[feed.name] = feed.convert(value) if feed.convert is not None else value
    return found


def _load_stream(
    program: Program, step: Step, feed: Feed, frame: Frame, values: Values, found: Arguments
) -> None:
    assert feed.collects is not None
    collected = frame.above(feed.up).scopes[feed.collects].collected
    name = "stream", step.index, feed.name
    if name in collected:
        found.values[feed.name] = collected[name]
        return
    if feed.inner is None:
        stream = StoredStream(entries_of(step, feed, frame), values, feed.convert)
    else:
        stream = NestedStream(nested_entries_of(step, feed, frame), values, feed.convert)
    found.values[feed.name] = stream
    is_artifact = program.steps[feed.step].output_types[feed.output] == ARTIFACT
    is_there = values.can_load if is_artifact else values.has
    if all(is_there(digest) for _, digest in _all_entries(step, feed, frame)):
        collected[name] = stream
    else:
        found.streams_missing.add(feed.step)


def _all_entries(step: Step, feed: Feed, frame: Frame) -> Entries:
    if feed.inner is None:
        return entries_of(step, feed, frame)
    return (entry for _, inside in nested_entries_of(step, feed, frame) for entry in inside)


def _load(result: Done, output: int, values: Values) -> Any:
    digest = result.digests[output]
    # Taken once: another thread may let go of the wire forms meanwhile.
    wires = result.wires
    return values.load(digest) if wires is None else values.decode(wires[output], digest)


def linked_seed(step: Step, peeked: Mapping[str, Any], base: int) -> int:
    """The base seed of a call: the value of the linked input `seed`, else the node's or the graph's."""
    linked: Any = peeked.get(step.linked_seed) if step.linked_seed else None
    return base if linked is None else int(linked)

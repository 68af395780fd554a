"""Why a call runs: what a node is made of now, beside what its last run recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]

from nodegraph.check.checked import CheckedGraph
from nodegraph.graph.paths import absolute_path
from nodegraph.node.code import changed_parts
from nodegraph.plan.keys import code_of, key_params, read_record
from nodegraph.plan.program import Step
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)

_PREFIX = 8
_EARLIER = 16

MadeOf = tuple[int, int | None, bool]
"""The recipe of a node's calls, its base seed, and whether the seed came by a link."""


class NodeEntry(NamedTuple):
    """What is written down of the last run of a node.

    Attributes:
        recipe: the id of the record of type, version or code, params, files and links.
        seed: the base seed of a seeded node.
        seed_linked: whether its seed came by a link.
        calls: the first bytes of the keys of its calls.
        outputs: the digests of its outputs if it is not mapped.
        earlier: what runs before the last one had for recipe, seed and link of the seed, the latest first.
    """

    recipe: int
    seed: int | None
    seed_linked: bool
    calls: bytes
    outputs: tuple[bytes, ...]
    earlier: tuple[MadeOf, ...] = ()

    @property
    def made_of(self) -> MadeOf:
        """What all calls of the run had in common: recipe, seed, and whether the seed was linked."""
        return self[:3]

    def following(self, last: NodeEntry | None) -> NodeEntry:
        """The entry as it is written down after that of the run before."""
        if last is None:
            return self
        made_of, before, earlier = self[:3], last[:3], last.earlier
        if before != made_of:
            earlier = (before, *[other for other in earlier if other != made_of])[:_EARLIER]
        return NodeEntry(*self[:5], earlier) if earlier else self


@dataclass(frozen=True)
class NodeRecord:
    """What the last run of a node was made of.

    Attributes:
        version: the author's version, or None where the code counts.
        code: digest of every part of the code, by qualified name.
        params: the params in its keys, by name, in JSON form.
        files: content digests of the inputs read by content.
        linked: the names of the linked inputs.
        seed: the base seed of a seeded node.
        calls: the first bytes of the keys of its calls.
        outputs: the digests of its outputs if it is not mapped.
    """

    type: str
    version: int | str | None
    code: Mapping[str, bytes]
    params: Mapping[str, Any]
    files: Mapping[str, bytes]
    linked: tuple[str, ...]
    seed: int | None
    calls: bytes = b""
    outputs: tuple[bytes, ...] = ()


class RecordStore(Protocol):
    """The part of the store that history is read from."""

    @property
    def folder(self) -> Path:
        """Where the store lies."""
        ...

    def recall_graph(self, graph: str, /) -> bytes | None:
        """What the last runs of a graph's nodes were made of, as it was packed."""
        ...

    def recipe_record(self, id: int, /) -> bytes | None:
        """The record of a recipe."""
        ...


class History:
    """What the last runs of a graph's nodes were made of.

    Attributes:
        packed: all of it as the store keeps it; None if the graph never ran.
    """

    def __init__(self, store: RecordStore, graph: CheckedGraph) -> None:
        self._store = store
        self.packed = store.recall_graph(history_id(graph, store.folder))

    @cached_property
    def entries(self) -> dict[str, NodeEntry]:
        """What was written down of each node, by its id; a node that never ran in this graph has none."""
        return {entry[0]: NodeEntry._make(entry[1:]) for entry in self._unpacked[1]}

    @property
    def codes(self) -> dict[bytes, dict[str, bytes]]:
        """The parts of the code of types without a version, by the digest of the whole."""
        return self._unpacked[0]

    @cached_property
    def _unpacked(self) -> tuple[dict[bytes, dict[str, bytes]], Sequence[Any]]:
        if self.packed is None:
            return {}, ()
        return msgpack.unpackb(self.packed, strict_map_key=False, use_list=False)

    def record(self, node: str) -> NodeRecord | None:
        """What the last run of a node was made of; None if that is not known."""
        entry = self.entries.get(node)
        packed = None if entry is None else self._store.recipe_record(entry.recipe)
        if entry is None or packed is None:
            return None
        made = read_record(packed)
        return NodeRecord(
            type=made.type_id,
            version=made.version,
            code=self.codes.get(made.code, {}) if made.code is not None else {},
            params=made.params,
            files=made.files,
            linked=tuple(sorted((*made.linked, *(["seed"] if entry.seed_linked else [])))),
            seed=entry.seed,
            calls=entry.calls,
            outputs=entry.outputs,
        )


def pack_history(entries: Mapping[str, NodeEntry], steps: Sequence[Step], earlier: History) -> bytes:
    """The entries of a graph's nodes as the store keeps them, with the code of the steps' types."""
    present = {step.id for step in steps}
    codes = {} if present.issuperset(entries) else dict(earlier.codes)
    for step in steps:
        if step.type.version is None:
            code = code_of(step.type)
            codes[code.digest] = dict(code.parts)
    return cast("bytes", msgpack.packb([codes, [(node, *entry) for node, entry in entries.items()]]))


def short_keys(calls: bytes) -> Iterable[bytes]:
    """The first bytes of each key, out of what an entry holds of its calls."""
    return (calls[at : at + _PREFIX] for at in range(0, len(calls), _PREFIX))


def graph_id(graph: CheckedGraph, store: Path) -> str:
    """What the store in a folder files a graph's runs under.

    For a graph file below the folder that the store lies in, its path from there, so that a project that is
    moved with its store is the same project.
    """
    if graph.path is None:
        return graph.name
    project = _project(store)
    return (
        graph.path.relative_to(project).as_posix() if graph.path.is_relative_to(project) else str(graph.path)
    )


def graph_file(graph: str, store: Path) -> Path:
    """The file of the graph that the store in a folder files under that id; it need not be there."""
    return _project(store) / graph


def history_id(graph: CheckedGraph, store: Path) -> str:
    """What the store in a folder files a graph's history under: a sweep of it has one of its own."""
    found = graph_id(graph, store)
    return f"{found} ({graph.variant})" if graph.variant else found


def _project(store: Path) -> Path:
    """The folder that a store lies in."""
    return absolute_path(Path(), store).parent


def describe(step: Step, files: Mapping[str, Digest], seed: int) -> NodeRecord:
    """What a node is made of now, without its calls."""
    versioned = step.type.version is not None
    return NodeRecord(
        type=step.type.id,
        version=step.type.version,
        code={} if versioned else dict(code_of(step.type).parts),
        params=key_params(step.type, step.node.params),
        files=dict(files),
        linked=tuple(feed.name for feed in step.feeds),
        seed=seed if step.type.seeded else None,
    )


def changes(before: NodeRecord | None, now: NodeRecord) -> tuple[str, ...]:
    """Why all calls of a node run, whatever their inputs; empty if only inputs can tell."""
    if before is None or before.type != now.type:
        return ("new",)
    found: list[str] = []
    if (before.version is None) != (now.version is None) or before.version != now.version:
        found.append(f"version {_shown(before.version)} → {_shown(now.version)}")
    elif before.code != now.code:
        parts = changed_parts(before.code, now.code)
        found.append(f"code changed: {', '.join(parts)}")
    for name in {**before.params, **now.params}:
        if name in before.params and name in now.params:
            if _packed(before.params[name]) != _packed(now.params[name]):
                found.append(f"param {name}: {_shown(before.params[name])} → {_shown(now.params[name])}")
        elif name in now.params and name not in before.linked:
            found.append(f"param {name}: new, {_shown(now.params[name])}")
    found.extend(f"file {name} changed" for name in now.files if before.files.get(name) != now.files[name])
    found.extend(f"input {name} is now linked" for name in now.linked if name not in before.linked)
    found.extend(f"input {name} is no longer linked" for name in before.linked if name not in now.linked)
    if before.seed != now.seed:
        found.append(f"seed {_shown(before.seed)} → {_shown(now.seed)}")
    return tuple(found)


def _packed(value: Any) -> bytes:
    return cast("bytes", msgpack.packb(value))


def _shown(value: Any) -> str:
    import json

    if value is None:
        return "none"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"

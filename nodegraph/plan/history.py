"""Why a call runs: what a node is made of now, beside what its last run recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, cast

import msgpack as untyped_msgpack  # pyright: ignore[reportMissingTypeStubs]

from nodegraph.check.checked import CheckedGraph
from nodegraph.node.code import changed_parts
from nodegraph.plan.keys import code_of, key_params
from nodegraph.plan.program import Step
from nodegraph.store import Key
from nodegraph.types.wire import Digest

msgpack = cast("Any", untyped_msgpack)

_PREFIX = 8


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

    @property
    def items(self) -> int:
        """The number of calls of the last run."""
        return len(self.calls) // _PREFIX

    @cached_property
    def _known(self) -> frozenset[bytes]:
        pieces = (self.calls[at : at + _PREFIX] for at in range(0, len(self.calls), _PREFIX))
        return frozenset(pieces)

    def had(self, key: Key) -> bool:
        """Whether a call of that key was part of the last run."""
        return key[:_PREFIX] in self._known

    def packed(self) -> bytes:
        """The record as the store keeps it."""
        fields = [
            self.type, self.version, dict(self.code), dict(self.params), dict(self.files),
            list(self.linked), self.seed, self.calls, list(self.outputs),
        ]  # fmt: skip
        return cast("bytes", msgpack.packb(fields))

    @classmethod
    def unpacked(cls, data: bytes) -> NodeRecord:
        """Read a record back."""
        type_, version, code, params, files, linked, seed, calls, outputs = msgpack.unpackb(
            data, strict_map_key=False
        )
        return cls(type_, version, code, params, files, tuple(linked), seed, calls, tuple(outputs))


class RecordStore(Protocol):
    """The part of the store that history is read from."""

    def recall_node(self, graph: str, node: str, /) -> bytes | None:
        """What the last run of a node was made of, as it was packed."""
        ...


def graph_id(graph: CheckedGraph) -> str:
    """What the store files a graph's history under."""
    return str(graph.path) if graph.path is not None else graph.name


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


def recall(store: RecordStore, graph: CheckedGraph, step: Step) -> NodeRecord | None:
    """What the last run of a node was made of, or None if it never ran in this graph."""
    data = store.recall_node(graph_id(graph), step.id)
    return NodeRecord.unpacked(data) if data is not None else None


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

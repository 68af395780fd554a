"""Provenance: how each exported file came to be, written beside the export and read back by `trace`.

The file `<name>.provenance.jsonl` holds a header line with the nodes behind the export, their types,
versions and params, and one line per file with the stream items it was made from and the source items
and files those came from. Nothing else is needed to trace a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from nodegraph.node.packs import pack_of
from nodegraph.plan.keys import code_of, key_params
from nodegraph.plan.program import Program, Step
from nodegraph.types.builtin import Artifact
from nodegraph.version import version

FORMAT = "nodegraph provenance"
FORMAT_VERSION = 1


class TraceError(ValueError):
    """A file whose origin cannot be told; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class SourceItem:
    """An item of a source that an exported file goes back to, with the files it was read from."""

    node: str
    item: str
    files: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The object in the provenance file."""
        return {"node": self.node, "item": self.item, "files": list(self.files)}


def provenance_path(folder: Path) -> Path:
    """Where the provenance of an export is written."""
    return folder.with_name(f"{folder.name}.provenance.jsonl")


def header(program: Program, step: Step, output: str, artifact: str, run: int) -> dict[str, Any]:
    """The first line: what the export is, and every node behind it."""
    graph = program.graph
    steps = _ancestors(program, step)
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "artifact": artifact,
        "graph": graph.name,
        "graph_file": graph.path.name if graph.path is not None else None,
        "output": output,
        "node": step.id,
        "run": run,
        "seed": graph.seed,
        "nodegraph": version(),
        "packs": _packs(steps),
        "nodes": {entry.id: _describe(program, entry) for entry in steps},
    }


def file_lines(
    artifact: Artifact, sources: Mapping[str, Mapping[str, Sequence[str]]], outer: str
) -> Iterable[dict[str, Any]]:
    """One line per file of an artifact.

    Args:
        artifact: the artifact with its files.
        sources: per source node, the files behind each of its items.
        outer: the item the exporter itself was called for, "" if it is not mapped.
    """
    for name, (content, size) in artifact.files.items():
        items = list(artifact.made_from.get(name, ()))
        found = _sources_of([f"{outer}/{item}" if outer else item for item in items] or [outer], sources)
        yield {
            "file": name,
            "blake3": content,
            "size": size,
            "items": items,
            "sources": [source.as_json() for source in found],
        }


def trace(file: Path) -> dict[str, Any]:
    """Tell how an exported file came to be, from the provenance file beside its export.

    Raises:
        TraceError: if there is none, or it does not speak of the file.
    """
    path = Path(file).absolute()
    if not path.is_file():
        raise TraceError(f"{file} is not a file; name a file of an export")
    for folder in path.parents:
        record = provenance_path(folder)
        if record.is_file():
            return _read_trace(path, folder, record)
    raise TraceError(f"no provenance file lies beside any folder of {file}; was it published by a run?")


def _read_trace(path: Path, folder: Path, record: Path) -> dict[str, Any]:
    name = path.relative_to(folder).as_posix()
    with record.open(encoding="utf-8") as lines:
        head = read_header(next(lines, ""))
        if head is None:
            raise TraceError(f"{record} is not a provenance file of nodegraph")
        for line in lines:
            entry = json.loads(line)
            if entry["file"] == name:
                unchanged = blake3(path.read_bytes()).hexdigest() == entry["blake3"]
                return {**entry, "unchanged": unchanged, "export": head}
    raise TraceError(f"{record} does not speak of {name!r}: the file was not published by that run")


def read_header(line: str) -> dict[str, Any] | None:
    """The header of a provenance file, or None if the line is not one."""
    try:
        head = json.loads(line)
    except ValueError:
        return None
    return head if isinstance(head, dict) and head.get("format") == FORMAT else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def _ancestors(program: Program, step: Step) -> list[Step]:
    found: set[int] = set()
    waiting = [step.index]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting.extend(feed.step for feed in program.steps[index].feeds)
    return [program.steps[index] for index in sorted(found)]


def ancestor_sources(program: Program, step: Step) -> list[Step]:
    """The source nodes that a node's items go back to."""
    return [entry for entry in _ancestors(program, step) if entry.is_source]


def _describe(program: Program, step: Step) -> dict[str, Any]:
    described: dict[str, Any] = {"type": step.type.id}
    if step.type.version is not None:
        described["version"] = step.type.version
    else:
        described["code"] = code_of(step.type).digest.hex()
    described["params"] = key_params(step.type, step.node.params)
    if step.type.seeded:
        described["seed"] = step.node.params.get("seed", program.graph.seed) or program.graph.seed
    described["links"] = {name: str(source) for name, source in step.node.links.items()}
    return described


def _packs(steps: Iterable[Step]) -> dict[str, str | None]:
    packs = (pack_of(step.type) for step in steps)
    return {pack.name: pack.version for pack in packs}


def _sources_of(items: Sequence[str], sources: Mapping[str, Mapping[str, Sequence[str]]]) -> list[SourceItem]:
    """The source items behind exported items: those whose key an item's key is, or begins with.

    Nodes that fan an item out, and those that join or flatten streams, keep the outer key in front.
    """
    found: dict[tuple[str, str], SourceItem] = {}
    for item in items:
        parts = item.split("/")
        leading = {"/".join(parts[:count]) for count in range(1, len(parts) + 1)}
        for node, files in sources.items():
            for key in sorted(leading & files.keys()):
                found[node, key] = SourceItem(node, key, tuple(files[key]))
    return list(found.values())

"""Provenance: how each exported file came to be, written beside the export and read back by `trace`.

The file `<name>.provenance.jsonl` holds a header line with the nodes behind the export, their types,
versions and params, and one line per file with the stream items it was made from and the source items
and files those came from, by name and content. Nothing else is needed to trace a file. It names no place on
the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from blake3 import blake3

from nodegraph.node.packs import pack_of
from nodegraph.plan.history import NodeRecord
from nodegraph.plan.keys import code_of, key_params
from nodegraph.plan.lineage import SourceItem
from nodegraph.plan.program import Program, Step
from nodegraph.types.builtin import Artifact, ModelRef
from nodegraph.version import version

FORMAT = "nodegraph provenance"
FORMAT_VERSION = 1


class TraceError(ValueError):
    """A file whose origin cannot be told; the message says why and what to do."""


class DamagedProvenance(ValueError):
    """A provenance file that cannot be read."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A line of a provenance file.

    Attributes:
        name: relative POSIX path in the export.
        content: BLAKE3 of what was published, in hex.
        size: in bytes.
        entry: the whole line.
    """

    name: str
    content: str
    size: int
    entry: Mapping[str, Any]


def provenance_path(folder: Path) -> Path:
    """Where the provenance of an export is written."""
    return folder.with_name(f"{folder.name}.provenance.jsonl")


def header(
    program: Program,
    step: Step,
    output: str,
    run: int,
    records: Mapping[str, NodeRecord],
    models: Mapping[str, ModelRef],
) -> dict[str, Any]:
    """The first line: what the export is, and every node behind it; all but the digest of the artifact.

    Args:
        program: what was run.
        step: the node that gave the artifact.
        output: the name of the graph's output.
        run: the number of the run that publishes it.
        records: what each node is made of, by id.
        models: the models behind the export, by `node.output`.
    """
    graph = program.graph
    steps = ancestors(program, step)
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "artifact": None,
        "graph": graph.name,
        "graph_file": graph.path.name if graph.path is not None else None,
        "output": output,
        "node": step.id,
        "run": run,
        "seed": graph.seed,
        "nodegraph": version(),
        "packs": _packs(steps),
        "models": {name: _describe_model(model) for name, model in models.items()},
        "nodes": {entry.id: _describe(entry, records.get(entry.id)) for entry in steps},
    }


def file_lines(
    artifact: Artifact, behind: Callable[[Sequence[str]], Iterable[SourceItem]], outer: str
) -> Iterable[dict[str, Any]]:
    """One line per file of an artifact.

    A file that the artifact's `made_from` leaves out while it speaks of others goes back to no items.

    Args:
        artifact: the artifact with its files.
        behind: leads exported items back to those of sources; without any, what all of it was made from.
        outer: the item the exporter itself was called for, "" if it is not mapped.
    """
    for name, (content, size) in artifact.files.items():
        items = list(artifact.made_from.get(name, ()))
        of_items = bool(items or outer or not artifact.made_from)
        sources = behind(items) if of_items else ()
        yield {
            "file": name,
            "blake3": content,
            "size": size,
            "items": items,
            "sources": [_told(source) for source in sources],
        }


def _told(source: SourceItem) -> dict[str, Any]:
    """A source item: its node, its key (None for all of them), and its files by name and content."""
    return {
        "node": source.node,
        "item": source.item,
        "files": [name for name, _ in source.files],
        "blake3": [None if content is None else content.hex() for _, content in source.files],
    }


def trace(file: Path) -> dict[str, Any]:
    """Tell how an exported file came to be, from the provenance file beside its export.

    Returns:
        The file's line of the provenance, with `unchanged`: whether the file is still what was published,
        and `export`: the header.

    Raises:
        TraceError: if there is none, or it does not speak of the file.
    """
    path = Path(os.path.abspath(file))  # noqa: PTH100 -- a link in an export is traced as it lies there
    if not path.is_file():
        raise TraceError(f"{file} is not a file; name a file of an export")
    beside: Path | None = None
    for folder in path.parents[:-1]:
        record = provenance_path(folder)
        head = _header_of(record)
        if head is None:
            continue
        beside = beside or record
        published = _entries(record).get(path.relative_to(folder).as_posix())
        if published is not None:
            unchanged = content_of(path) == published.content
            return {**published.entry, "unchanged": unchanged, "export": head}
    if beside is not None:
        raise TraceError(f"{beside} does not speak of {file}: no run published that file")
    raise TraceError(f"no provenance file lies beside any folder of {file}; was it published by a run?")


def _header_of(record: Path) -> dict[str, Any] | None:
    try:
        with record.open(encoding="utf-8") as lines:
            return read_header(next(lines, ""))
    except (OSError, UnicodeDecodeError):
        return None


def _entries(record: Path) -> Mapping[str, PublishedFile]:
    try:
        return read_provenance(record)
    except (OSError, DamagedProvenance) as error:
        raise TraceError(f"{error}; run the graph again to write it anew") from None


def read_header(line: str) -> dict[str, Any] | None:
    """The header of a provenance file, or None if the line is not one."""
    try:
        head: object = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(head, dict):
        return None
    fields = cast("dict[str, Any]", head)
    return fields if fields.get("format") == FORMAT and fields.get("version") == FORMAT_VERSION else None


def read_provenance(record: Path) -> dict[str, PublishedFile]:
    """The files that a provenance file speaks of, by name.

    Raises:
        OSError: if it cannot be opened.
        DamagedProvenance: if a line is not what was written.
    """
    found: dict[str, PublishedFile] = {}
    with record.open(encoding="utf-8") as lines:
        next(lines, None)
        try:
            for line in lines:
                entry = json.loads(line)
                published = PublishedFile(str(entry["file"]), str(entry["blake3"]), int(entry["size"]), entry)
                found[published.name] = published
        except (ValueError, TypeError, KeyError, RecursionError):
            raise DamagedProvenance(f"line {len(found) + 2} of {record} is damaged") from None
    return found


def content_of(path: Path) -> str:
    """BLAKE3 of a file, in hex."""
    hasher = blake3()
    hasher.update_mmap(path)
    return hasher.hexdigest()


def ancestors(program: Program, step: Step) -> list[Step]:
    """A step and every step before it, in topological order."""
    found: set[int] = set()
    waiting = [step.index]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting.extend(feed.step for feed in program.steps[index].feeds)
    return [program.steps[index] for index in sorted(found)]


def _describe(step: Step, record: NodeRecord | None) -> dict[str, Any]:
    described: dict[str, Any] = {"type": step.type.id}
    if step.type.version is not None:
        described["version"] = step.type.version
    else:
        described["code"] = code_of(step.type).digest.hex()
    described["params"] = key_params(step.type, step.node.params)
    if record is not None and record.files:
        described["files"] = {name: content.hex() for name, content in record.files.items()}
    if record is not None and record.seed is not None and step.linked_seed is None:
        described["seed"] = record.seed
    described["links"] = {name: str(source) for name, source in step.node.links.items()}
    return described


def _describe_model(model: ModelRef) -> dict[str, Any]:
    """A model without the place it lies in: of a folder its name."""
    return {**asdict(model), "source": Path(model.source).name if model.source[:1] in "/." else model.source}


def _packs(steps: Iterable[Step]) -> dict[str, str | None]:
    packs = (pack_of(step.type) for step in steps)
    return {pack.name: pack.version for pack in packs}

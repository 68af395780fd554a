"""A guard over node types with a version: code that changed while the version stayed is told.

A pack keeps a record of the code of its node types in its tests. `changed_versions` compares it with the
code as it is now, so that continuous integration asks of each change: does it change results (raise the
version), or not (acknowledge it)?
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodegraph.node.code.fingerprint import CodeFingerprint, fingerprint
from nodegraph.node.registry import node_types
from nodegraph.node.signature import NodeType

_ENGINE = "nodegraph"
_SHOWN_BYTES = 8

Version = int | str


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """The code of node types that have a version.

    Attributes:
        types: for each type id, its version and the digest of all its code in its pack (hexadecimal).
        parts: for each function, class member and constant of that code, its digest (hexadecimal).
    """

    types: Mapping[str, tuple[Version, str]]
    parts: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> CodeRecord:
        """Read a record that `write` wrote; an absent file is an empty one."""
        data: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"types": {}, "parts": {}}
        types = {name: (entry["version"], entry["code"]) for name, entry in data["types"].items()}
        return cls(types, data["parts"])

    def write(self, path: Path) -> None:
        """Write the record as JSON, in alphabetical order, so that a diff shows what changed."""
        types = {name: {"version": version, "code": code} for name, (version, code) in self.types.items()}
        data = {"types": types, "parts": dict(self.parts)}
        path.write_text(json.dumps(data, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class ChangedVersion:
    """A node type that is not what is on record.

    Attributes:
        recorded: the version on record, or None for a type that is new.
        version: its version now, or None for a type that is gone.
        parts: what changed in its code, by qualified name.
    """

    type_id: str
    recorded: Version | None
    version: Version | None
    parts: tuple[str, ...]

    @property
    def is_unnoticed(self) -> bool:
        """Whether code changed while the version stayed, so that old results would be taken for new ones."""
        return self.version is not None and self.version == self.recorded

    def __str__(self) -> str:
        if self.is_unnoticed:
            changed = ", ".join(self.parts) or "it uses other code than before"
            return f"{self.type_id}: code changed under version {self.version}: {changed}"
        if self.recorded is None:
            return f"{self.type_id}: new, at version {self.version}"
        if self.version is None:
            return f"{self.type_id}: gone, or without a version now"
        return f"{self.type_id}: version {self.recorded} → {self.version}"


def versioned_types(*modules: str) -> dict[str, NodeType]:
    """The known node types with a version that are declared in some modules or below them."""
    return {
        name: declared
        for name, declared in node_types().items()
        if declared.version is not None and _is_below(declared.function.__module__, modules)
    }


def code_record(types: Iterable[NodeType]) -> CodeRecord:
    """Record the code of node types as it is now.

    Counted is what their own pack says, not other distributions: whether to raise a version for those is
    for the author to see. The record is the same under every version of Python.

    Raises:
        DeclarationError: if some of the code cannot be read.
    """
    parts_of = {declared.id: _own_parts(declared) for declared in types}
    versions = {declared.id: declared.version for declared in types if declared.version is not None}
    return CodeRecord(
        {
            name: (version, _shown(CodeFingerprint(parts_of[name]).digest))
            for name, version in versions.items()
        },
        {part: _shown(digest) for parts in parts_of.values() for part, digest in parts.items()},
    )


def changed_versions(types: Collection[NodeType], recorded: CodeRecord) -> list[ChangedVersion]:
    """Where node types differ from what is on record: in code, in version, or because they came or went."""
    now = code_record(types)
    found: list[ChangedVersion] = []
    for declared in types:
        version, before = declared.version, recorded.types.get(declared.id)
        if version is None or before == now.types[declared.id]:
            continue
        changed = [
            part
            for part, digest in _own_parts(declared).items()
            if recorded.parts.get(part) != _shown(digest)
        ]
        found.append(ChangedVersion(declared.id, before[0] if before else None, version, tuple(changed)))
    gone = sorted(recorded.types.keys() - now.types.keys())
    return [*found, *(ChangedVersion(name, recorded.types[name][0], None, ()) for name in gone)]


def acknowledged(
    types: Collection[NodeType], recorded: CodeRecord, only: Collection[str] | None = None
) -> CodeRecord:
    """The record after a look at changes: that of all types as they are now, or of `only` some."""
    now = code_record(types)
    if only is None:
        return now
    chosen = [declared for declared in types if declared.id in only]
    entries = {name: now.types[name] for name in now.types if name in only}
    return CodeRecord({**recorded.types, **entries}, {**recorded.parts, **code_record(chosen).parts})


def _own_parts(declared: NodeType) -> dict[str, bytes]:
    """The parts of a node type's code that its pack ships; of the engine's nodes, those of their module."""
    module = declared.function.__module__
    top = module.partition(".")[0]
    own = module if top == _ENGINE else top
    parts = fingerprint(declared.function).parts
    return {
        part: digest
        for part, digest in parts.items()
        if part == own or part.startswith((f"{own}.", f"{own} "))
    }


def _is_below(module: str, modules: Collection[str]) -> bool:
    return any(f"{module}.".startswith(f"{above}.") for above in modules)


def _shown(digest: bytes) -> str:
    return digest[:_SHOWN_BYTES].hex()

"""What overlays, the command line and Python callers lay over a graph: inputs, params and nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nodegraph.check.literals import Given, is_json_value, plain
from nodegraph.graph.document import NodeEntry, OverlayDocument
from nodegraph.graph.place import Finding, Place, SourceText
from nodegraph.graph.shape import Written, read_overlay

OVERLAY_RANK = 1_000_000
COMMAND_LINE_RANK = 2_000_000


@dataclass(frozen=True, slots=True)
class Replacement:
    """A node that an overlay puts in the place of the one with its id."""

    entry: NodeEntry
    place: Place
    is_dented: bool


@dataclass(frozen=True, slots=True)
class Overrides:
    """Literals and nodes laid over a graph, the last one written wins.

    Attributes:
        inputs: by graph input.
        params: by full node id, then by input.
        nodes: by full node id.
        mentioned: every node that is named, with the place and the id, whether or not it counts in the end.
        findings: what is wrong with the overlays and settings themselves.
    """

    inputs: dict[str, Given] = field(default_factory=dict[str, Given])
    params: dict[str, dict[str, Given]] = field(default_factory=dict[str, dict[str, Given]])
    nodes: dict[str, Replacement] = field(default_factory=dict[str, Replacement])
    mentioned: list[tuple[Place, str]] = field(default_factory=list[tuple[Place, str]])
    findings: list[Finding] = field(default_factory=list[Finding])


def read_overrides(
    values: Sequence[Path], sets: Sequence[str], inputs: Mapping[str, Any] | Sequence[str]
) -> Overrides:
    """Read overlay files, then `node.param=value` texts, then inputs: a mapping or `name=value` texts."""
    overrides = Overrides()
    for index, path in enumerate(values):
        _lay(read_overlay(Path(path), str(path), rank=OVERLAY_RANK + index), overrides)
    here = SourceText("", Path(), None, COMMAND_LINE_RANK)
    for text in sets:
        _set(text, here, overrides)
    if isinstance(inputs, Mapping):
        for name, value in inputs.items():
            _give(name, value, here, overrides)
    else:
        for text in inputs:
            _set_input(text, here, overrides)
    return overrides


def _lay(overlay: Written[OverlayDocument], overrides: Overrides) -> None:
    overrides.findings.extend(overlay.findings)
    if overlay.document is None:
        return
    root = Place(overlay.source)
    for name, value in overlay.document.inputs.items():
        overrides.inputs[name] = Given(value, root.child("inputs", name))
    for node, entry in overlay.document.nodes.items():
        place = root.child("nodes", node)
        overrides.nodes[node] = Replacement(entry, place, node in overlay.dented)
        overrides.params.pop(node, None)
        overrides.mentioned.append((root.key("nodes", node), node))
    for node, params in overlay.document.params.items():
        laid = overrides.params.setdefault(node, {})
        for name, value in params.items():
            laid[name] = Given(value, root.child("params", node, name))
        overrides.mentioned.append((root.key("params", node), node))


def _set(text: str, here: SourceText, overrides: Overrides) -> None:
    target, equals, value = text.partition("=")
    node, dot, name = target.rpartition(".")
    if not equals or not dot or not node or not name:
        message = f"--set takes node.param=value; found {text!r}"
        overrides.findings.append(
            Finding(Place(here), "bad-setting", message, "such as --set clip.frames=16")
        )
        return
    place = Place(here).child("nodes", node, "params", name)
    overrides.params.setdefault(node, {})[name] = Given(value, place, is_text=True)
    overrides.mentioned.append((Place(here).child("nodes", node), node))


def _set_input(text: str, here: SourceText, overrides: Overrides) -> None:
    name, equals, value = text.partition("=")
    if not equals or not name:
        message = f"--input takes name=value; found {text!r}"
        overrides.findings.append(Finding(Place(here), "bad-setting", message, "such as --input root=photos"))
        return
    overrides.inputs[name] = Given(value, Place(here).child("inputs", name), is_text=True)


def _give(name: str, value: Any, here: SourceText, overrides: Overrides) -> None:
    place = Place(here).child("inputs", name)
    literal = plain(value)
    if is_json_value(literal):
        overrides.inputs[name] = Given(literal, place)
        return
    kind = type(cast("object", value)).__name__
    message = f"graph input {name!r} takes a JSON value or a path, not a {kind}"
    overrides.findings.append(Finding(place, "not-a-literal", message))

"""The shape of graph files and overlays: which keys there are and of which JSON type, checked by pydantic."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar, cast

from nodegraph.graph.document import (
    ABSENT,
    FORMAT_VERSION,
    GraphDocument,
    GraphInput,
    NodeEntry,
    OverlayDocument,
)
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.place import Finding, Place, SourceText
from nodegraph.graph.text import parse_json, read_json

D = TypeVar("D", GraphDocument, OverlayDocument)

Location = tuple[str | int, ...]

_GRAPH_KEYS = ("nodegraph", "name", "note", "seed", "inputs", "nodes", "outputs", "ui")
_OVERLAY_KEYS = ("inputs", "params", "nodes")
_KEYS_BELOW = {"nodes": ("type", "note", "links", "params", "ui"), "inputs": ("type", "default", "note")}
_UI_KEYS = ("x", "y")

_EXPECTED = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "bool_type": "true or false",
    "float_type": "a number",
    "dict_type": "an object",
}


@dataclass(frozen=True, slots=True)
class Written(Generic[D]):
    """A document as it was read.

    Attributes:
        document: what could be read of it; None if nothing could.
        dented: ids of nodes of which a part could not be read.
        lost: ids of nodes, and names of inputs, that could not be read at all, as (section, name).
        findings: all that is wrong with its shape.
    """

    source: SourceText
    document: D | None
    dented: frozenset[str]
    lost: frozenset[tuple[str, str]]
    findings: tuple[Finding, ...]


def read_graph(path: Any, name: str, *, rank: int = 0) -> Written[GraphDocument]:
    """Read a graph file as far as it can be read."""
    source, data, findings = read_json(path, name, rank=rank)
    return _read(GraphDocument, source, data, findings)


def read_overlay(path: Any, name: str, *, rank: int = 0) -> Written[OverlayDocument]:
    """Read an overlay file as far as it can be read."""
    source, data, findings = read_json(path, name, rank=rank)
    return _read(OverlayDocument, source, data, findings)


def parse_graph(source: SourceText) -> Written[GraphDocument]:
    """Read the text of a graph file as far as it can be read."""
    data, findings = parse_json(source)
    return _read(GraphDocument, source, data, findings)


def graph_from_data(data: Any, source: SourceText) -> Written[GraphDocument]:
    """Read the JSON object of a graph as far as it can be read."""
    return _read(GraphDocument, source, data, [])


def _read(cls: type[D], source: SourceText, data: Any, findings: Sequence[Finding]) -> Written[D]:
    if data is ABSENT:
        return Written(source, None, frozenset(), frozenset(), tuple(findings))
    if not isinstance(data, dict):
        found = Finding(
            Place(source),
            "not-an-object",
            f"the top level must be an object; found {shown(data)}",
            'a graph looks like {"nodegraph": 1, "nodes": {...}}',
        )
        return Written(source, None, frozenset(), frozenset(), (*findings, found))
    plain = cast("dict[str, Any]", data)
    found = list(findings)
    if cls is GraphDocument:
        found += _version_findings(plain, source)
        plain = plain | {"nodegraph": FORMAT_VERSION}
    dents = list(_dents(cls, plain))
    found += [finding for dent in dents if (finding := _finding(dent, source, plain, cls)) is not None]
    sound = _without(plain, [dent.lost for dent in dents])
    dented = frozenset(str(dent.location[1]) for dent in dents if _is_in_node(dent.location))
    lost = frozenset((str(dent.lost[0]), str(dent.lost[1])) for dent in dents if len(dent.lost) == 2)
    document = _graph(sound, source) if cls is GraphDocument else _overlay(sound)
    return Written(source, cast("D", document), dented, lost, tuple(found))


def shown(value: Any, *, width: int = 60) -> str:
    """A literal as JSON, cut to a width, for messages."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _version_findings(data: Mapping[str, Any], source: SourceText) -> Sequence[Finding]:
    if "nodegraph" not in data:
        message = "the key 'nodegraph' with the format version is missing"
        hint = f'begin the file with "nodegraph": {FORMAT_VERSION}'
        return [Finding(Place(source), "wrong-version", message, hint)]
    version = data["nodegraph"]
    if type(version) is int and version == FORMAT_VERSION:
        return ()
    hint = f'write "nodegraph": {FORMAT_VERSION}'
    if type(version) is int and version > FORMAT_VERSION:
        hint = "the file was written for a newer nodegraph: update it"
    message = f"the format version must be {FORMAT_VERSION}; found {shown(version)}"
    return [Finding(Place(source).child("nodegraph"), "wrong-version", message, hint)]


@dataclass(frozen=True, slots=True)
class _Dent:
    """A part that is not of the right shape; `lost` is what has to be left out because of it."""

    location: Location
    lost: Location
    kind: str


def _dents(cls: type, data: Mapping[str, Any]) -> Sequence[_Dent]:
    from pydantic import ValidationError

    try:
        _adapter(cls).validate_python(data)
    except ValidationError as error:
        return [
            _dent(entry["loc"], entry["type"])
            for entry in error.errors(include_url=False, include_input=False)
        ]
    return ()


def _dent(location: Location, kind: str) -> _Dent:
    """Of a member that must be there but is not readable, what it stands in is lost too."""
    lost = location
    if kind == "missing":
        lost = location[:-1]
    elif len(location) == 3 and location[2] == "type":
        lost = location[:2]
    elif "ui" in location[:3]:
        lost = location[: location.index("ui") + 1]
    return _Dent(location, lost, kind)


def _finding(dent: _Dent, source: SourceText, data: Mapping[str, Any], cls: type) -> Finding | None:
    place = Place(source)
    *above, name = dent.location
    if dent.kind == "extra_forbidden":
        valid = _keys_at(tuple(above), cls)
        hint = Suggestion(str(name), valid, "keys here")
        message = f"unknown key {str(name)!r}{_inside(above)}"
        return Finding(place.key(*dent.location), "unknown-key", message, hint)
    if dent.kind == "missing":
        message = f"the key {str(name)!r} is missing{_inside(above)}"
        return Finding(
            place.key(*above) if above else place, "missing-key", message, _missing_hint(str(name))
        )
    found = shown(_at(data, dent.location))
    expected = _EXPECTED.get(dent.kind, "of another type")
    message = f"{str(name)!r}{_inside(above)} must be {expected}; found {found}"
    return Finding(place.child(*dent.location), "wrong-json-type", message, _type_hint(dent.location))


def _keys_at(above: Location, cls: type) -> Sequence[str]:
    if not above:
        return _GRAPH_KEYS if cls is GraphDocument else _OVERLAY_KEYS
    return _UI_KEYS if above[-1] == "ui" else _KEYS_BELOW.get(str(above[0]), ())


def _inside(above: Sequence[str | int]) -> str:
    kind = {"nodes": "node", "inputs": "graph input"}.get(str(above[0])) if len(above) >= 2 else None
    if kind is not None:
        section = f"{str(above[2])!r} of " if len(above) > 2 else ""
        return f" in {section}{kind} {str(above[1])!r}"
    return f" in {str(above[0])!r}" if above else ""


def _missing_hint(name: str) -> str:
    return {
        "type": "every node and every graph input has a type",
        "nodes": 'a graph has "nodes": {"id": {"type": ...}}',
    }.get(name, "")


def _type_hint(location: Location) -> str:
    if len(location) >= 4 and location[0] == "nodes" and location[2] == "links":
        return 'a link is a string such as "node.output"; a literal belongs into params'
    return ""


def _at(data: Any, location: Location) -> Any:
    for part in location:
        data = data[part]
    return data


def _is_in_node(location: Location) -> bool:
    return len(location) > 2 and location[0] == "nodes"


def _without(data: Mapping[str, Any], lost: Sequence[Location]) -> dict[str, Any]:
    """A copy without the lost members; what is not on the way to one is shared."""
    copied = dict(data)
    owned: dict[Location, dict[str, Any]] = {(): copied}
    gone = set(lost)
    for location in sorted(gone, key=len):
        if not location or any(location[:depth] in gone for depth in range(1, len(location))):
            continue
        for depth in range(1, len(location)):
            above = owned[location[: depth - 1]]
            name = cast("str", location[depth - 1])
            if location[:depth] not in owned:
                owned[location[:depth]] = above[name] = dict(above[name])
        owned[location[:-1]].pop(cast("str", location[-1]), None)
    return copied


def _graph(data: Mapping[str, Any], source: SourceText) -> GraphDocument:
    return GraphDocument(
        name=data.get("name"),
        note=data.get("note"),
        seed=data.get("seed"),
        inputs={
            name: GraphInput(entry["type"], entry.get("default", ABSENT), entry.get("note"))
            for name, entry in data.get("inputs", {}).items()
        },
        nodes={name: _node(entry) for name, entry in data.get("nodes", {}).items()},
        outputs=data.get("outputs", {}),
        ui=data.get("ui"),
        folder=source.folder,
    )


def _overlay(data: Mapping[str, Any]) -> OverlayDocument:
    return OverlayDocument(
        inputs=data.get("inputs", {}),
        params=data.get("params", {}),
        nodes={name: _node(entry) for name, entry in data.get("nodes", {}).items()},
    )


def _node(entry: Mapping[str, Any]) -> NodeEntry:
    return NodeEntry(
        entry["type"], entry.get("note"), entry.get("links", {}), entry.get("params", {}), entry.get("ui")
    )


@cache
def _adapter(cls: type) -> Any:
    """A pydantic validator of the JSON object of a graph or an overlay."""
    from typing import NotRequired

    from pydantic import ConfigDict, TypeAdapter, with_config
    from typing_extensions import TypedDict

    strict = ConfigDict(extra="forbid", strict=True)

    @with_config(strict)
    class Ui(TypedDict):
        x: float
        y: float

    @with_config(strict)
    class Input(TypedDict):
        type: str
        default: NotRequired[Any]
        note: NotRequired[str]

    @with_config(strict)
    class Node(TypedDict):
        type: str
        note: NotRequired[str]
        links: NotRequired[dict[str, str]]
        params: NotRequired[dict[str, Any]]
        ui: NotRequired[Ui]

    @with_config(strict)
    class Graph(TypedDict):
        nodegraph: int
        name: NotRequired[str]
        note: NotRequired[str]
        seed: NotRequired[int]
        inputs: NotRequired[dict[str, Input]]
        nodes: dict[str, Node]
        outputs: NotRequired[dict[str, str]]
        ui: NotRequired[dict[str, Any]]

    @with_config(strict)
    class Overlay(TypedDict):
        inputs: NotRequired[dict[str, Any]]
        params: NotRequired[dict[str, dict[str, Any]]]
        nodes: NotRequired[dict[str, Node]]

    return TypeAdapter(Graph if cls is GraphDocument else Overlay)

"""The inputs of one node: which are linked, which are literals, which are missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodegraph.check.checked import Source
from nodegraph.check.links import LinkFault, Nothing, Reading, resolve
from nodegraph.check.literals import Given, default_of, settle
from nodegraph.check.scope import Expansion, Instance
from nodegraph.graph.document import ABSENT
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.place import Finding, Place
from nodegraph.node.signature import InputPort, NodeType
from nodegraph.types.ports import OneOf, Type, accepts


@dataclass(frozen=True, slots=True)
class BoundInput:
    """A linked input and the output it reads.

    Attributes:
        link: the link as it is written.
        declared: the declared type of the graph input in between, if there is one.
    """

    port: InputPort
    source: Source
    link: str
    declared: Type | None


@dataclass(slots=True)
class Inputs:
    """The inputs of a node after resolving: linked ones, literals, and whether any of them is unknown."""

    linked: dict[str, BoundInput] = field(default_factory=dict[str, BoundInput])
    params: dict[str, Any] = field(default_factory=dict[str, Any])
    is_broken: bool = False


def resolve_inputs(expansion: Expansion, instance: Instance) -> Inputs:
    """Resolve the links and literals of a node; what is wrong with them is added to the findings."""
    found = Inputs()
    findings = expansion.findings
    _check_names(instance, findings)
    for name, link in instance.entry.links.items():
        port = instance.ports.get(name)
        reading = resolve(expansion, instance.scope, link)
        if isinstance(reading, LinkFault):
            place = instance.place.child("links", name)
            message = f"input {name!r} of {instance}: {reading.message}"
            findings.append(Finding(place, reading.code, message, reading.hint))
            found.is_broken = True
        elif port is None:
            found.is_broken = True
        else:
            _bind(instance, port, link, reading, found, findings)
    for name, given in instance.params.items():
        port = instance.ports.get(name)
        if port is None or name in instance.entry.links:
            continue
        value = settle(given, port, str(instance), findings)
        if value is not ABSENT:
            found.params[name] = value
    _fill_defaults(instance, found, findings)
    return found


def _check_names(instance: Instance, findings: list[Finding]) -> None:
    links, params = instance.entry.links, instance.params
    for section, names in (("links", links), ("params", params)):
        for name in names:
            if name in instance.ports:
                continue
            place = (
                instance.params[name].place if section == "params" else instance.place.child("links", name)
            )
            message = f"{instance} has no input {name!r}"
            findings.append(Finding(place.of_key, "unknown-input", message, _unknown_hint(instance, name)))
    for name in links:
        if name in params and name in instance.ports:
            place = instance.place.key("params", name)
            message = f"input {name!r} of {instance} is given both as a link and as a param"
            findings.append(Finding(place, "link-and-param", message, "keep one of the two"))


def _unknown_hint(instance: Instance, name: str) -> str | Suggestion:
    if name == "seed" and isinstance(instance.type, NodeType):
        return "only a node type declared with seeded=True takes a seed"
    if name in ("id", "note", "ctx"):
        return f"{name!r} is a reserved name" + (': write "note" beside "type"' if name == "note" else "")
    return Suggestion(name, instance.ports, "its inputs")


def _bind(
    instance: Instance,
    port: InputPort,
    link: str,
    reading: Reading,
    found: Inputs,
    findings: list[Finding],
) -> None:
    if reading.declared is not None and not accepts(port.type, reading.declared):
        place = instance.place.child("links", port.name)
        findings.append(
            type_mismatch(instance, port, f"graph input {reading.graph_input!r}", reading.declared, place)
        )
        found.is_broken = True
        return
    match reading.target:
        case Source() as source:
            found.linked[port.name] = BoundInput(port, source, link, reading.declared)
        case Given() as given:
            value = _settle_graph_input(instance, port, reading.graph_input or "", given, findings)
            if value is not ABSENT:
                found.params[port.name] = value
        case Nothing():
            found.is_broken = found.is_broken or not port.takes_literal


def _settle_graph_input(
    instance: Instance, port: InputPort, name: str, given: Given, findings: list[Finding]
) -> Any:
    """The value of a graph input for a node; what the graph input itself refuses is reported there."""
    declared = instance.scope.definition.ports.get(name)
    value = ABSENT if declared is None else settle(given, declared, "the graph", [])
    if value is ABSENT or (isinstance(value, Path) and isinstance(port.type, OneOf)):
        # Read again for an input that takes text as well, the path would be no path any more.
        return value
    return settle(given, port, str(instance), findings)


def type_mismatch(instance: Instance, port: InputPort, source: str, offered: Type, place: Place) -> Finding:
    """That an output or graph input carries a type which the input does not take."""
    message = f"input {port.name!r} of {instance} takes {port.type}; {source} carries {offered}"
    return Finding(
        place, "type-mismatch", message, "link an output of that type, or put a node between that converts"
    )


def _fill_defaults(instance: Instance, found: Inputs, findings: list[Finding]) -> None:
    given: Mapping[str, Any] = {**instance.entry.links, **instance.params}
    for name, port in instance.ports.items():
        if port is None or name in given:
            continue
        if not port.required:
            found.params[name] = default_of(port)
            continue
        found.is_broken = found.is_broken or not port.takes_literal
        if instance.is_dented:
            continue
        message = f"{instance} lacks its input {name!r} ({port.type})"
        hint = f'link it: "links": {{"{name}": "node.output"}}'
        if port.takes_literal:
            hint += f', or give it: "params": {{"{name}": ...}}'
        findings.append(Finding(instance.place.of_key, "missing-input", message, hint))

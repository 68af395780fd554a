"""Types and levels along the links of one node, once those of all that it reads are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nodegraph.check.checked import Chain
from nodegraph.check.inputs import BoundInput, Inputs, type_mismatch
from nodegraph.check.levels import LinkLevel, call_chain, output_chain
from nodegraph.check.scope import Instance
from nodegraph.graph.place import Finding
from nodegraph.node.signature import NodeType
from nodegraph.types.ports import DictOf, ListOf, Nothing, OneOf, Type, Variable, accepts, bind, members


@dataclass(frozen=True, slots=True)
class Typed:
    """What a node gives.

    Attributes:
        output_types: the type of each output; None where that is not known because of something reported.
        chain: where it is called; None if not known.
        output_chain: the origin of its outputs; None if not known.
    """

    output_types: Mapping[str, Type | None]
    chain: Chain | None
    output_chain: Chain | None


def type_node(
    instance: Instance, type_: NodeType, inputs: Inputs, known: Mapping[str, Typed], findings: list[Finding]
) -> Typed:
    """Check the types and origins of a node's links, and find those of its outputs.

    Args:
        known: what the nodes it reads give; a node that is not there is taken as not known.
    """
    bindings, unfit = check_link_types(instance, inputs, known, findings)
    is_bound = not unfit and not inputs.is_broken
    output_types = {
        port.name: bind(port.type, bindings) if is_bound or not has_variable(port.type) else None
        for port in type_.signature.outputs
    }
    levels: list[LinkLevel] = []
    is_known = not inputs.is_broken
    for name, bound in inputs.linked.items():
        source = known.get(bound.source.node)
        if source is None or source.output_chain is None or name in unfit:
            is_known = False
        else:
            levels.append(
                LinkLevel(
                    bound.port.name,
                    bound.port.arity,
                    str(bound.source),
                    source.output_chain,
                    bound.port.levels,
                )
            )
    chain, faults = call_chain(type_.signature.kind, levels)
    for fault in faults:
        place = instance.place.child("links", fault.input)
        findings.append(Finding(place, fault.code, f"{instance}: {fault.message}", fault.hint))
    if faults or not is_known:
        return Typed(output_types, None, None)
    return Typed(output_types, chain, output_chain(type_.signature.kind, instance.id, chain))


def check_link_types(
    instance: Instance, inputs: Inputs, known: Mapping[str, Typed], findings: list[Finding]
) -> tuple[dict[str, Type], set[str]]:
    """Check that every link carries what its input takes.

    Returns:
        what the type variables stand for, and the inputs whose link does not fit or has no known type.
    """
    bindings: dict[str, Type] = {}
    unfit: set[str] = set()
    for name, bound in inputs.linked.items():
        offered = _offered(bound, known)
        place = instance.place.child("links", name)
        if offered is None:
            unfit.add(name)
        elif not accepts(bound.port.type, offered):
            findings.append(type_mismatch(instance, bound.port, bound.link, offered, place))
            unfit.add(name)
        elif (clash := _bind_variables(bound.port.type, offered, bindings)) is not None:
            message = (
                f"input {bound.port.name!r} of {instance} takes the same type as another input, "
                f"{clash}; {bound.link} carries {offered}"
            )
            findings.append(Finding(place, "type-mismatch", message, "link outputs of one type"))
            unfit.add(name)
    return bindings, unfit


def has_variable(type_: Type) -> bool:
    """Whether the type depends on what is linked."""
    match type_:
        case Variable():
            return True
        case ListOf(element) | DictOf(element):
            return has_variable(element)
        case OneOf(members):
            return any(has_variable(member) for member in members)
        case _:
            return False


def _offered(bound: BoundInput, known: Mapping[str, Typed]) -> Type | None:
    if bound.declared is not None:
        return bound.declared
    source = known.get(bound.source.node)
    return source.output_types.get(bound.source.output) if source is not None else None


def _bind_variables(port: Type, offered: Type, bindings: dict[str, Type]) -> Type | None:
    """Bind the variable that the input's type is (or is, or None) to what is offered; a clash is returned."""
    variable = next((member for member in members(port) if isinstance(member, Variable)), None)
    if variable is None:
        return None
    taken = _without_none(offered) if isinstance(port, OneOf) else offered
    before = bindings.get(variable.name)
    if before is None or accepts(taken, before):
        bindings[variable.name] = taken
        return None
    return None if accepts(before, taken) else before


def _without_none(type_: Type) -> Type:
    kept = tuple(member for member in members(type_) if not isinstance(member, Nothing))
    if len(kept) == 1:
        return kept[0]
    return OneOf(kept) if kept else type_

"""Nodes that only name models: `pure=False`, from literals, with model references as their only outputs.

Like a source, such a node is looked at anew at every run, and by `plan` too: it opens no weights, it says
which model a folder holds now. It counts as cached as long as it names what it named before.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from nodegraph.node.context import Context, FindModel
from nodegraph.node.signature import NodeType
from nodegraph.plan.identity import INPUTS_CHANGED, literal_arguments
from nodegraph.plan.keys import call_key
from nodegraph.plan.program import Program, Step
from nodegraph.store import Key, Store
from nodegraph.types.builtin import ModelRef
from nodegraph.types.ports import DictOf, ListOf, OneOf, Type, ValueOf
from nodegraph.types.wire import Digest

MODEL = ValueOf("model_ref")

ANOTHER_MODEL = "names another model"
"""Why a node that only names models counts as run."""


def carries_model(type_: Type) -> bool:
    """Whether values of a type may hold references to models."""
    if isinstance(type_, ListOf | DictOf):
        return carries_model(type_.element)
    if isinstance(type_, OneOf):
        return any(carries_model(member) for member in type_.members)
    return type_ == MODEL


def uses_models(node_type: NodeType) -> bool:
    """Whether calls of a node type need a device: they take models, or say how much memory they work in."""
    if node_type.memory is not None:
        return True
    return any(carries_model(port.type) for port in node_type.signature.inputs)


def has_models(program: Program) -> bool:
    """Whether some step of a program needs a device."""
    return any(
        uses_models(node_type) for node_type in {step.type.id: step.type for step in program.steps}.values()
    )


def names_models(node_type: NodeType) -> bool:
    """Whether a node type does nothing but name models."""
    signature = node_type.signature
    return (
        not node_type.pure
        and signature.kind == "call"
        and all(port.takes_literal for port in signature.inputs)
        and all(port.type == MODEL for port in signature.outputs)
    )


def naming_key(prefix: bytes, named: Sequence[Digest]) -> Key:
    """The key of a node's having named these models: where they lie is in no key, what they are is."""
    return call_key(prefix, list(named), None)


def named_anew(reason: str) -> str:
    """Why a node that only names models counts as run."""
    return ANOTHER_MODEL if reason == INPUTS_CHANGED else reason


def finder(store: Store) -> FindModel:
    """Finds models; their files are hashed again only where their stat has changed."""
    from nodegraph.models.find import find_model

    return partial(find_model, digest_of=store.file_digest)


def named_models(step: Step, store: Store) -> tuple[ModelRef, ...]:
    """What a node that names models names now; raises whatever it raises."""
    return models_named(step, finder(store))


def models_named(step: Step, find: FindModel) -> tuple[ModelRef, ...]:
    """What a node that names models names if they are found so; raises whatever it raises."""
    arguments = literal_arguments(step)
    if step.type.signature.wants_context:
        arguments["ctx"] = Context.for_test(find_model=find)
    result: Any = step.type.function(**arguments)
    return tuple(result) if step.type.signature.output_class is not None else (result,)

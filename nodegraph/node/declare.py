"""`@node`: declares a node type from a function and its signature."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nodegraph.node.annotations import read_signature
from nodegraph.node.registry import register
from nodegraph.node.signature import NodeType, Signature
from nodegraph.types.values import TYPE_ID, DeclarationError

F = TypeVar("F", bound=Callable[..., Any])

_ATTRIBUTE = "__nodegraph_type__"
_ESTIMATE_PARAMETERS = ("batch", "held")


def node(
    type_id: str,
    *,
    version: int | str | None = None,
    seeded: bool = False,
    pure: bool = True,
    concurrent: bool = True,
    keep: bool = True,
    memory: Callable[..., int] | None = None,
    aliases: Sequence[str] = (),
) -> Callable[[F], F]:
    """Declare a function as a node type. The function stays an ordinary function.

    Args:
        type_id: lower-case identifiers joined by dots, such as `"video.svd"`.
        version: owned by the author: raise it when behaviour changes. Without it the engine hashes the
            code that the function uses.
        seeded: whether the node draws random numbers; gives it `ctx.seed` and an optional input `seed`.
        pure: False for a node that must run every time, such as one that lists a folder.
        concurrent: False forbids two calls of the function at the same time.
        keep: False stores no bytes of its results, for what is cheaper to make than to keep.
        memory: tells, before anything was measured, how many bytes (an int) a call works in beside the
            weights of its models: a function of inputs of the node, which it names, of `batch`, how many
            items share the call, and of `held`, the mode in which its models are held ("resident", "swap",
            "chunked" or "offload"); without `batch` it tells the bytes of one item. Of a `Batch` input it
            gets one item. The plan knows the values that the graph file gives, and defaults; a parameter for
            an input that is linked needs a default, such as None, or the estimate counts only once that
            input is there. With `memory`, a node needs a device even without models.
        aliases: former type ids, so that old graphs keep working.

    Raises:
        DeclarationError: if the id or the signature is not acceptable, `memory` takes what is no input, or
            there is neither version nor source; says what to change.
    """
    for name in (type_id, *aliases):
        if not TYPE_ID.fullmatch(name):
            raise DeclarationError(
                f"node type id {name!r} must be lower-case identifiers joined by dots, such as 'video.svd'"
            )
    local_names = sys._getframe(1).f_locals  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]

    def declare(function: F) -> F:
        if version is None:
            from nodegraph.node.code import require_source

            require_source(function)
        signature = read_signature(function, type_id, pure=pure, seeded=seeded, local_names=local_names)
        if memory is not None:
            _refuse_unfit_estimate(memory, type_id, signature)
        declared = NodeType(
            id=type_id,
            version=version,
            function=function,
            seeded=seeded,
            pure=pure,
            concurrent=concurrent,
            keep=keep,
            memory=memory,
            aliases=tuple(aliases),
            signature=signature,
        )
        setattr(function, _ATTRIBUTE, declared)
        register(declared)
        return function

    return declare


def node_type_of(function: Callable[..., Any]) -> NodeType:
    """The node type that a function was declared as.

    Raises:
        DeclarationError: if the function carries no `@node`.
    """
    declared = getattr(function, _ATTRIBUTE, None)
    if declared is None:
        name = getattr(function, "__qualname__", repr(function))
        raise DeclarationError(f'{name} is not a node: declare it with @node("type.id")')
    return declared


def _refuse_unfit_estimate(memory: Callable[..., int], type_id: str, signature: Signature) -> None:
    """Require that an estimate takes, by name, nothing but inputs, `batch` and `held`."""
    try:
        parameters = inspect.signature(memory).parameters.values()
    except (TypeError, ValueError):
        raise DeclarationError(
            f"node {type_id!r}: memory= takes a function that gives bytes, not {memory!r}"
        ) from None
    for parameter in parameters:
        by_name = parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        if not by_name or parameter.name not in (*_ESTIMATE_PARAMETERS, *signature.ports):
            inputs = ", ".join(port.name for port in signature.inputs) or "none"
            raise DeclarationError(
                f"node {type_id!r}: the function of memory= cannot take '{parameter}': "
                f"its parameters are named after inputs of the node ({inputs}), or batch or held"
            )

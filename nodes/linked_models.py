"""Models that come over a link: of the kind that a node works with, or refused before they are loaded."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from nodegraph import Context, ModelRef
from nodegraph.models import ModelError


def use_linked(ctx: Context, model: ModelRef, kind: str, *, named_by: str) -> AbstractContextManager[Any]:
    """A model, loaded on the device of the call, for a `with` statement.

    Args:
        kind: as declared by `@model`.
        named_by: the node type that names such models, for the error.

    Raises:
        ModelError: if it is of another kind, or cannot be loaded.
    """
    if model.kind != kind:
        raise ModelError(f"the linked model is of the kind {model.kind}, no {kind}; link {named_by}")
    return ctx.use(model)

"""A detector for a node: one that the graph names, or one that the graph has trained."""

from __future__ import annotations

from contextlib import AbstractContextManager

from nodegraph import Artifact, Context, ModelRef
from nodegraph.models import ModelError
from nodes.detector.model import KIND, Detector


def detector_ref(ctx: Context, model: ModelRef | Artifact) -> ModelRef:
    """The reference to a detector; that of a trained one (`train.detector`) is made from its files.

    Raises:
        ModelError: if the model is of another kind, or the artifact holds no checkpoint.
    """
    if isinstance(model, Artifact):
        if model.folder is None:
            raise ModelError("the artifact of the detector has no folder; link the output of train.detector")
        return ctx.find_model(KIND, model.folder)
    if model.kind != KIND:
        raise ModelError(
            f"the linked model is of the kind {model.kind}, no {KIND}; link load.detector or train.detector"
        )
    return model


def use_detector(ctx: Context, model: ModelRef | Artifact) -> AbstractContextManager[Detector]:
    """A detector, loaded on the device of the call, for a `with` statement.

    Raises:
        ModelError: if it is no detector, or cannot be loaded; says what is wrong.
    """
    return ctx.use(detector_ref(ctx, model))

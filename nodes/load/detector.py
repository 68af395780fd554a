"""`load.detector`: names an object detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nodegraph import Context, ModelRef, Param, node
from nodes.detector.model import KIND
from nodes.load.model_params import Dtype, Revision, Variant


@node("load.detector", version=1, pure=False)
def load_detector(
    model: Annotated[
        str | Path, Param(help="hub id such as PekingU/rtdetr_r18vd, or folder in transformers layout")
    ] = "PekingU/rtdetr_r18vd",
    *,
    revision: Revision = "",
    dtype: Dtype = "float32",
    variant: Variant = "",
    ctx: Context,
) -> ModelRef:
    """Name an object detector: RT-DETR, D-FINE, DETR, YOLOS and others that transformers knows.

    A folder in the layout of transformers, or the id of one that the hub's cache has. Nothing is loaded, and
    nothing is fetched; the files are looked at, and hashed once.

    Raises:
        ModelError: if the model is not on this machine, or files of it are missing, truncated or damaged;
            says what to fetch.
    """
    return ctx.find_model(KIND, model, revision=revision, dtype=dtype, variant=variant)

"""`load.detector`: names an object detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Context, ModelRef, Param, node
from nodes.detector.checkpoint import KIND


@node("load.detector", version=1, pure=False)
def load_detector(
    model: Annotated[
        str | Path, Param(help="hub id such as PekingU/rtdetr_r18vd, or folder in transformers layout")
    ] = "PekingU/rtdetr_r18vd",
    *,
    revision: Annotated[str, Param(help="of a hub id: branch, tag or commit; empty = newest here")] = "",
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], Param(help="of the weights while detecting")
    ] = "float32",
    variant: Annotated[str, Param(help="of the weight files, such as fp16; empty = the plain ones")] = "",
    ctx: Context,
) -> ModelRef:
    """Name an object detector: RT-DETR, D-FINE, DETR, YOLOS and others that transformers knows.

    Nothing is loaded; the files are looked at, and hashed once.

    Raises:
        ModelError: if the model is not on this machine, or files of it are missing or damaged; says what to
            fetch.
    """
    return ctx.find_model(KIND, model, revision=revision, dtype=dtype, variant=variant)

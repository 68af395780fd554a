"""`tiny.model`: names a tiny pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Context, ModelRef, Param, node

Dtype = Literal["float32", "bfloat16"]


@node("tiny.model", version=1, pure=False)
def tiny_model(
    folder: Annotated[Path, Param(help="of a tiny pipeline; `python -m nodes.tiny.make FOLDER` makes one")],
    *,
    dtype: Annotated[Dtype, Param(help="of the weights and activations")] = "float32",
    ctx: Context,
) -> ModelRef:
    """Name a tiny pipeline with random weights: for tests and demos of models and memory, not for quality.

    Nothing is loaded; the files are looked at, and hashed once.

    Raises:
        ModelError: if the folder is not there, or files of it are missing, truncated or damaged.
    """
    return ctx.find_model("tiny.pipeline", folder, dtype=dtype)

"""`load.depth`: names a network that estimates depth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nodegraph import Context, ModelRef, Param, node
from nodes.depth.estimator import KIND
from nodes.load.model_params import Dtype, Revision, Variant


@node("load.depth", version=1, pure=False)
def load_depth(
    model: Annotated[
        str | Path,
        Param(help="hub id, such as depth-anything/Depth-Anything-V2-Small-hf, or folder"),
    ],
    *,
    revision: Revision = "",
    dtype: Dtype = "float32",
    variant: Variant = "",
    ctx: Context,
) -> ModelRef:
    """Name a depth network: Depth Anything V1 or V2, relative or metric, DPT, MiDaS or GLPN.

    Nothing is loaded, and nothing is fetched; the files are looked at, and hashed once.

    Raises:
        ModelError: if the model is not on this machine, or files of it are missing, truncated or damaged;
            says what to fetch.
    """
    return ctx.find_model(KIND, model, revision=revision, dtype=dtype, variant=variant)

"""`load.inpaint`: names an inpainting pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nodegraph import Context, ModelRef, Param, node
from nodes.inpaint.pipeline import KIND
from nodes.load.model_params import Dtype, PipelineClass, Revision, Variant


@node("load.inpaint", version=1, pure=False)
def load_inpaint(
    model: Annotated[
        str | Path,
        Param(help="hub id, such as stable-diffusion-v1-5/stable-diffusion-inpainting, or folder"),
    ],
    *,
    pipeline_class: PipelineClass = "",
    revision: Revision = "",
    dtype: Dtype = "float32",
    variant: Variant = "",
    ctx: Context,
) -> ModelRef:
    """Name an inpainting pipeline in the layout of diffusers.

    Any pipeline of diffusers works whose call takes `prompt`, `image` and `mask_image`. Nothing is loaded,
    and nothing is fetched; the files are looked at, and hashed once. What `doctor` tells to fetch of the
    published ones is the variant fp16.

    Raises:
        ModelError: if the model is not on this machine, or files of it are missing, truncated or damaged;
            says what to fetch.
    """
    return ctx.find_model(KIND, model, revision=revision, dtype=dtype, variant=variant, config=pipeline_class)

"""`load.svd`: names a Stable Video Diffusion model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nodegraph import Context, ModelRef, Param, model, node
from nodegraph.models import Mode, ModelError, Published
from nodes.diffusion.pipeline import HeldPipeline, load_pipeline
from nodes.load.model_params import Dtype, Revision, Variant
from nodes.stored_models import pipeline_index

KIND = "diffusers.svd"

_LICENCE = "Stability AI's non-commercial community licence, to be accepted on the model's page"
_FILES = ("*.json", "*.fp16.safetensors")
_FP16_BYTES = 4_500_000_000
_CLASS = "StableVideoDiffusionPipeline"


def require_svd(path: Path, config: str) -> None:
    """Refuse what is no Stable Video Diffusion pipeline, by its `model_index.json`.

    Raises:
        ModelError: if it is another model; says which.
    """
    del config
    found = pipeline_index(path, what="a Stable Video Diffusion model").get("_class_name")
    if found != _CLASS:
        raise ModelError(f"{path}: it is a {found}, not a {_CLASS}; name another model")


@model(
    KIND,
    modes=("resident", "swap", "chunked", "offload"),
    published=tuple(
        Published(f"stabilityai/{name}", _FP16_BYTES, _LICENCE, include=_FILES)
        for name in (
            "stable-video-diffusion-img2vid",
            "stable-video-diffusion-img2vid-xt",
            "stable-video-diffusion-img2vid-xt-1-1",
        )
    ),
    check=require_svd,
)
def load_svd_pipeline(ref: ModelRef, folder: Path, device: str, mode: Mode) -> HeldPipeline:
    """Load a Stable Video Diffusion pipeline.

    Raises:
        ModelError: if the folder holds another pipeline, or files of it are missing or damaged.
    """
    return load_pipeline(ref, folder, device, mode, only=_CLASS)


@node("load.svd", version=1, pure=False)
def load_svd(
    model: Annotated[
        str | Path,
        Param(help="hub id, such as stabilityai/stable-video-diffusion-img2vid-xt, or folder"),
    ],
    *,
    revision: Revision = "",
    dtype: Dtype = "float32",
    variant: Variant = "",
    ctx: Context,
) -> ModelRef:
    """Name a Stable Video Diffusion model, which makes a clip of a photo: 14 frames, or 25 ("xt").

    A folder in the layout of diffusers, or the id of one that the hub's cache has. Nothing is loaded, and
    nothing is fetched; the files are looked at, and hashed once. float16 halves the memory, bfloat16 too
    where the device computes in it. What `doctor` tells to fetch of the published ones is the variant fp16.

    Raises:
        ModelError: if the model is not on this machine, or files of it are missing, truncated or damaged;
            says what to fetch.
    """
    return ctx.find_model(KIND, model, revision=revision, dtype=dtype, variant=variant)

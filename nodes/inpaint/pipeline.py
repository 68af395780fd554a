"""`diffusers.inpaint`: inpainting pipelines of diffusers."""

from __future__ import annotations

import inspect
from pathlib import Path

from nodegraph import ModelRef, model
from nodegraph.models import Mode, ModelError, Published
from nodes.diffusion.pipeline import HeldPipeline, load_pipeline
from nodes.stored_models import pipeline_index

KIND = "diffusers.inpaint"

_NEEDED = ("prompt", "image", "mask_image", "generator")

_HALF = ("*.json", "*.txt", "*.fp16.safetensors")
"""Files of the variant fp16."""

_PUBLISHED = (
    Published(
        "stable-diffusion-v1-5/stable-diffusion-inpainting",
        2_750_000_000,
        "CreativeML OpenRAIL-M, with restrictions of use",
        _HALF,
    ),
    Published(
        "diffusers/stable-diffusion-xl-1.0-inpainting-0.1",
        6_950_000_000,
        "CreativeML OpenRAIL++-M, with restrictions of use",
        _HALF,
    ),
)


def require_inpainter(path: Path, config: str) -> None:
    """Refuse what cannot be an inpainting pipeline, by its `model_index.json`: what takes no prompt.

    Raises:
        ModelError: if it is another model; says which.
    """
    del config
    index = pipeline_index(path, what="an inpainting pipeline")
    if not any("text_encoder" in name for name in index):
        raise ModelError(
            f"{path}: a {index.get('_class_name')} is no inpainting pipeline, it has no text encoder and "
            "takes no prompt; name another model"
        )


@model(
    KIND,
    modes=("resident", "swap", "chunked", "offload"),
    published=_PUBLISHED,
    check=require_inpainter,
)
def load_inpainter(ref: ModelRef, folder: Path, device: str, mode: Mode) -> HeldPipeline:
    """Load an inpainting pipeline of diffusers from a folder; `ref.config` names its class where that is set.

    Raises:
        ModelError: if it is a pipeline of another kind, or files of it are missing or damaged; says which.
    """
    held = load_pipeline(ref, folder, device, mode, class_name=ref.config)
    taken = inspect.signature(held.type.__call__).parameters
    if lacking := [name for name in _NEEDED if name not in taken]:
        raise ModelError(
            f"{folder}: a {held.type.__name__} is no inpainting pipeline, it takes no {', '.join(lacking)}; "
            "give pipeline_class, such as StableDiffusionInpaintPipeline, or name another model"
        )
    return held

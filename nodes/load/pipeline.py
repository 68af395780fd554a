"""`load.pipeline`: names any image-to-video pipeline of diffusers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from nodegraph import Context, ModelRef, Param, model, node
from nodegraph.models import PIPELINE, Mode, ModelError
from nodes.diffusion.pipeline import HeldPipeline, load_pipeline
from nodes.load.model_params import Dtype, PipelineClass, Revision, Variant
from nodes.stored_models import pipeline_index

KIND = "diffusers.pipeline"


def require_pipeline(path: Path, config: str) -> None:
    """Refuse what is no pipeline of diffusers, by its `model_index.json`.

    Raises:
        ModelError: if there is none, or it names no class.
    """
    del config
    found = pipeline_index(path, what="a pipeline of diffusers").get("_class_name")
    if not isinstance(found, str):
        raise ModelError(
            f"{path / PIPELINE}: its _class_name is {found!r}, and the name of a class of diffusers is "
            "expected; name another model"
        )


@model(KIND, modes=("resident", "swap", "chunked", "offload"), check=require_pipeline)
def load_any_pipeline(ref: ModelRef, folder: Path, device: str, mode: Mode) -> HeldPipeline:
    """Load a pipeline of diffusers; `ref.config` names its class where that of the folder is not meant.

    Raises:
        ModelError: if there is no such class, or files of it are missing or damaged.
    """
    return load_pipeline(ref, folder, device, mode, class_name=ref.config)


@node("load.pipeline", version=1, pure=False)
def load_video_pipeline(
    model: Annotated[
        str | Path, Param(help="hub id, such as Wan-AI/Wan2.1-I2V-14B-480P-Diffusers, or folder")
    ],
    *,
    pipeline_class: PipelineClass = "",
    revision: Revision = "",
    dtype: Dtype = "float32",
    variant: Variant = "",
    ctx: Context,
) -> ModelRef:
    """Name a pipeline of diffusers that makes clips of photos: Wan, CogVideoX, LTX, HunyuanVideo and so on.

    A folder in the layout of diffusers, or the id of one that the hub's cache has. Nothing is loaded, and
    nothing is fetched; the files are looked at, and hashed once. Classes are looked up in diffusers and
    transformers by name: code that comes with a model is never run. Some pipelines need a library more, and
    say so when they are run, such as those of Cosmos: cosmos_guardrail.

    Raises:
        ModelError: if the model is not on this machine, is no pipeline, or files of it are missing, truncated
            or damaged; says what to fetch.
    """
    return ctx.find_model(KIND, model, revision=revision, dtype=dtype, variant=variant, config=pipeline_class)

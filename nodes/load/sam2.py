"""`load.sam2`: names a SAM 2 model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from nodegraph import Context, ModelRef, Param, node
from nodegraph.models import ModelError
from nodes.load.model_params import Revision
from nodes.track.sam2_config import OFFICIAL, config_to_json, packaged_name, read_config


@node("load.sam2", version=1, pure=False)
def load_sam2(
    model: Annotated[
        str | Path,
        Param(help="official checkpoint file, folder with a .pt or safetensors file and its YAML, or hub id"),
    ],
    config: Annotated[
        str | Path,
        Param(help="YAML file, or one of the sam2 library; empty: that of the folder or the official name"),
    ] = "",
    *,
    revision: Revision = "",
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        Param(help="to compute in; on a GPU the authors use bfloat16"),
    ] = "float32",
    ctx: Context,
) -> ModelRef:
    """Name a Segment Anything 2 model for clips, such as `facebook/sam2.1-hiera-tiny`.

    Nothing is loaded; the files are looked at, and hashed once. Of a folder that holds weights for
    transformers too, the `.pt` file is taken. A YAML file may name nothing but the parts of SAM 2; it travels
    with the model, so that the file can be changed or moved later.

    Raises:
        ModelError: if the model is not there, or files of it are missing, truncated or damaged; if no
            configuration is given and none can be told from the names; if a configuration is refused.
    """
    checkpoint = _checkpoint(model)
    return ctx.find_model(
        "sam2.video",
        checkpoint,
        revision=revision,
        dtype=dtype,
        config=_configuration(config, checkpoint),
    )


def _checkpoint(model: str | Path) -> str | Path:
    """The one checkpoint of the `sam2` library in a folder, or what was given."""
    folder = os.path.expanduser(model)  # noqa: PTH111 (as below)
    if not str(model) or not os.path.isdir(folder):  # noqa: PTH112 (no error for names that no file can have)
        return model
    pickles = sorted(Path(folder).glob("*.pt"))
    others = sorted(Path(folder).glob("*.safetensors"))
    return pickles[0] if len(pickles) == 1 and others else model


def _configuration(config: str | Path, checkpoint: str | Path) -> str:
    """What says how a model is built: JSON, or a packaged file's name; "" if that is still to be found."""
    if str(config):
        return _chosen(config)
    path = Path(os.path.expanduser(checkpoint))  # noqa: PTH111 (as above)
    is_file = os.path.isfile(path)  # noqa: PTH113 (as above)
    if not str(checkpoint) or not (is_file or os.path.isdir(path)):  # noqa: PTH112 (as above)
        return ""
    if is_file and (name := packaged_name(path.name)):
        return name
    beside = sorted((path.parent if is_file else path).glob("*.yaml"))
    if len(beside) == 1:
        return config_to_json(read_config(beside[0]))
    if not is_file:
        return ""
    raise ModelError(
        f"{path}: its name is that of no official checkpoint, and there is no single YAML file beside it; "
        f"give the config it was trained with: a YAML file, or {', '.join(OFFICIAL.values())}"
    )


def _chosen(config: str | Path) -> str:
    path = Path(config).expanduser()
    if os.path.isfile(path):  # noqa: PTH113 (as above)
        return config_to_json(read_config(path))
    name = packaged_name(str(config))
    if name is None:
        raise ModelError(
            f"config {config}: there is no such file, nor does sam2 have one of this name; it has "
            f"{', '.join(OFFICIAL.values())}"
        )
    return name

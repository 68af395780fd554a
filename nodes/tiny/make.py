"""Makes tiny pipelines: `python -m nodes.tiny.make FOLDER [--width 256] [--depth 4] [--seed 0]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from nodes.tiny.files import COMPONENTS, CONFIGURATION, WEIGHTS, WIDTH_STEP, layer_name
from nodes.tiny.model import Dtype

_CLASSES = {"encoder": "TinyEncoder", "denoiser": "TinyDenoiser", "decoder": "TinyDecoder"}


def make_tiny_pipeline(
    folder: Path, *, width: int = 256, depth: int = 4, seed: int = 0, dtype: Dtype = "float32"
) -> None:
    """Write a tiny pipeline with random weights, the same for the same arguments.

    It has the layout of diffusers: `model_index.json`, and for each of the components encoder, denoiser and
    decoder a folder with `config.json` and `model.safetensors`. Weights take `3 × depth × width²` numbers:
    3.1 MB by default, 201 MB at width 2048 and depth 4. Random weights prove plumbing, not quality.

    Args:
        folder: is made where it is missing; files of these names are replaced.
        width: a multiple of 32; a layer is a matrix `[width, width]`.
        depth: layers of a component, 1 or more.
        seed: of the weights.
        dtype: in which they are stored.

    Raises:
        ValueError: if the width, the depth or the seed is out of bounds.
    """
    if width < WIDTH_STEP or width % WIDTH_STEP or depth < 1 or seed < 0:
        raise ValueError(
            f"width must be a multiple of {WIDTH_STEP}, depth 1 or more and seed 0 or more; "
            f"not {width}, {depth} and {seed}"
        )
    folder.mkdir(parents=True, exist_ok=True)
    index = {"_class_name": "TinyPipeline"} | {name: ["nodes.tiny", _CLASSES[name]] for name in COMPONENTS}
    _write_json(folder / "model_index.json", index)
    for place, name in enumerate(COMPONENTS):
        (folder / name).mkdir(exist_ok=True)
        _write_json(
            folder / name / CONFIGURATION, {"_class_name": _CLASSES[name], "width": width, "depth": depth}
        )
        _write_weights(folder / name / WEIGHTS, width, depth, (seed, place), dtype)


def _write_weights(file: Path, width: int, depth: int, seed: Sequence[int], dtype: Dtype) -> None:
    """Matrices of variance `1 / width`, so that numbers keep their size from layer to layer."""
    import numpy as np
    import torch
    from safetensors.torch import save_file

    rng = np.random.default_rng(seed)
    bound = np.float32((3 / width) ** 0.5)
    layers: dict[str, torch.Tensor] = {}
    for index in range(depth):
        weights = rng.random((width, width), dtype=np.float32)
        weights *= 2 * bound
        weights -= bound
        layers[layer_name(index)] = torch.from_numpy(weights).to(getattr(torch, dtype))
    save_file(layers, file, metadata={"format": "pt"})


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nodes.tiny.make", description="Make a tiny pipeline with random weights."
    )
    parser.add_argument("folder", type=Path, help="is made where it is missing")
    parser.add_argument("--width", type=int, default=256, help="a multiple of 32; default 256")
    parser.add_argument("--depth", type=int, default=4, help="layers of each of 3 components; default 4")
    parser.add_argument("--seed", type=int, default=0, help="of the weights; default 0")
    parser.add_argument("--dtype", choices=get_args(Dtype), default="float32", help="of the stored weights")
    given = parser.parse_args(arguments)
    if missing := [name for name in ("torch", "safetensors") if find_spec(name) is None]:
        parser.error(f"{' and '.join(missing)} not installed: pip install 'nodegraph[models]'")
    try:
        make_tiny_pipeline(
            given.folder, width=given.width, depth=given.depth, seed=given.seed, dtype=given.dtype
        )
    except (ValueError, OSError) as error:
        parser.error(str(error))
    weights = sum((given.folder / name / WEIGHTS).stat().st_size for name in COMPONENTS)
    sys.stdout.write(f"{given.folder}: a tiny pipeline with {weights / 1e6:.1f} MB of random weights\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

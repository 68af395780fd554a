"""`python -m nodes.tiny.checkpoints DIR`: a small random checkpoint of every kind of model, in its layout."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from nodegraph.models import ModelError
from nodes.tiny.cogvideox import make_tiny_cogvideox
from nodes.tiny.controlnet import make_tiny_controlnet
from nodes.tiny.depth import make_tiny_depth
from nodes.tiny.detector import make_tiny_detector
from nodes.tiny.hed import make_tiny_hed
from nodes.tiny.hunyuan_video import make_tiny_hunyuan_video
from nodes.tiny.inpaint import make_tiny_inpaint
from nodes.tiny.ltx import make_tiny_ltx
from nodes.tiny.sam2 import make_tiny_sam2
from nodes.tiny.svd import make_tiny_svd
from nodes.tiny.wan import make_tiny_wan

CLASSES = ("person", "motorcycle", "bench", "cat", "cup", "spoon")
"""What the tiny detector is said to know: classes of COCO that the example photos show."""

CHECKPOINTS: Mapping[str, Callable[..., None]] = {
    "svd": make_tiny_svd,
    "wan": make_tiny_wan,
    "cogvideox": make_tiny_cogvideox,
    "hunyuan_video": make_tiny_hunyuan_video,
    "ltx": make_tiny_ltx,
    "sam2": make_tiny_sam2,
    "depth": make_tiny_depth,
    "inpaint": make_tiny_inpaint,
    "controlnet": make_tiny_controlnet,
    "hed": make_tiny_hed,
    "detector": partial(make_tiny_detector, classes=CLASSES),
}
"""What makes each of them: takes the folder, and `seed=`."""


def make_tiny_checkpoints(folder: Path, names: Sequence[str] = (), *, seed: int = 0) -> None:
    """Write tiny checkpoints with random weights, each into a folder of its name below `folder`.

    They have the layouts that published models have: Stable Video Diffusion, Wan, CogVideoX, HunyuanVideo,
    LTX, SAM 2, Depth Anything, Stable Diffusion inpainting, ControlNet, HED, RT-DETR. Random weights prove
    plumbing, not quality.

    Args:
        folder: is made where it is missing; files of the same names are replaced.
        names: which, of `CHECKPOINTS`; () for all, 43 MB.
        seed: of the weights.

    Raises:
        ValueError: if a name is none of them.
        ModelError: if a library is missing.
    """
    if unknown := [name for name in names if name not in CHECKPOINTS]:
        raise ValueError(f"there is no checkpoint {unknown[0]!r}; there are {', '.join(CHECKPOINTS)}")
    for name in names or CHECKPOINTS:
        CHECKPOINTS[name](folder / name, seed=seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; gives its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m nodes.tiny.checkpoints",
        description="Make small checkpoints with random weights, in the layouts of published models.",
    )
    parser.add_argument("folder", type=Path, help="is made where it is missing")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(CHECKPOINTS)}; default all")
    parser.add_argument("--seed", type=int, default=0, help="of the weights; default 0")
    given = parser.parse_args(arguments)
    try:
        make_tiny_checkpoints(given.folder, given.names, seed=given.seed)
    except (ValueError, OSError, ModelError) as error:
        parser.error(str(error))
    for name in given.names or CHECKPOINTS:
        files = [file for file in (given.folder / name).rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        sys.stdout.write(f"{given.folder / name}: {size / 1e6:.1f} MB of random weights\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

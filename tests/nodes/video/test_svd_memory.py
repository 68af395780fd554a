"""`video.svd` in less and less memory: the plan picks leaner modes, and frames stay what they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodegraph import Item, Stream, node
from nodegraph.events import CallPlaced
from nodes.tiny.svd import make_tiny_svd
from nodes.types import Image
from nodes.video.svd import svd_bytes
from tests.placement.conftest import Bench, Spec

# diffusers gives its schedulers' tensors to NumPy by a protocol that NumPy 2 has changed.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")

SIZE = {"width": 64, "height": 64, "num_frames": 6, "decode_chunk_size": 1}
WORKING = svd_bytes(1, **SIZE)
CHUNKED = svd_bytes(1, **SIZE, held="chunked")
WHOLE, UNET = 4_300_000, 2_520_000
"""Bytes of the tiny pipeline's weights, and of its largest part."""


@node("test.svd_memory_photos", version=1)
def photos(*, count: int) -> Stream[Image]:
    """Photos of noise."""
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (64, 64, 3), np.uint8)
        yield Item(f"p{index}", Image(pixels))


def test_smaller_budgets_give_leaner_modes_and_the_same_frames(tmp_path: Path) -> None:
    make_tiny_svd(tmp_path / "svd")
    nodes: dict[str, Spec] = {
        "photos": ("test.svd_memory_photos", {}, {"count": 1}),
        "svd": ("load.svd", {}, {"model": str(tmp_path / "svd")}),
        "clip": ("video.svd", {"image": "photos", "model": "svd"}, {**SIZE, "num_inference_steps": 2}),
    }
    budgets = {
        "resident": WORKING + WHOLE,
        "swap": WORKING + UNET,
        "chunked": CHUNKED + UNET,
        "offload": CHUNKED + UNET // 2,
    }
    frames: dict[str, np.ndarray] = {}
    for mode, budget in budgets.items():
        ran = Bench(tmp_path, guard_s=300).run(
            nodes, {"clip": "clip.out"}, devices=f"cpu={budget / (1 << 20):.3f}MiB", store=mode
        )
        assert ran.run.ok, ran.run.errors
        assert [call.mode for call in ran.of(CallPlaced)] == [mode]
        ((item,),) = (tuple(ran.run.items("clip")),)
        frames[mode] = item.value.frames
    assert np.array_equal(frames["swap"], frames["resident"])
    for mode in ("chunked", "offload"):
        assert np.abs(frames[mode].astype(int) - frames["resident"]).max() <= 1

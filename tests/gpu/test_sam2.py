"""`track.sam2` on a GPU: frames a second and peak memory by the number of objects, printed; full-size models.

Weights are random, of the official configurations tiny and large: speed and memory, not quality.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodegraph import Context, ModelRef
from nodegraph.models.loading import load_model, model_sizes, to_host
from nodes.libraries import library
from nodes.load.sam2 import load_sam2
from nodes.track.sam2 import sam2_bytes, track_sam2
from nodes.track.sam2_config import OFFICIAL, read_config
from nodes.track.sam2_model import build_predictor
from nodes.types import Boxes, Categories, Video

pytestmark = pytest.mark.filterwarnings("ignore")  # those of torch's attention kernels

DEVICE = "cuda:0"
FRAMES, SIZE = 14, (1024, 576)


@pytest.fixture(scope="module", params=["sam2.1_hiera_tiny", "sam2.1_hiera_large"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(request.param, tmp_path_factory.mktemp("sam2"))


def made(name: str, folder: Path) -> Path:
    torch = library("torch")
    config = OFFICIAL[name]
    predictor = build_predictor(read_config(Path(library("sam2").__file__).parent / config), config)
    torch.save({"model": predictor.state_dict()}, folder / f"{name}.pt")
    return folder / f"{name}.pt"


def clip() -> Video:
    frames = np.random.default_rng(0).integers(0, 256, (FRAMES, SIZE[1], SIZE[0], 3), np.uint8)
    return Video(frames, 7.0)


def objects(count: int) -> Boxes:
    corners = np.random.default_rng(1).uniform(0, 400, (count, 2))
    return Boxes(
        np.hstack([corners, corners + 120]).astype(np.float32),
        np.zeros(count, np.int64),
        np.ones(count, np.float32),
        Categories.of("object"),
    )


def context(predictor: Any) -> Context:
    """A context in which the model is loaded already."""

    @contextmanager
    def use(ref: ModelRef) -> Generator[Any]:
        yield predictor

    return Context(
        device=DEVICE,
        workdir=Path,
        new_folder=Path,
        progress=lambda done, total: None,
        cancelled=lambda: False,
        use=use,
    )


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("count", "batch"), [(1, 1), (8, 1), (8, 8), (64, 8), (64, 32), (300, 32)])
def test_frames_a_second_and_memory_within_the_estimate(
    checkpoint: Path, dtype: Any, count: int, batch: int, capsys: pytest.CaptureFixture[str]
):
    torch = library("torch")
    ref = load_sam2(checkpoint, dtype=dtype, ctx=Context.for_test())
    predictor = load_model(ref, DEVICE, "resident")
    ctx, boxes = context(predictor), objects(count)
    track_sam2(Video(clip().frames[:2], 7.0), boxes, ref, objects_per_batch=batch, ctx=ctx)
    before = torch.cuda.memory_allocated(DEVICE)
    torch.cuda.reset_peak_memory_stats(DEVICE)
    began = time.perf_counter()
    track_sam2(clip(), boxes, ref, objects_per_batch=batch, ctx=ctx)
    seconds = time.perf_counter() - began
    peak = torch.cuda.max_memory_allocated(DEVICE) - before
    estimate = sam2_bytes(ref, boxes, batch)
    with capsys.disabled():
        print(
            f"\n{checkpoint.stem} {dtype}: {count} objects by {batch}: {FRAMES / seconds:.1f} frames/s, "
            f"{count * FRAMES / seconds:.0f} masks/s, working memory {peak / 2**20:.0f} MiB "
            f"(estimated {estimate / 2**20:.0f} MiB)"
        )
    assert peak <= estimate


def test_bfloat16_draws_nearly_the_masks_of_float32(tmp_path: Path):
    checkpoint = made("sam2.1_hiera_tiny", tmp_path)
    found = []
    for dtype in ("float32", "bfloat16"):
        ref = load_sam2(checkpoint, dtype=dtype, ctx=Context.for_test())
        ctx = context(load_model(ref, DEVICE, "resident"))
        found.append(track_sam2(Video(clip().frames[:3], 7.0), objects(4), ref, ctx=ctx).masks.masks)
    assert (found[0] == found[1]).mean() > 0.95


def test_predictor_that_leaves_the_device_leaves_nothing_there(tmp_path: Path):
    torch = library("torch")
    ref = load_sam2(made("sam2.1_hiera_tiny", tmp_path), ctx=Context.for_test())
    torch.ones(1, device=DEVICE)
    before = torch.cuda.memory_allocated(DEVICE)
    predictor = load_model(ref, DEVICE, "resident")
    held = torch.cuda.memory_allocated(DEVICE) - before
    assert held <= model_sizes(ref)["resident"] * 1.1
    track_sam2(Video(clip().frames[:2], 7.0), objects(2), ref, ctx=context(predictor))
    to_host(ref, predictor)
    workspace = 96 << 20  # what cuBLAS and cuDNN take of torch's memory for themselves
    assert torch.cuda.memory_allocated(DEVICE) - before <= workspace

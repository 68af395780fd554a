"""Stable Video Diffusion in full size with random weights: seconds a clip and peak memory for each mode.

Printed for docs/measurements.md, beside the plain pipeline of diffusers. The device must do nothing else
meanwhile. Weights are random, so frames are noise, and some may not be numbers in float16.
"""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nodegraph import Context
from nodegraph.events import CallPlaced
from nodegraph.models import Mode
from nodegraph.models.loading import load_model, model_sizes
from nodes.libraries import library
from nodes.load.svd import load_svd
from nodes.types import Image
from nodes.video.svd import svd_bytes
from tests.gpu import pack
from tests.placement.conftest import Bench, Spec

if TYPE_CHECKING:
    from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore")  # those of diffusers, transformers and accelerate

DEVICE = "cuda:0"
FRAMES, STEPS, CHUNK, SIZE = 14, 10, 4, (1024, 576)
MODES: tuple[Mode, ...] = ("resident", "swap", "chunked", "offload")
GIB = 1 << 30


@dataclass(frozen=True)
class Taken:
    """What a clip took: seconds after the first, bytes of the device at most, its frames on the host."""

    seconds: float
    peak: int
    frames: Tensor

    def __str__(self) -> str:
        return f"{self.seconds:6.2f} s a clip, {self.peak / GIB:5.2f} GiB at most"


@pytest.fixture(scope="module")
def published_svd(cuda_devices: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the published pipeline, whose VAE encodes in float32."""
    if not cuda_devices:
        pytest.skip("needs a CUDA device; torch is not installed, built without CUDA, or sees none")
    folder = tmp_path_factory.mktemp("svd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pack.make_svd(folder, DEVICE, vae={**pack.SVD_VAE, "force_upcast": True})
    return folder


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Frees what a test left in torch's cache."""
    yield
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def picture() -> Image:
    return next(item.value for item in pack.pictures(seeds=[1], width=SIZE[0], height=SIZE[1]))


def taken(lend: Callable[[], AbstractContextManager[Any]], *, clips: int = 2) -> Taken:
    """Measure clips after a first one, which warms up."""
    import torch

    frames = torch.empty(0)
    began = 0.0
    for turn in range(1 + clips):
        if turn == 1:
            gc.collect()
            torch.cuda.reset_peak_memory_stats(DEVICE)
            began = time.perf_counter()
        with torch.inference_mode(), lend() as pipeline:
            frames = pack.animate_once(pipeline, picture(), 0, FRAMES, STEPS, CHUNK).float().cpu()
    seconds = (time.perf_counter() - began) / clips
    return Taken(seconds, torch.cuda.max_memory_allocated(DEVICE), torch.nan_to_num(frames))


def bare_clips(folder: Path) -> Taken:
    """A plain pipeline of diffusers, moved to the device."""
    diffusers, torch = library("diffusers"), library("torch")
    pipeline = diffusers.StableVideoDiffusionPipeline.from_pretrained(
        folder, dtype=torch.float16, local_files_only=True, use_safetensors=True
    ).to(DEVICE)
    pipeline.set_progress_bar_config(disable=True)
    return taken(lambda: nullcontext(pipeline))


def test_modes_beside_a_bare_pipeline_are_reported(
    published_svd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = load_svd(published_svd, dtype="float16", ctx=Context.for_test())
    found = {"bare": bare_clips(published_svd)}
    for mode in MODES:
        held = load_model(ref, DEVICE, mode)
        found[mode] = taken(held.lent)
    with capsys.disabled():
        print(f"\nSVD, float16, {FRAMES} frames of {SIZE[0]} × {SIZE[1]}, {STEPS} steps, chunks of {CHUNK}:")
        for name, one in found.items():
            apart = float((one.frames - found["bare"].frames).abs().max())
            print(f"  {name:9} {one}; at most {apart:.4f} from the bare pipeline")
        for mode in MODES:
            told = model_sizes(ref)[mode] + svd_bytes(
                1, *SIZE, FRAMES, decode_chunk_size=CHUNK, model=ref, held=mode
            )
            print(f"  {mode:9} estimated before anything was measured: {told / GIB:5.2f} GiB")
    peaks = [found[mode].peak for mode in MODES]
    assert peaks == sorted(peaks, reverse=True)
    assert found["resident"].seconds <= 1.05 * found["bare"].seconds


@pytest.mark.parametrize("options", [{"channels_last": True}, {"compiled": True}], ids=str)
def test_options_beside_a_plain_call_are_reported(
    published_svd: Path, options: dict[str, bool], capsys: pytest.CaptureFixture[str]
) -> None:
    ref = load_svd(published_svd, dtype="float16", ctx=Context.for_test())
    held = load_model(ref, DEVICE, "resident")
    plain = taken(held.lent)
    changed = taken(lambda: held.lent(**options))
    with capsys.disabled():
        print(f"\nSVD with {' '.join(options)}: {changed}; without: {plain}")
    assert changed.frames.shape == plain.frames.shape


def test_a_graph_of_clips_runs_in_less_memory_than_the_model_takes(
    published_svd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes: dict[str, Spec] = {
        "pictures": ("gpu.pictures", {}, {"seeds": [1, 2], "width": SIZE[0], "height": SIZE[1]}),
        "svd": ("load.svd", {}, {"model": str(published_svd), "dtype": "bfloat16"}),
        "clips": (
            "video.svd",
            {"image": "pictures", "model": "svd"},
            {"num_frames": FRAMES, "num_inference_steps": STEPS, "decode_chunk_size": 1},
        ),
    }
    ran = Bench(tmp_path, guard_s=1800).run(nodes, devices=f"{DEVICE}=10GiB")
    assert ran.run.ok, ran.run.errors
    modes = {call.mode for call in ran.of(CallPlaced)}
    with capsys.disabled():
        print(f"\nSVD in 10 GiB: modes {sorted(modes)}")

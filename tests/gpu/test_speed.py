"""What the engine adds to a bare loop, and what batches gain; printed for docs/measurements.md.

The device must do nothing else meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Context
from nodegraph.events import CallPlaced
from nodegraph.models.loading import load_model
from nodes.types import Image
from tests.gpu import pack
from tests.placement.conftest import Bench, Ran, Spec

pytestmark = pytest.mark.filterwarnings("ignore")  # those of diffusers, transformers and accelerate

DEVICE = "cuda:0"
GUARD_S = 1800.0
FRAMES, STEPS, CHUNK, SIZE = 8, 10, 8, (512, 320)
UNET_STEPS, LATENTS = 20, 64


def images(count: int, size: tuple[int, int]) -> list[Image]:
    width, height = size
    return [item.value for item in pack.pictures(seeds=list(range(count)), width=width, height=height)]


def loaded(folder: Path, kind: str) -> Any:
    """A model on the device, without the engine."""
    ref = pack.name_model(folder, kind=kind, ctx=Context.for_test())
    return load_model(ref, DEVICE, "resident")


def seconds_of(calls: list[Callable[[], object]]) -> float:
    """Seconds of calls after the first, which warms up; each must end on the host."""
    import torch

    with torch.inference_mode():
        calls[0]()
        began = time.perf_counter()
        for call in calls[1:]:
            call()
    return time.perf_counter() - began


def seconds_after_the_first(ran: Ran, node: str) -> float:
    """Seconds from the end of the first call of a node to the end of its last."""
    ends = [call.time for call in ran.of(CallPlaced) if call.node == node]
    return max(ends) - min(ends)


def seconds_on_the_device(ran: Ran) -> float:
    """Seconds from the beginning of the first call to the end of the last; models are loaded before."""
    calls = ran.of(CallPlaced)
    return max(call.time for call in calls) - min(call.time - call.seconds for call in calls)


def bare_clips(svd: Path, count: int, rounds: int) -> float:
    """Seconds that a plain loop over pictures takes, but for the first; the best of some rounds."""
    pipeline = loaded(svd, "gpu.svd")

    def animate(image: Image) -> Callable[[], object]:
        return lambda: pack.mean_frame(pack.animate_once(pipeline, image, 0, FRAMES, STEPS, CHUNK))

    return min(seconds_of([animate(image) for image in images(count, SIZE)]) for _ in range(rounds))


def bare_pictures(sd: Path, count: int) -> float:
    """Seconds that a plain loop over pictures takes, one by one."""
    unet = loaded(sd, "gpu.unet")

    def denoise(seed: int) -> Callable[[], object]:
        return lambda: pack.denoise_once(unet, [seed], UNET_STEPS, LATENTS).cpu()

    return seconds_of([denoise(seed) for seed in range(count + 1)])


def test_engine_adds_at_most_one_percent_to_a_bare_loop(
    svd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count, rounds = 9, 3
    alone = bare_clips(svd, count, rounds)
    bench = Bench(tmp_path, guard_s=GUARD_S)
    found: list[float] = []
    for turn in range(rounds):
        seeds = [1000 * (1 + turn) + index for index in range(count)]
        nodes: dict[str, Spec] = {
            "pictures": ("gpu.pictures", {}, {"seeds": seeds, "width": SIZE[0], "height": SIZE[1]}),
            "svd": ("gpu.model", {}, {"folder": str(svd), "kind": "gpu.svd"}),
            "animate": (
                "gpu.animate",
                {"image": "pictures", "model": "svd"},
                {"frames": FRAMES, "steps": STEPS, "chunk": CHUNK},
            ),
        }
        ran = bench.run(nodes, devices=DEVICE)
        assert ran.run.ok, ran.run.errors
        found.append(seconds_after_the_first(ran, "animate"))
    added = min(found) / alone - 1
    with capsys.disabled():
        print(f"\nengine over a bare loop: {min(found):.3f} s and {alone:.3f} s ({added:+.2%})")
    assert added <= 0.01


def test_batches_are_at_least_thirty_percent_faster_than_one_by_one(
    sd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = 32
    alone = bare_pictures(sd, count)
    bench = Bench(tmp_path, guard_s=GUARD_S)

    def run(first: int) -> Ran:
        nodes: dict[str, Spec] = {
            "pictures": (
                "gpu.pictures", {}, {"seeds": list(range(first, first + count)), "width": 32, "height": 32}
            ),
            "sd": ("gpu.model", {}, {"folder": str(sd), "kind": "gpu.unet"}),
            "denoise": (
                "gpu.denoise", {"image": "pictures", "model": "sd"}, {"steps": UNET_STEPS, "side": LATENTS}
            ),
        }  # fmt: skip
        ran = bench.run(nodes, devices=DEVICE)
        assert ran.run.ok, ran.run.errors
        return ran

    run(0)
    ran = run(count)
    together = seconds_on_the_device(ran)
    with capsys.disabled():
        print(
            f"\nSD UNet at 512²: {alone / count:.3f} s a picture one by one, {together / count:.3f} s in "
            f"batches of {max(ran.batches('denoise'))}: {alone / together:.2f} ×"
        )
    assert alone / together >= 1.3


def test_batches_of_svd_are_reported(svd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch
    from PIL import Image as Pillow

    pipeline = loaded(svd, "gpu.svd")
    pictures = [Pillow.fromarray(image.pixels) for image in images(2, SIZE)]

    def animate(count: int) -> Callable[[], object]:
        def call() -> object:
            made = pipeline(
                pictures[:count],
                height=SIZE[1],
                width=SIZE[0],
                num_frames=FRAMES,
                num_inference_steps=STEPS,
                decode_chunk_size=CHUNK,
                generator=[torch.Generator().manual_seed(seed) for seed in range(count)],
                output_type="pt",
            )
            return made.frames[0].cpu()

        return call

    alone, together = seconds_of([animate(1)] * 5), seconds_of([animate(2)] * 3)
    with capsys.disabled():
        print(f"\nSVD at {SIZE[0]} × {SIZE[1]}: {alone / 4:.2f} s a clip alone, {together / 4:.2f} s of two")
    assert together > 0

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np
import pytest

from nodegraph import Context, ModelRef
from nodegraph.node.declare import node_type_of
from nodes.tiny import restyle, tiny_model
from nodes.tiny.make import make_tiny_pipeline
from nodes.tiny.restyle import restyle_bytes
from nodes.types import Image

SEEDS = [11, 22, 33]
BFLOAT16 = ModelRef("tiny.pipeline", dtype="bfloat16")


def same(one: Image, other: Image) -> bool:
    return one.pixels.shape == other.pixels.shape and bool((one.pixels == other.pixels).all())


@pytest.mark.parametrize(("dtype", "side"), [("float32", 50), ("bfloat16", 16)])
def test_each_picture_comes_out_bit_equal_alone_in_any_batch_and_in_every_mode(
    folder, pictures, context, dtype, side
):
    ref = tiny_model(folder, dtype=dtype, ctx=Context.for_test())
    together = restyle(pictures, ref, side=side, ctx=context("resident", SEEDS))
    assert [painted.size for painted in together] == [picture.size for picture in pictures]
    for mode in ("resident", "swap", "offload"):
        pair = restyle(pictures[1:][::-1], ref, side=side, ctx=context(mode, SEEDS[1:][::-1]))
        (alone,) = restyle(pictures[:1], ref, side=side, ctx=context(mode, SEEDS[:1]))
        assert all(map(same, [alone, *pair[::-1]], together))


def test_noise_follows_the_seed_of_the_item_and_weights_their_model(ref, pictures, context, tmp_path):
    make_tiny_pipeline(tmp_path / "other", width=64, depth=2, seed=1)
    other = tiny_model(tmp_path / "other", ctx=Context.for_test())
    (first,), (again,), (reseeded,), (by_other,) = (
        restyle(pictures[:1], model, side=16, ctx=context(seeds=[seed]))
        for model, seed in ((ref, 1), (ref, 1), (ref, 2), (other, 1))
    )
    assert same(first, again)
    assert not same(first, reseeded)
    assert not same(first, by_other)


@pytest.mark.parametrize("params", [{"steps": 5}, {"strength": 0.8}, {"side": 32}])
def test_every_param_changes_the_picture(ref, pictures, context, params):
    given = {"side": 16, "steps": 2, "strength": 0.3}
    (one,) = restyle(pictures[:1], ref, ctx=context(seeds=[1]), **given)
    (other,) = restyle(pictures[:1], ref, ctx=context(seeds=[1]), **given | params)
    assert not same(one, other)


def test_strength_zero_leaves_the_pictures_as_they_are(ref, pictures, context):
    unchanged = restyle(pictures, ref, side=16, strength=0.0, ctx=context(seeds=SEEDS))
    assert all(map(same, unchanged, pictures))


def test_progress_tells_every_step(ref, pictures, context):
    told: list[tuple[float, float | None]] = []
    ctx = context(seeds=[1], progress=lambda done, total: told.append((done, total)))
    restyle(pictures[:1], ref, side=16, steps=3, ctx=ctx)
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"batch": 1}, (36 + 12) * 128**2),
        ({"batch": 5, "side": 64}, (5 * 36 + 12) * 64**2),
        ({"batch": 5, "side": 64, "model": BFLOAT16}, (5 * 18 + 12) * 64**2),
        ({"batch": 2, "side": None, "model": None}, (2 * 36 + 12) * 128**2),
    ],
)
def test_memory_estimate_is_the_documented_formula(given, expected):
    assert node_type_of(restyle).memory is restyle_bytes
    assert restyle_bytes(**given) == expected


def _memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def test_memory_estimate_is_within_15_percent_of_the_measured_rise_of_memory(tmp_path, context):
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the peak memory of a process can be set back on Linux alone")
    make_tiny_pipeline(tmp_path / "small", width=32, depth=1)
    ref = tiny_model(tmp_path / "small", ctx=Context.for_test())
    photo = Image(np.full((20, 20, 3), 128, np.uint8))
    restyle([photo], ref, side=768, steps=1, ctx=context(seeds=[1]))
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _memory("VmRSS")
    restyle([photo] * 4, ref, side=768, steps=1, ctx=context(seeds=[1, 2, 3, 4]))
    rise = _memory("VmHWM") - before
    assert restyle_bytes(4, 768) == pytest.approx(rise, rel=0.15)

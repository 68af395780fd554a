"""`video.svd` on a tiny pipeline with random weights: it proves that parts fit together, not quality."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodegraph import Context, Graph, Item, ModelRef, Stream, node
from nodegraph.models import Mode
from nodegraph.models.loading import load_model
from nodes.diffusion.calls import Steps, noise_of, to_bytes
from nodes.libraries import library
from nodes.load.svd import load_svd
from nodes.tiny.svd import make_tiny_svd
from nodes.types import Boxes, Categories, Image
from nodes.video.fit import fitted, place_photo
from nodes.video.svd import Animated, Settings, animate, animate_by_svd, groups_of

# diffusers gives its schedulers' tensors to NumPy by a protocol that NumPy 2 has changed.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")

SIZE = (128, 64)
FEW: dict[str, Any] = {
    "width": SIZE[0],
    "height": SIZE[1],
    "num_frames": 3,
    "num_inference_steps": 2,
    "decode_chunk_size": 2,
}

DEFAULTS: dict[str, Any] = {
    **FEW,
    "min_guidance_scale": 1.0,
    "max_guidance_scale": 3.0,
    "fps": 7,
    "motion_bucket_id": 127,
    "noise_aug_strength": 0.02,
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "svd"
    make_tiny_svd(folder)
    return folder


@pytest.fixture(scope="module")
def bare(tiny: Path) -> Any:
    """The pipeline as anyone would load it."""
    diffusers = library("diffusers")
    pipeline = diffusers.StableVideoDiffusionPipeline.from_pretrained(
        tiny, local_files_only=True, use_safetensors=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def photo(seed: int, size: tuple[int, int] = SIZE) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), np.uint8))


def name(tiny: Path, dtype: str = "float32") -> ModelRef:
    return load_svd(str(tiny), dtype=dtype, ctx=Context.for_test())


def context(ref: ModelRef, mode: Mode = "resident", *, seeds: list[int], **given: Any) -> Context:
    """A context that holds models in a mode."""
    return Context(
        seeds=seeds,
        workdir=Path,
        new_folder=Path,
        progress=given.get("progress", lambda done, total: None),
        cancelled=given.get("cancelled", lambda: False),
        use=lambda asked: nullcontext(load_model(asked, "cpu", mode)),
    )


def run(tiny: Path, images: list[Image], seeds: list[int], **params: Any) -> list[Animated]:
    mode = params.pop("mode", "resident")
    ref = name(tiny, params.pop("dtype", "float32"))
    return animate_by_svd(images, ref, ctx=context(ref, mode, seeds=seeds), **{**FEW, **params})


def bare_frames(pipeline: Any, image: Image, seed: int, **params: Any) -> np.ndarray:
    from PIL import Image as Pillow

    torch = library("torch")
    made = pipeline(
        Pillow.fromarray(image.pixels),
        generator=torch.Generator("cpu").manual_seed(seed),
        **{**FEW, **params},
    )
    return np.stack([np.asarray(frame) for frame in made.frames[0]])


def test_frames_are_to_the_bit_those_of_a_bare_pipeline_call(tiny: Path, bare: Any) -> None:
    (made,) = run(tiny, [photo(1)], [7], fit="crop")
    assert np.array_equal(made.out.frames, bare_frames(bare, photo(1), 7))
    assert made.out.frames.std() > 1
    assert made.out.fps == 7


def test_every_argument_reaches_the_pipeline(tiny: Path, bare: Any) -> None:
    given = {
        "num_frames": 4, "num_inference_steps": 3, "min_guidance_scale": 1.5, "max_guidance_scale": 2.0,
        "fps": 12, "motion_bucket_id": 30, "noise_aug_strength": 0.5, "decode_chunk_size": 3,
    }  # fmt: skip
    (made,) = run(tiny, [photo(1)], [7], fit="crop", **given)
    assert np.array_equal(made.out.frames, bare_frames(bare, photo(1), 7, **given))
    for argument in given:
        (without,) = run(tiny, [photo(1)], [7], fit="crop", **{**given, argument: DEFAULTS[argument]})
        assert not np.array_equal(made.out.frames, without.out.frames), argument
    assert made.out.fps == 12
    sigmas = [700.0, 10.0, 0.5]
    (made,) = run(tiny, [photo(1)], [7], fit="crop", sigmas=sigmas)
    assert np.array_equal(made.out.frames, bare_frames(bare, photo(1), 7, sigmas=sigmas))


def test_a_stretched_photo_is_to_the_bit_that_of_a_bare_call_with_the_photo(tiny: Path, bare: Any) -> None:
    small = photo(2, (40, 56))
    (made,) = run(tiny, [small], [3], fit="paper")
    assert np.array_equal(made.out.frames, bare_frames(bare, small, 3))


def test_items_of_a_batch_come_out_as_alone_each_from_its_own_seed(tiny: Path) -> None:
    images = [photo(1), photo(2, (64, 64)), photo(1)]
    together = run(tiny, images, [5, 6, 8])
    for image, seed, made in zip(images, [5, 6, 8], together, strict=True):
        (alone,) = run(tiny, [image], [seed])
        assert np.array_equal(made.out.frames, alone.out.frames)
    assert not np.array_equal(together[0].out.frames, together[2].out.frames)


def test_photos_that_pass_the_unet_together_come_out_within_one_level_of_alone(tiny: Path) -> None:
    images, seeds = [photo(1), photo(2), photo(3, (64, 64))], [5, 6, 7]
    places = [fitted(image.size, SIZE, "near") for image in images]
    assert groups_of(images, places, together=True) == [(2,), (0, 1)]
    settings = Settings(3, 2, None, 1.0, 3.0, 7, 127, 0.02, 2)
    ref = name(tiny)
    ctx = context(ref, seeds=seeds)
    with ctx.use(ref) as held, held.lent() as pipeline:
        made = animate(
            pipeline,
            [place_photo(images[index].pixels, places[index]) for index in (0, 1)],
            seeds[:2],
            SIZE,
            settings,
            Steps(ctx, 2),
        )
    for index, clip in enumerate(made):
        (alone,) = run(tiny, [images[index]], [seeds[index]])
        difference = np.abs(clip.astype(int) - alone.out.frames)
        assert difference.max() <= 1


@pytest.mark.parametrize(("mode", "levels"), [("swap", 0), ("chunked", 1), ("offload", 1)])
def test_modes_give_the_frames_of_a_pipeline_held_whole(tiny: Path, mode: Mode, levels: int) -> None:
    (whole,) = run(tiny, [photo(1)], [7])
    (made,) = run(tiny, [photo(1)], [7], mode=mode)
    difference = np.abs(made.out.frames.astype(int) - whole.out.frames)
    assert difference.max() <= levels


def test_half_precision_runs_on_a_cpu(tiny: Path) -> None:
    (made,) = run(tiny, [photo(1)], [7], dtype="bfloat16")
    (whole,) = run(tiny, [photo(1)], [7])
    assert not np.array_equal(made.out.frames, whole.out.frames)
    (swapped,) = run(tiny, [photo(1)], [7], dtype="bfloat16", mode="swap")
    assert np.array_equal(made.out.frames, swapped.out.frames)


def test_the_photo_can_stand_in_the_first_frame(tiny: Path) -> None:
    (made,) = run(tiny, [photo(1)], [7], fit="crop", keep_photo=True)
    assert np.array_equal(made.out.frames[0], photo(1).pixels)
    (drawn,) = run(tiny, [photo(1)], [7], fit="crop")
    assert np.array_equal(made.out.frames[1:], drawn.out.frames[1:])


def test_boxes_of_the_first_frame_follow_the_photo(tiny: Path) -> None:
    boxes = Boxes(
        np.array([[10, 10, 30, 20]], np.float32), np.array([0]), np.ones(1, np.float32), Categories.of("a")
    )
    ref = name(tiny)
    ctx = context(ref, seeds=[1, 2])
    made = animate_by_svd([photo(1), photo(2, (64, 32))], ref, [boxes, None], fit="pad", ctx=ctx, **FEW)
    assert made[0].first.xyxy.tolist() == [[10, 10, 30, 20]]
    assert len(made[1].first) == 0
    assert made[1].out.size == (128, 64)


@pytest.mark.parametrize(
    ("size", "fit"),
    [
        *(((side, 1), fit) for side in (1, 10) for fit in ("near", "pad", "paper")),
        pytest.param((9000, 5600), "paper", id="50 MP"),
    ],
)
def test_photos_of_any_size_become_clips(tiny: Path, size: tuple[int, int], fit: str) -> None:
    image = Image(np.full((size[1], size[0], 3), 90, np.uint8))
    (made,) = run(tiny, [image], [1], fit=fit, num_frames=1, num_inference_steps=1, width=64, keep_photo=True)
    assert np.abs(made.out.frames[0].astype(int) - 90).max() <= 1


def test_progress_counts_the_steps_of_all_photos(tiny: Path) -> None:
    told: list[tuple[float, float | None]] = []
    ref = name(tiny)
    ctx = context(ref, seeds=[1, 2], progress=lambda done, total: told.append((done, total)))
    animate_by_svd([photo(1), photo(2)], ref, ctx=ctx, **FEW)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_call_ends_after_the_step_in_which_the_run_is_stopped(tiny: Path) -> None:
    told: list[float] = []
    ref = name(tiny)
    ctx = context(
        ref, seeds=[1], progress=lambda done, total: told.append(done), cancelled=lambda: bool(told)
    )
    with pytest.raises(InterruptedError, match="being stopped"):
        animate_by_svd([photo(1)], ref, ctx=ctx, **{**FEW, "num_inference_steps": 50})
    assert told == [1]


def test_guidance_that_the_pipeline_cannot_follow_is_refused(tiny: Path) -> None:
    with pytest.raises(ValueError, match="max_guidance_scale 1 turns guidance off"):
        run(tiny, [photo(1)], [1], min_guidance_scale=2.0, max_guidance_scale=1.0)


def test_frames_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="bfloat16 or float32"):
        to_bytes(np.full((1, 2, 2, 3), np.nan, np.float32))


@node("test.svd_photos", version=1)
def photos(*, count: int) -> Stream[Image]:
    """Photos of noise."""
    for index in range(count):
        yield Item(f"p{index}", photo(index))


def test_a_graph_gives_the_frames_of_a_bare_call(
    tiny: Path, bare: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []

    def seen(given: list[int]) -> Any:
        seeds.extend(given)
        return noise_of(given)

    monkeypatch.setattr("nodes.video.svd.noise_of", seen)
    graph = Graph("svd", seed=3)
    pictures = graph.add(photos, count=2)
    model = graph.add(load_svd, model=str(tiny))
    clips = graph.add(animate_by_svd, image=pictures, model=model, fit="crop", **FEW)
    graph.output("clips", clips.out)
    done = graph.run(store=tmp_path / "store", devices="cpu")
    assert done.ok, done.errors
    assert len(seeds) == 2
    drawn_with: list[int] = []
    for index, item in enumerate(done.items("clips")):
        drawn_with += [
            seed for seed in seeds if np.array_equal(item.value.frames, bare_frames(bare, photo(index), seed))
        ]
    assert sorted(drawn_with) == sorted(seeds), "each clip is that of a seed of its own; calls have no order"
    again = graph.run(store=tmp_path / "store", devices="cpu")
    assert [counts.executed for counts in again.nodes.values() if counts.type == "video.svd"] == [0]

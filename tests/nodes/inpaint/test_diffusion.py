import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from nodegraph import Context
from nodegraph.models import ModelError
from nodegraph.models.kinds import model_kind
from nodegraph.models.loading import load_model
from nodes.inpaint import diffusion
from nodes.inpaint.diffusion import diffusion_bytes
from nodes.libraries import library
from nodes.load.inpaint import load_inpaint
from nodes.tiny.depth import make_tiny_depth
from nodes.tiny.inpaint import make_tiny_inpaint
from nodes.types import MaskTrack, Video

FEW = {"side": 64, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random weights, which prove plumbing alone."""
    made = tmp_path_factory.mktemp("inpaint")
    make_tiny_inpaint(made)
    return made


@pytest.fixture(scope="module")
def ref(folder):
    return load_inpaint(folder, ctx=Context.for_test())


def clip(frames=3, height=64, width=64):
    rng = np.random.default_rng(0)
    return Video(rng.integers(0, 256, (frames, height, width, 3), np.uint8), 8.0)


def region(frames=3, height=64, width=64, *, first=1):
    masks = np.zeros((1, frames, height, width), dtype=bool)
    masks[0, first:, height // 4 : height // 2, width // 2 :] = True
    return MaskTrack(masks, np.ones((1, frames), np.float32))


def holding(mode, seed=5):
    """A context that holds models in a mode."""
    ctx = Context.for_test(seed=seed)

    @contextmanager
    def use(ref):
        yield load_model(ref, "cpu", mode)

    ctx._use = use
    return ctx


def test_region_alone_changes_and_frames_without_it_stay(ref):
    video, where = clip(), region()
    painted = diffusion(video, where, ref, **FEW, ctx=Context.for_test())
    assert np.array_equal(painted.frames[~where.masks[0]], video.frames[~where.masks[0]])
    assert (painted.frames != video.frames).any(axis=-1)[where.masks[0]].mean() > 0.9
    assert painted.fps == video.fps


def test_frame_is_painted_as_the_bare_pipeline_paints_it(folder, ref):
    """Of the pipeline's own size, so that nothing is resampled."""
    from PIL import Image as Pillow

    from nodes.inpaint.surroundings import fill_hole
    from nodes.inpaint.window import window_around

    video, where = clip(1), region(1, first=0)
    hole = where.masks[0, 0]
    painted = diffusion(
        video,
        where,
        ref,
        prompt="a red box",
        negative_prompt="text",
        guidance_scale=4.0,
        **FEW,
        ctx=Context.for_test(seed=9),
    )
    pipeline = library("diffusers").DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    answer = pipeline(
        prompt="a red box",
        negative_prompt="text",
        image=Pillow.fromarray(fill_hole(video.frames[0], hole, "telea", 3)),
        mask_image=Pillow.fromarray(window_around(where.masks[0], None, 64).scaled_hole(hole, 8)),
        height=64,
        width=64,
        guidance_scale=4.0,
        num_inference_steps=2,
        generator=library("torch").Generator("cpu").manual_seed(9),
    ).images[0]
    assert np.array_equal(painted.frames[0][hole], np.asarray(answer)[hole])


def test_equal_frames_are_painted_equal_and_another_seed_paints_otherwise(ref):
    video = Video(np.repeat(clip(1).frames, 3, axis=0), 8.0)
    first = diffusion(video, region(first=0), ref, **FEW, ctx=Context.for_test(seed=1)).frames
    assert np.array_equal(first[0], first[1])
    assert np.array_equal(first[0], first[2])
    other = diffusion(video, region(first=0), ref, **FEW, ctx=Context.for_test(seed=2)).frames
    assert not np.array_equal(first, other)


def test_frames_that_pass_together_differ_by_rounding(ref):
    alone, together = (
        diffusion(clip(), region(), ref, frames_at_once=count, **FEW, ctx=Context.for_test()).frames
        for count in (1, 2)
    )
    assert np.abs(alone.astype(int) - together).max() <= 1


@pytest.mark.parametrize("mode", ["swap", "chunked", "offload"])
def test_every_mode_of_holding_the_model_paints_the_same_to_the_bit(ref, mode):
    held, resident = (
        diffusion(clip(), region(), ref, **FEW, ctx=holding(each)) for each in (mode, "resident")
    )
    assert mode in model_kind("diffusers.inpaint").modes
    assert np.array_equal(held.frames, resident.frames)


@pytest.mark.parametrize(
    "wish",
    [
        {"prompt": "a cat"},
        {"prompt": "a cat", "guidance_scale": 1.0},
        {"strength": 0.5},
        {"margin": 8},
        {"num_inference_steps": 3},
    ],
)
def test_every_wish_changes_what_is_painted(ref, wish):
    prompt = {"prompt": "a cat"} if "guidance_scale" in wish else {}
    plain = diffusion(clip(), region(), ref, **(FEW | prompt), ctx=Context.for_test()).frames
    asked = diffusion(clip(), region(), ref, **(FEW | wish), ctx=Context.for_test()).frames
    assert not np.array_equal(plain, asked)


def test_clip_of_another_aspect_and_of_one_pixel_is_painted(ref):
    for height, width in ((30, 130), (1, 1)):
        where = MaskTrack(np.ones((1, 2, height, width), bool), np.ones((1, 2), np.float32))
        painted = diffusion(clip(2, height, width), where, ref, **FEW, ctx=Context.for_test())
        assert painted.frames.shape == (2, height, width, 3)


def test_clip_whose_region_is_empty_is_given_back_without_loading_the_model(ref):
    video = clip()
    ctx = Context.for_test()
    ctx._use = None
    assert diffusion(video, region(first=3), ref, ctx=ctx) is video


def test_progress_counts_the_steps_of_the_frames_that_are_painted(ref):
    told = []
    ctx = Context.for_test()
    ctx._progress = lambda done, total: told.append((done, total))
    diffusion(clip(), region(), ref, **FEW, ctx=ctx)
    assert told == [(0.5, 2), (1, 2), (1.5, 2), (2, 2)]


def test_run_that_is_being_stopped_ends_within_a_step(ref):
    ctx = Context.for_test()
    ctx._cancelled = lambda: True
    with pytest.raises(InterruptedError):
        diffusion(clip(), region(), ref, **FEW, ctx=ctx)


def test_strength_that_leaves_no_step_is_refused(ref):
    with pytest.raises(ValueError, match=r"strength 0\.1 leaves no step of 5"):
        diffusion(clip(), region(), ref, strength=0.1, num_inference_steps=5, ctx=Context.for_test())


def test_pipeline_that_is_no_inpainter_is_refused_with_what_to_do(folder):
    ref = load_inpaint(folder, pipeline_class="StableDiffusionPipeline", ctx=Context.for_test())
    with pytest.raises(
        ModelError, match="StableDiffusionPipeline is no inpainting pipeline, it takes no image"
    ):
        load_model(ref, "cpu", "resident")


def test_model_without_an_index_is_refused(tmp_path):
    make_tiny_depth(tmp_path)
    with pytest.raises(ModelError, match=r"with model_index\.json, and this is a model of the type depth"):
        load_inpaint(tmp_path, ctx=Context.for_test())


def test_pipeline_that_takes_no_prompt_is_refused_where_it_is_named(folder, tmp_path):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    index = json.loads((copy / "model_index.json").read_text()) | {"_class_name": "VideoPipeline"}
    del index["text_encoder"]
    (copy / "model_index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="a VideoPipeline is no inpainting pipeline"):
        load_inpaint(copy, ctx=Context.for_test())


def _overflow(pipeline):
    """What float16 does to the VAE of some published models."""
    next(pipeline.vae.decoder.parameters()).data.fill_(float("inf"))


def _refuse(pipeline):
    pipeline.run_safety_checker = lambda image, *_: (image, [True])


@pytest.mark.parametrize(
    ("change", "message"),
    [(_refuse, "safety checker of the pipeline refused a frame"), (_overflow, "numbers that are not finite")],
)
def test_frame_that_is_refused_or_no_numbers_fails_the_call(ref, change, message):
    ctx = Context.for_test()

    @contextmanager
    def use(ref):
        held = load_model(ref, "cpu", "resident")
        change(held._pipeline)
        yield held

    ctx._use = use
    with pytest.raises(ValueError, match=message):
        diffusion(clip(), region(), ref, **FEW, ctx=ctx)


def test_memory_grows_with_the_size_and_the_frames_that_pass_together():
    assert diffusion_bytes(side=1024) == 4 * diffusion_bytes()
    assert diffusion_bytes(frames_at_once=3) == 3 * diffusion_bytes()
    assert diffusion_bytes(clip()) == diffusion_bytes() + 2 * 3 * 64 * 64 * 3

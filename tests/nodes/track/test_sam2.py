"""`track.sam2` against the bare predictor of the library, and on hard input.

Weights are random: this proves that the steps are the library's, not that objects are found.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from nodegraph import Context, ModelRef
from nodegraph.models.loading import load_model
from nodes.libraries import library
from nodes.load.sam2 import load_sam2
from nodes.tiny.sam2 import make_tiny_sam2
from nodes.track.flow import Tracked
from nodes.track.sam2 import sam2_bytes, track_sam2
from nodes.track.sam2_predictor import ObjectMemory, Prompts
from nodes.types import Boxes, Categories, MaskTrack, Video

SIZE = (96, 64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("sam2") / "tiny"
    make_tiny_sam2(made)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> ModelRef:
    return load_sam2(folder, ctx=Context.for_test())


def clip(frames: int, size: tuple[int, int] = SIZE) -> Video:
    """A blurred random pattern that moves to the right."""
    rng = np.random.default_rng(3)
    small = Pillow.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
    picture = np.asarray(small.resize(size, Pillow.Resampling.BICUBIC))
    return Video(np.stack([np.roll(picture, 3 * t, axis=1) for t in range(frames)]), 7.0)


def boxes_at(*xyxy: tuple[float, float, float, float]) -> Boxes:
    count = len(xyxy)
    return Boxes(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.arange(count, dtype=np.int64) % 2,
        np.full(count, 0.5, np.float32),
        Categories.of("cat", "dog"),
        np.arange(count) % 3 == 1,
    )


TWO = boxes_at((10, 8, 40, 50), (50, 5, 90, 60))


def bare(yaml: Path, weights: Any) -> Any:
    """The library's predictor with its default post-processing, without hole filling, which needs CUDA."""
    library("sam2")
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    config = OmegaConf.load(yaml)
    for name, value in {
        "_target_": "sam2.sam2_video_predictor.SAM2VideoPredictor",
        "sam_mask_decoder_extra_args.dynamic_multimask_via_stability": True,
        "sam_mask_decoder_extra_args.dynamic_multimask_stability_delta": 0.05,
        "sam_mask_decoder_extra_args.dynamic_multimask_stability_thresh": 0.98,
        "binarize_mask_from_pts_for_mem_enc": True,
    }.items():
        OmegaConf.update(config, f"model.{name}", value, force_add=True)
    predictor = instantiate(config.model, _recursive_=True)
    if weights is not None:
        predictor.load_state_dict(weights)
    return predictor.eval()


def masks_of_bare(
    predictor: Any, video: Video, folder: Path, prompt: Callable[[Any, Any], None]
) -> tuple[np.ndarray[Any, Any], Video]:
    """Masks `[N, T, H, W]` by `init_state` and `propagate_in_video`, and the frames as JPEG left them."""
    folder.mkdir()
    for t, frame in enumerate(video.frames):
        Pillow.fromarray(frame).save(folder / f"{t}.jpg", quality=95)
    read = [np.asarray(Pillow.open(folder / f"{t}.jpg")) for t in range(len(video.frames))]
    state = predictor.init_state(str(folder))
    prompt(predictor, state)
    masks = [(logits[:, 0] > 0).cpu().numpy() for _, _, logits in predictor.propagate_in_video(state)]
    return np.stack(masks, axis=1), Video(np.stack(read), video.fps)


def prompt_boxes(predictor: Any, state: Any) -> None:
    for n, box in enumerate(TWO.xyxy):
        predictor.add_new_points_or_box(state, 0, n, box=box)


def run(
    video: Video, boxes: Boxes, model: ModelRef, masks: MaskTrack | None = None, **params: Any
) -> Tracked:
    return track_sam2(video, boxes, model, masks, ctx=Context.for_test(), **params)


def weights_of(folder: Path) -> Any:
    return library("torch").load(next(folder.glob("*.pt")), weights_only=True)["model"]


def test_equals_the_bare_predictor_on_a_clip_longer_than_its_memory(
    folder: Path, model: ModelRef, tmp_path: Path
):
    predictor = bare(next(folder.glob("*.yaml")), weights_of(folder))
    wanted, video = masks_of_bare(predictor, clip(20), tmp_path / "frames", prompt_boxes)
    assert 0.05 < wanted.mean() < 0.95
    alone = run(video, TWO, model, objects_per_batch=1)
    assert np.array_equal(alone.masks.masks, wanted)
    together = run(video, TWO, model, objects_per_batch=2)
    assert (together.masks.masks == wanted).mean() > 0.9999
    assert np.allclose(together.masks.scores, alone.masks.scores, atol=1e-4)


def test_equals_the_bare_predictor_prompted_by_masks(folder: Path, model: ModelRef, tmp_path: Path):
    given = np.zeros((2, 1, *SIZE[::-1]), dtype=bool)
    given[0, 0, 10:40, 12:30] = given[1, 0, 20:60, 50:90] = True

    def prompt(predictor: Any, state: Any) -> None:
        for n in range(2):
            predictor.add_new_mask(state, 0, n, given[n, 0])

    predictor = bare(next(folder.glob("*.yaml")), weights_of(folder))
    wanted, video = masks_of_bare(predictor, clip(4), tmp_path / "frames", prompt)
    found = run(video, TWO, model, MaskTrack(given, np.ones((2, 1), np.float32)), objects_per_batch=1)
    assert np.array_equal(found.masks.masks, wanted)
    assert (found.masks.masks[:, 0] == given[:, 0]).mean() > 0.98


def test_full_size_smallest_official_configuration_equals_the_bare_predictor(tmp_path: Path):
    """1024 px, random weights, one object, in memory against JPEG files. About 25 s of one core."""
    torch = library("torch")
    yaml = Path(library("sam2").__file__).parent / "configs/sam2.1/sam2.1_hiera_t.yaml"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        predictor = bare(yaml, None)
    torch.save({"model": predictor.state_dict()}, tmp_path / "sam2.1_hiera_tiny.pt")
    wanted, video = masks_of_bare(
        predictor,
        clip(2),
        tmp_path / "frames",
        lambda predictor, state: predictor.add_new_points_or_box(state, 0, 0, box=TWO.xyxy[0]),
    )
    assert 0.05 < wanted.mean() < 0.95
    official = load_sam2(tmp_path / "sam2.1_hiera_tiny.pt", ctx=Context.for_test())
    assert official.config == "configs/sam2.1/sam2.1_hiera_t.yaml"
    found = run(video, boxes_at(tuple(TWO.xyxy[0])), official)
    assert (found.masks.masks == wanted).mean() > 0.9999


def test_tracks_follow_from_the_masks(model: ModelRef):
    found = run(clip(5), TWO, model)
    boxes, masks = found
    assert boxes.present.all()
    assert boxes.class_ids.tolist() == [0, 1]
    assert boxes.ignore.tolist() == [False, True]
    assert boxes.categories == TWO.categories
    rows, columns = masks.masks[1, 3].any(axis=1).nonzero()[0], masks.masks[1, 3].any(axis=0).nonzero()[0]
    assert boxes.xyxy[1, 3].tolist() == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert np.array_equal(boxes.scores, masks.scores)
    assert (masks.scores > 0).all()
    assert (masks.scores < 0.5).all()  # times the boxes' own score
    areas = masks.masks.sum(axis=(2, 3))
    assert np.allclose(boxes.visibility, areas / np.maximum.accumulate(areas, axis=1))


def test_without_memory_each_frame_is_segmented_as_if_it_were_the_first(model: ModelRef):
    video = clip(3)
    found = run(video, TWO, model, memory="none")
    for t in range(3):
        alone = run(Video(video.frames[t : t + 1], video.fps), TWO, model)
        assert np.array_equal(found.masks.masks[:, t], alone.masks.masks[:, 0])
        assert np.array_equal(found.masks.scores[:, t], alone.masks.scores[:, 0])
    followed = run(video, TWO, model)
    assert np.array_equal(found.masks.masks[:, 0], followed.masks.masks[:, 0])
    assert not np.array_equal(found.masks.masks[:, 1:], followed.masks.masks[:, 1:])


def test_state_on_the_host_changes_nothing(model: ModelRef):
    plain, offloaded = (run(clip(3), TWO, model, offload_state=off) for off in (False, True))
    assert np.array_equal(plain.masks.masks, offloaded.masks.masks)


def test_bfloat16_computes_nearly_the_same(model: ModelRef, folder: Path):
    half = load_sam2(folder, dtype="bfloat16", ctx=Context.for_test())
    plain, rough = run(clip(2), TWO, model), run(clip(2), TWO, half)
    assert not np.array_equal(plain.masks.scores, rough.masks.scores)
    assert np.allclose(plain.masks.scores, rough.masks.scores, atol=0.05)


def test_zero_boxes_need_no_model(tmp_path: Path):
    nothing = ModelRef("sam2.video", fingerprint="not there")
    found = run(clip(3), boxes_at(), nothing)
    assert found.boxes.xyxy.shape == (0, 3, 4)
    assert found.masks.masks.shape == (0, 3, 64, 96)


def test_boxes_outside_the_picture_are_absent_and_others_unaffected(model: ModelRef):
    far = boxes_at((-50, -50, -10, -10), *map(tuple, TWO.xyxy.tolist()), (200, 0, 300, 50), (5, 5, 5, 9))
    found = run(clip(2), far, model)
    assert found.boxes.present.tolist() == [[False] * 2, [True] * 2, [True] * 2, [False] * 2, [False] * 2]
    assert np.array_equal(found.masks.masks[1:3], run(clip(2), TWO, model).masks.masks)


@pytest.mark.parametrize("size", [(1, 1), (7, 130), (200, 9)])
def test_clips_of_any_size_and_one_pixel_boxes_are_taken(model: ModelRef, size: tuple[int, int]):
    found = run(clip(1, size), boxes_at((0, 0, 1, 1), (-3, -3, 400, 400)), model)
    assert found.masks.masks.shape == (2, 1, size[1], size[0])
    present = found.boxes.present
    assert (found.boxes.xyxy[present] <= [*size, *size]).all()


def test_three_hundred_boxes_pass_in_groups(model: ModelRef):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 50, (300, 2))
    many = boxes_at(*map(tuple, np.hstack([corners, corners + rng.uniform(1, 40, (300, 2))]).tolist()))
    found = run(clip(3), many, model, objects_per_batch=64)
    some = run(clip(3), boxes_at(*map(tuple, many.xyxy[200:202].tolist())), model)
    assert found.masks.masks.shape == (300, 3, 64, 96)
    assert (found.masks.masks[200:202] == some.masks.masks).mean() > 0.999


def test_thresholds_only_take_away(model: ModelRef):
    plain = run(clip(3), TWO, model)
    stricter = run(clip(3), TWO, model, mask_threshold=0.5)
    assert (stricter.masks.masks & ~plain.masks.masks).sum() == 0
    assert stricter.masks.masks.sum() < plain.masks.masks.sum()
    nothing = run(clip(3), TWO, model, min_presence=1.0)
    assert not nothing.boxes.present.any()
    assert not nothing.masks.masks.any()


def test_holes_up_to_the_size_are_filled(model: ModelRef):
    import cv2

    plain = run(clip(3), TWO, model)
    filled = run(clip(3), TWO, model, fill_hole_area=60)
    assert not (plain.masks.masks & ~filled.masks.masks).any()
    assert filled.masks.masks.sum() > plain.masks.masks.sum()
    for mask in filled.masks.masks.reshape(-1, *SIZE[::-1]):
        sizes = cv2.connectedComponentsWithStats((~mask).astype(np.uint8), connectivity=8)[2]
        assert (sizes[1:, cv2.CC_STAT_AREA] > 60).all()


def test_masks_of_other_objects_or_sizes_are_refused(model: ModelRef):
    one = MaskTrack(np.ones((1, 1, 64, 96), dtype=bool), np.ones((1, 1), np.float32))
    with pytest.raises(ValueError, match="masks has 1 objects but boxes has 2"):
        run(clip(1), TWO, model, one)
    other = MaskTrack(np.ones((2, 1, 9, 9), dtype=bool), np.ones((2, 1), np.float32))
    with pytest.raises(ValueError, match="9×9, the clip's first frame is 96×64"):
        run(clip(1), TWO, model, other)


def test_object_with_an_empty_mask_is_prompted_by_its_box(model: ModelRef):
    given = np.zeros((2, 1, 64, 96), dtype=bool)
    given[0, 0, 10:40, 12:30] = True
    found = run(clip(1), TWO, model, MaskTrack(given, np.ones((2, 1), np.float32)))
    assert np.array_equal(found.masks.masks[1], run(clip(1), TWO, model).masks.masks[1])


def test_progress_counts_frames_and_a_stopped_run_ends(model: ModelRef, tmp_path: Path):
    told: list[tuple[float, float | None]] = []

    def context(*, cancelled: bool) -> Context:
        return Context(
            workdir=lambda: tmp_path,
            new_folder=lambda: tmp_path,
            progress=lambda done, total: told.append((done, total)),
            cancelled=lambda: cancelled,
        )

    track_sam2(clip(3), TWO, model, ctx=context(cancelled=False))
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(InterruptedError):
        track_sam2(clip(3), TWO, model, ctx=context(cancelled=True))
    assert len(told) == 3


def test_clips_followed_at_the_same_time_share_a_predictor(model: ModelRef, tmp_path: Path):
    predictor = load_model(model, "cpu", "resident")
    shared = Context(
        workdir=lambda: tmp_path,
        new_folder=lambda: tmp_path,
        progress=lambda done, total: None,
        cancelled=lambda: False,
        use=lambda ref: nullcontext(predictor),
    )
    clips = [clip(6), clip(4, (60, 90))] * 2
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda video: track_sam2(video, TWO, model, ctx=shared), clips))
    for video, tracked in zip(clips, found, strict=True):
        assert np.array_equal(tracked.masks.masks, run(video, TWO, model).masks.masks)


def test_what_a_predictor_keeps_of_a_clip_does_not_grow_with_it(model: ModelRef):
    torch = library("torch")
    predictor = load_model(model, "cpu", "resident")

    def kept(frames: int) -> int:
        memory = ObjectMemory()
        with torch.inference_mode():
            opened = predictor.open_clip(clip(frames).frames)
            predictor.segment(opened, 0, Prompts(boxes=TWO.xyxy), memory)
            predictor.remember(opened, memory)
            for t in range(1, frames):
                predictor.follow(opened, t, memory)
        outputs = [out for group in memory.outputs.values() for out in group.values()]
        tensors = [value for out in outputs for value in out.values() if isinstance(value, torch.Tensor)]
        return sum(tensor.numel() for tensor in tensors)

    assert kept(24) == kept(40)


def test_estimate_counts_the_objects_of_a_batch_and_the_size_of_frames(model: ModelRef):
    few, many = boxes_at(*[(0, 0, 9, 9)] * 8), boxes_at(*[(0, 0, 9, 9)] * 300)
    official = ModelRef("sam2.video", config="configs/sam2.1/sam2.1_hiera_t.yaml")
    assert sam2_bytes(official, few) == sam2_bytes(official, few, 100) == sam2_bytes(official)
    assert sam2_bytes(official, few, 8) < sam2_bytes(official, many, 8) < sam2_bytes(official, many, 64)
    assert sam2_bytes(model, few) == sam2_bytes(official, few) // 64

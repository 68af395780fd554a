import numpy as np
import pytest

from nodegraph import Context
from nodes.inpaint import surroundings
from nodes.inpaint.fill import fill
from nodes.inpaint.surroundings import fill_hole
from nodes.types import Image, MaskTrack, Video
from nodes.video import camera_motion

METHODS = ("telea", "navier_stokes")


def waves(width, height):
    """A smooth picture, which surroundings say much about."""
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    return np.stack([x, y, (x + y) / 2], axis=-1) * 200 + 20


def clip_of(frames):
    return Video(np.asarray(frames, np.uint8), 8.0)


def region_of(*masks):
    masks = np.asarray(masks, dtype=bool)
    return MaskTrack(masks, np.ones(masks.shape[:2], np.float32))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(80, 60), (1600, 900)])
def test_hole_in_a_smooth_picture_gets_its_colours_and_nothing_else_changes(method, size):
    photo = waves(*size).astype(np.uint8)
    hole = np.zeros(size[::-1], dtype=bool)
    hole[size[1] // 3 : size[1] // 2, size[0] // 3 : size[0] // 2] = True
    broken = np.where(hole[..., None], np.uint8(0), photo)
    filled = fill_hole(broken, hole, method, 3)
    assert np.array_equal(filled[~hole], photo[~hole])
    difference = np.abs(filled.astype(int) - photo)[hole]
    assert difference.max() <= 25
    assert difference.mean() <= 8


def test_colour_that_a_hole_had_does_not_matter_in_a_large_picture():
    photo = waves(1600, 900).astype(np.uint8)
    hole = np.zeros((900, 1600), dtype=bool)
    hole[:, 1200:] = True
    fills = [fill_hole(np.where(hole[..., None], np.uint8(v), photo), hole, "telea", 3) for v in (0, 255)]
    assert np.array_equal(*fills)


def test_large_hole_is_mostly_filled_in_a_smaller_picture(monkeypatch):
    sizes = []
    filled = surroundings._filled
    monkeypatch.setattr(
        surroundings,
        "_filled",
        lambda pixels, hole, *rest: sizes.append(int(hole.sum())) or filled(pixels, hole, *rest),
    )
    hole = np.zeros((2000, 3000), dtype=bool)
    hole[500:1500, 1000:2000] = True
    fill_hole(waves(3000, 2000).astype(np.uint8), hole, "telea", 3)
    coarse, rim = sizes
    assert coarse == pytest.approx(1_000_000 * (512 / 3000) ** 2, rel=0.05)
    assert rim < 20_000


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2)])
def test_tiny_picture_is_filled(shape):
    picture = np.full((*shape, 3), 50, np.uint8)
    hole = np.zeros(shape, dtype=bool)
    hole[0, 0] = True
    assert fill_hole(picture, hole, "telea", 3).shape == (*shape, 3)


def test_region_of_all_objects_is_filled_frame_by_frame():
    photo = waves(60, 40)
    first, second = np.zeros((2, 2, 40, 60), dtype=bool)
    first[1, 5:15, 5:15] = True
    second[1, 20:30, 40:50] = True
    broken = np.stack([photo, photo])
    broken[first | second] = 0
    filled = fill(clip_of(broken), region_of(first, second), ctx=Context.for_test()).frames
    assert np.array_equal(filled[0], broken[0].astype(np.uint8))
    assert np.abs(filled[1].astype(int) - photo).max() <= 25


def test_area_that_a_camera_revealed_is_filled_and_the_rest_of_the_clip_stays():
    moved = camera_motion(Image(waves(80, 60).astype(np.uint8)), path="zoom_out", fill="black")
    filled = fill(moved.out, moved.revealed, ctx=Context.for_test())
    seen = ~moved.revealed.masks[0]
    assert np.array_equal(filled.frames[seen], moved.out.frames[seen])
    assert filled.frames[~seen].min() > 0
    assert filled.fps == moved.out.fps


def test_frame_that_is_all_hole_and_region_without_objects_leave_the_clip_as_it_is():
    clip = clip_of(np.full((1, 6, 8, 3), 9))
    for region in (
        region_of(np.ones((1, 6, 8))),
        MaskTrack(np.zeros((0, 1, 6, 8), bool), np.zeros((0, 1), np.float32)),
    ):
        assert np.array_equal(fill(clip, region, ctx=Context.for_test()).frames, clip.frames)


@pytest.mark.parametrize("shape", [(2, 6, 8), (1, 6, 9)])
def test_masks_of_another_clip_are_refused(shape):
    with pytest.raises(ValueError, match="but the clip 1 of 8×6: link masks of this very clip"):
        fill(clip_of(np.zeros((1, 6, 8, 3))), region_of(np.ones(shape)), ctx=Context.for_test())

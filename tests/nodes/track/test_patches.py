import numpy as np
import pytest

from nodes.track.motion_model import carry
from nodes.track.patches import align, compare, cut_patch, pyramid, search
from nodes.video.object_motion import similarity


def textured(width=200, height=160, seed=0):
    import cv2

    rng = np.random.default_rng(seed)
    grey = np.zeros((height, width), np.float32)
    for cell in (5, 14, 40):
        noise = rng.uniform(0, 255, (height // cell + 2, width // cell + 2)).astype(np.float32)
        grey += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) / 3
    return np.clip(grey, 0, 255).astype(np.uint8)


def region(left, top, right, bottom, size=(200, 160)):
    inside = np.zeros(size[::-1], dtype=bool)
    inside[top:bottom, left:right] = True
    return inside


def moved(grey, model):
    import cv2

    to_centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    indices = np.linalg.inv(to_centres) @ model @ to_centres
    return cv2.warpPerspective(grey, indices, grey.shape[::-1], borderMode=cv2.BORDER_REPLICATE)


def distance(model, truth, box):
    """How far the corners of a box end up from where they should, in pixels, at most."""
    left, top, right, bottom = box
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)
    return np.linalg.norm(carry(model, corners) - carry(truth, corners), axis=1).max()


CORNERS = np.array([(60, 50), (110, 50), (110, 90), (60, 90)], dtype=np.float64)
BOX = (60, 50, 110, 90)


def test_patch_is_alike_in_its_own_frame():
    first = pyramid(textured())
    likeness = compare(cut_patch(first, region(*BOX)), first, np.eye(3))
    assert (likeness.share, likeness.inside) == (1, 1)
    assert likeness.residual == pytest.approx(0, abs=0.5)


def test_patch_is_not_alike_in_another_picture():
    likeness = compare(cut_patch(pyramid(textured()), region(*BOX)), pyramid(textured(seed=1)), np.eye(3))
    assert likeness.share < 0.3


def test_share_counts_what_is_inside_the_frame_and_not_covered():
    grey = textured()
    first = pyramid(grey)
    covered = grey.copy()
    covered[50:90, 85:] = 128
    patch = cut_patch(first, region(*BOX))
    assert compare(patch, pyramid(covered), np.eye(3)).share == pytest.approx(0.5, abs=0.1)
    half_out = compare(patch, first, similarity((0, 0), shift=(115, 0)))
    assert half_out.inside == pytest.approx(0.5, abs=0.05)
    assert compare(patch, first, similarity((0, 0), shift=(500, 0))).inside == 0


@pytest.mark.parametrize("box", [BOX, (70, 60, 86, 74)])
@pytest.mark.parametrize(
    "far", [similarity((85, 70), shift=(1.7, -1.2)), similarity((85, 70), degrees=4, scale=1.06)]
)
def test_alignment_finds_a_small_motion_exactly(box, far):
    grey = textured()
    first = pyramid(grey)
    found = align(cut_patch(first, region(*box)), pyramid(moved(grey, far)), np.eye(3))
    assert distance(found, far, box) < 0.5


def test_alignment_is_not_misled_by_other_light_or_a_covered_part():
    grey = textured()
    far = similarity((85, 70), shift=(2, 1))
    seen = np.clip(moved(grey, far) * 0.8 + 20, 0, 255).astype(np.uint8)
    seen[50:90, 98:] = 255
    found = align(cut_patch(pyramid(grey), region(*BOX)), pyramid(seen), np.eye(3))
    assert np.linalg.norm(carry(found, CORNERS) - carry(far, CORNERS), axis=1).max() < 0.7


def test_alignment_of_a_patch_without_texture_stays():
    plain = pyramid(np.full((160, 200), 90, np.uint8))
    found = align(cut_patch(plain, region(*BOX)), plain, np.eye(3))
    np.testing.assert_allclose(carry(found, CORNERS), CORNERS, atol=1e-3)


@pytest.mark.parametrize("box", [BOX, (70, 60, 86, 74)])
def test_search_finds_a_patch_that_went_far(box):
    grey = textured()
    first = pyramid(grey)
    far = similarity((0, 0), shift=(37, -28))
    places = search(cut_patch(first, region(*box)), pyramid(moved(grey, far)), np.eye(3), 50, 3)
    assert np.linalg.norm(carry(places[0], CORNERS) - carry(far, CORNERS), axis=1).max() < 2


def test_search_finds_an_object_that_is_half_outside():
    grey = textured()
    first = pyramid(grey)
    far = similarity((0, 0), shift=(-85, 0))
    found = search(
        cut_patch(first, region(*BOX)), pyramid(moved(grey, far)), similarity((0, 0), shift=(-60, 0)), 50, 3
    )
    assert (
        min(np.linalg.norm(carry(place, CORNERS) - carry(far, CORNERS), axis=1).max() for place in found) < 2
    )


def test_region_without_pixels_has_no_patch():
    assert cut_patch(pyramid(textured()), region(0, 0, 0, 0)) is None


def test_rim_of_an_object_in_which_the_background_mixes_does_not_mislead_its_alignment():
    box = (60, 50, 84, 74)
    first = textured()
    later = moved(textured(seed=3), np.eye(3))
    inner = slice(51, 73), slice(61, 83)
    later[inner] = first[inner]
    patch = cut_patch(pyramid(first), region(*box))
    found = align(patch, pyramid(later), similarity((72, 62), shift=(0.8, -0.6), scale=1.02))
    corners = np.array([(60, 50), (84, 74)], dtype=np.float64)
    np.testing.assert_allclose(carry(found, corners), corners, atol=0.1)


def test_rim_that_shows_a_background_at_rest_does_not_hold_an_object_back():
    """The box is a pixel too large on each side: a rim of sharp edges says that nothing moved."""
    box = (60, 50, 84, 74)
    rows, columns = np.mgrid[:160, :200]
    background = 128 + 40 * ((columns // 3 + rows // 3) % 2 * 2 - 1)
    far = similarity((0, 0), shift=(1.5, -1))
    missed = []
    for seed in range(6):
        grey = textured(seed=seed)
        first, later = (
            pyramid(np.where(region(61, 51, 83, 73), inner, background).astype(np.uint8))
            for inner in (grey, moved(grey, far))
        )
        found = align(cut_patch(first, region(*box)), later, np.eye(3))
        missed.append(distance(found, far, box))
    assert np.mean(missed) < 0.7


def test_detail_as_fine_as_a_pixel_that_resampling_blurs_does_not_mislead_a_small_alignment():
    box = (60, 50, 72, 62)
    far = similarity((0, 0), shift=(0.5, 0.5))
    missed = []
    for seed in range(8):
        fine = np.random.default_rng(seed).normal(scale=10, size=(160, 200))
        grey = np.clip(textured(seed=seed) * 0.5 + fine + 60, 0, 255).astype(np.uint8)
        found = align(cut_patch(pyramid(grey), region(*box)), pyramid(moved(grey, far)), np.eye(3))
        missed.append(distance(found, far, box))
    assert np.mean(missed) < 0.35

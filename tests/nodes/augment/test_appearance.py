import numpy as np
import pytest

from nodegraph import Context
from nodes.augment import appearance
from nodes.augment.photometry import OPERATIONS, change
from nodes.types import Image


def picture(seed=0, height=40, width=60):
    rng = np.random.default_rng(seed)
    smooth = np.linspace(40, 200, width)[None, :, None] * np.array([1.0, 0.7, 0.4])
    return Image((smooth + rng.uniform(0, 30, (height, width, 3))).astype(np.uint8))


def changed(seed=0, image=None, **options):
    return appearance(image or picture(), ctx=Context.for_test(seed=seed), **options).pixels


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("shape", [(40, 60, 3), (1, 1, 3)])
def test_every_operation_keeps_size_and_type(operation, shape):
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    before = pixels.copy()
    found = change(pixels, operation, 1.0, np.random.default_rng(0))
    assert (found.shape, found.dtype) == (shape, np.uint8)
    assert (pixels == before).all()


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "jpeg"])
def test_no_operation_changes_anything_at_strength_0(operation):
    pixels = picture().pixels
    difference = change(pixels, operation, 0.0, np.random.default_rng(0)).astype(int) - pixels
    assert np.abs(difference).max() <= (6 if operation == "hue" else 0)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_operation_changes_some_picture_at_strength_1(operation):
    pixels = picture().pixels
    assert any((change(pixels, operation, 1.0, np.random.default_rng(n)) != pixels).any() for n in range(5))


def test_more_strength_changes_more():
    def distance(strength):
        total = [
            np.abs(changed(seed, strength=strength).astype(int) - picture().pixels) for seed in range(20)
        ]
        return np.mean(total)

    assert distance(0.2) < distance(0.6) < distance(1.0)


def test_greyscale_at_strength_1_has_no_colour():
    pixels = changed(operations=["greyscale"], strength=1.0)
    assert (pixels[..., 0] == pixels[..., 1]).all()
    assert (pixels[..., 1] == pixels[..., 2]).all()


def test_same_seed_gives_the_same_picture_and_another_seed_another():
    assert (changed(3) == changed(3)).all()
    assert (changed(3) != changed(4)).any()


def test_pixels_go_through_unchanged_with_no_operations_or_by_chance():
    assert (changed(count=0) == picture().pixels).all()
    assert (changed(probability=0.0) == picture().pixels).all()


def test_as_many_pictures_change_as_the_probability_says():
    still = sum(
        (changed(seed, probability=0.3, strength=1.0) == picture().pixels).all() for seed in range(80)
    )
    assert 40 <= still <= 72

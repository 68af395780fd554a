import numpy as np
import pytest

from nodegraph import Context, Stream
from nodes.dataset import synthetic
from nodes.dataset.scene import render_scene
from nodes.dataset.shapes import SHAPES
from nodes.types import Image


def photos(count=3, value=None):
    rng = np.random.default_rng(0)
    plain = [rng.integers(0, 256, (60, 80, 3), dtype=np.uint8) for _ in range(count)]
    return Stream.of([Image(pixels if value is None else np.full_like(pixels, value)) for pixels in plain])


def made(seed=0, source=None, **options):
    return list(synthetic(photos() if source is None else source, ctx=Context.for_test(seed=seed), **options))


def scene(seed, shapes=SHAPES, objects=4, grey=10):
    photo = np.full((80, 100, 3), grey, np.uint8)
    rng = np.random.default_rng(seed)
    return render_scene(photo, photo, rng, size=(96, 64), shapes=shapes, objects=objects, sides=(12, 40))


def test_pictures_have_the_asked_size_number_and_classes():
    items = made(pictures=5, width=64, height=48, shapes=["star", "disc"])
    assert [item.key for item in items] == ["0000", "0001", "0002", "0003", "0004"]
    assert {item.value.image.size for item in items} == {(64, 48)}
    assert items[0].value.boxes.categories.names == ("star", "disc")


def test_same_seed_makes_the_same_pictures_and_another_seed_others():
    first, again, other = (made(seed=seed, pictures=1)[0].value.image.pixels for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_every_picture_has_objects_inside_the_frame():
    for item in made(pictures=30, max_objects=3):
        boxes, (width, height) = item.value.boxes, item.value.image.size
        assert 0 <= len(boxes) <= 3
        assert (boxes.xyxy >= 0).all()
        assert (boxes.xyxy <= (width, height, width, height)).all()
        assert (boxes.xyxy[:, 2:] > boxes.xyxy[:, :2]).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_box_is_the_bounds_of_the_object(shape):
    """Over a dark and a bright photo the same object differs from its background in the same pixels."""
    for seed in range(8):
        dark, bright = scene(seed, [shape], objects=1), scene(seed, [shape], objects=1, grey=150)
        difference = np.abs(bright.pixels.astype(int) - dark.pixels).mean(axis=2)
        own = difference < 0.5 * difference.max()
        columns, rows = np.flatnonzero(own.any(axis=0)), np.flatnonzero(own.any(axis=1))
        seen = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
        assert np.abs(seen - dark.xyxy[0]).max() <= 1


def test_later_objects_leave_half_or_more_of_earlier_ones_to_be_seen():
    counts = [len(scene(seed, objects=12).xyxy) for seed in range(5)]
    assert max(counts) <= 12
    assert min(counts) >= 2


def test_all_shapes_occur():
    ids = np.concatenate([scene(seed).class_ids for seed in range(30)])
    assert set(ids.tolist()) == set(range(len(SHAPES)))


def test_background_is_of_the_photo_in_turn():
    dark, bright = Image(np.zeros((60, 80, 3), np.uint8)), Image(np.full((60, 80, 3), 255, np.uint8))
    medians = [
        np.median(item.value.image.pixels)
        for item in made(source=Stream.of([dark, bright]), pictures=4, max_objects=1, max_side=30)
    ]
    assert max(medians[::2]) < 20
    assert min(medians[1::2]) > 120


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": Stream.of({})}, "there are no photos"),
        ({"shapes": ["star", "star"]}, "a shape occurs twice"),
        ({"min_side": 50.0, "max_side": 20.0}, "min_side is 50, over max_side 20"),
    ],
)
def test_bad_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        made(**{"pictures": 1, **options})

from collections import Counter

import numpy as np
import pytest

from nodegraph import Context
from nodes.augment import camera_paths
from nodes.types import Image
from nodes.video.camera_path import PATHS, check_amplitude, motion_of

PHOTO = Image(np.zeros((4, 4, 3), np.uint8))


def drawn(seed=0, **options):
    return list(camera_paths(PHOTO, ctx=Context.for_test(seed=seed), **options))


def test_every_kind_comes_once_before_any_comes_twice():
    paths = [item.value.path for item in drawn(count=2 * len(PATHS))]
    assert set(paths[: len(PATHS)]) == set(PATHS)
    assert set(Counter(paths).values()) == {2}


def test_amplitudes_are_allowed_and_within_the_strengths():
    for item in drawn(count=200, min_strength=0.5, max_strength=1.0):
        path, amplitude = item.value
        check_amplitude(path, amplitude)
        assert 0 < abs(amplitude) <= motion_of(path).default
    assert {item.value.amplitude > 0 for item in drawn(count=200, paths=["roll"])} == {True, False}


def test_strength_1_is_the_default_of_each_path():
    for item in drawn(count=len(PATHS), min_strength=1.0, max_strength=1.0):
        assert abs(item.value.amplitude) == pytest.approx(motion_of(item.value.path).default)


def test_another_seed_draws_other_paths():
    assert [item.key for item in drawn(0)] != [item.key for item in drawn(1)]


def test_strengths_the_wrong_way_round_are_refused():
    with pytest.raises(ValueError, match=r"min_strength is 0\.9, over max_strength 0\.5"):
        drawn(min_strength=0.9, max_strength=0.5)

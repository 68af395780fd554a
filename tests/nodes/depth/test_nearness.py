import numpy as np
import pytest

from nodes.depth.nearness import nearness_of, resized


def test_inverse_depth_keeps_its_order_and_fills_0_to_1():
    nearness = nearness_of(np.array([[3.0, 5.0], [4.0, 11.0]]), "inverse_depth", 0)
    np.testing.assert_allclose(nearness, [[0, 0.25], [0.125, 1]])
    assert nearness.dtype == np.float32


def test_distance_is_inverted_so_that_nearer_is_larger():
    # 1 / distance: 1, 0.5, 0.25, 0.2
    nearness = nearness_of(np.array([[1.0, 2.0], [4.0, 5.0]]), "distance", 0)
    np.testing.assert_allclose(nearness, [[1, 0.375], [0.0625, 0]], atol=1e-6)


def test_distance_of_zero_is_nearest_and_no_infinity():
    nearness = nearness_of(np.array([[0.0, 10.0, 5.0]]), "distance", 0)
    assert nearness[0, 0] == 1
    assert nearness[0, 1] == 0
    assert np.isfinite(nearness).all()


def test_outliers_beyond_the_cut_do_not_flatten_the_rest():
    values = np.tile(np.linspace(0, 1, 101), (10, 1))
    values[0, 0] = 1000
    assert nearness_of(values, "inverse_depth", 0).mean() < 0.01
    cut = nearness_of(values, "inverse_depth", 1)
    assert cut[0, 0] == 1
    assert cut.mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("quantity", ["inverse_depth", "distance"])
def test_flat_map_is_half_near_everywhere(quantity):
    assert (nearness_of(np.full((2, 3), 7.0), quantity, 0.5) == 0.5).all()


def test_values_that_are_not_finite_are_refused_with_what_to_change():
    with pytest.raises(ValueError, match="not finite; use dtype float32"):
        nearness_of(np.array([[1.0, np.nan]]), "distance", 0)


def test_resizing_gives_the_size_and_stays_within_0_and_1():
    larger = resized(np.array([[0, 1, 0], [1, 0, 1]], np.float32), (40, 30))
    assert larger.shape == (30, 40)
    assert larger.min() >= 0
    assert larger.max() <= 1

from __future__ import annotations

import pytest

from nodes.tiny.detector import make_tiny_detector


def test_detector_has_the_files_of_a_checkpoint_and_under_two_million_weights(tmp_path):
    from safetensors.torch import load_file

    for architecture in ("rt_detr", "d_fine", "detr", "yolos"):
        make_tiny_detector(tmp_path / architecture, architecture=architecture)
        names = sorted(path.name for path in (tmp_path / architecture).iterdir())
        assert names == ["config.json", "model.safetensors", "preprocessor_config.json"]
        weights = load_file(tmp_path / architecture / "model.safetensors")
        assert sum(tensor.numel() for tensor in weights.values()) < 2_000_000


def test_weights_follow_from_the_seed_and_nothing_is_drawn_from_the_generator_of_torch(tmp_path):
    import torch

    before = torch.random.get_rng_state()
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_tiny_detector(tmp_path / name, architecture="yolos", image_size=64, seed=seed)
    assert torch.equal(torch.random.get_rng_state(), before)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c


@pytest.mark.parametrize("sizes", [{"image_size": 50}, {"width": 20}, {"layers": 0}, {"queries": 0}])
def test_size_out_of_bounds_is_refused(tmp_path, sizes):
    with pytest.raises(ValueError, match="must be a multiple of 32"):
        make_tiny_detector(tmp_path / "model", **sizes)
    assert not (tmp_path / "model").exists()

import numpy as np
import pytest

from nodes.libraries import library
from nodes.tiny.depth import make_tiny_depth


@pytest.mark.parametrize(("kind", "highest"), [("relative", float("inf")), ("metric", 20)])
def test_transformers_takes_the_depth_estimator_with_its_image_processor(tmp_path, kind, highest):
    import torch

    make_tiny_depth(tmp_path, kind=kind)
    transformers = library("transformers")
    model = transformers.AutoModelForDepthEstimation.from_pretrained(tmp_path, local_files_only=True)
    processor = transformers.AutoImageProcessor.from_pretrained(tmp_path, local_files_only=True)
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    given = processor(images=picture, return_tensors="pt")
    with torch.no_grad():
        depth = model(**given).predicted_depth
    assert model.config.depth_estimation_type == kind
    assert given["pixel_values"].shape == (1, 3, 42, 70)
    assert depth.shape == (1, 42, 70)
    assert float(depth.max()) <= highest
    assert float(depth.std()) > 1e-4


def test_equal_arguments_give_equal_files_and_nothing_is_drawn_from_the_generator_of_torch(tmp_path):
    torch = library("torch")
    before = torch.random.get_rng_state()
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        make_tiny_depth(tmp_path / name, seed=seed)
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b != c
    assert torch.equal(torch.random.get_rng_state(), before)
    assert sum(file.stat().st_size for file in (tmp_path / "a").iterdir()) < 600_000

import json

import numpy as np
import pytest

from nodegraph import Context
from nodegraph.models import ModelError
from nodegraph.models.loading import load_model
from nodegraph.models.tensors import tensor_bytes
from nodes.depth import depth_anything
from nodes.depth.anything import depth_bytes
from nodes.libraries import library
from nodes.load.depth import load_depth
from nodes.tiny.depth import make_tiny_depth
from nodes.types import Image


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Random weights of three architectures, which prove plumbing alone."""
    made = tmp_path_factory.mktemp("depth")
    make_tiny_depth(made / "relative")
    make_tiny_depth(made / "metric", kind="metric")
    _make_others(made)
    return made


def _make_others(made):
    torch, transformers = library("torch"), library("transformers")
    small = {"size": {"height": 64, "width": 64}}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        dpt = transformers.DPTConfig(
            hidden_size=32,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=64,
            image_size=64,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=16,
            backbone_config=None,
        )
        transformers.DPTForDepthEstimation(dpt).save_pretrained(made / "dpt")
        transformers.DPTImageProcessor(**small).save_pretrained(made / "dpt")
        glpn = transformers.GLPNConfig(
            depths=[1] * 4,
            hidden_sizes=[8, 8, 16, 16],
            num_attention_heads=[1, 1, 2, 2],
            decoder_hidden_size=8,
            mlp_ratios=[1] * 4,
        )
        transformers.GLPNForDepthEstimation(glpn).save_pretrained(made / "glpn")
        transformers.GLPNImageProcessor().save_pretrained(made / "glpn")


def ref_of(folder, **more):
    return load_depth(folder, ctx=Context.for_test(), **more)


def picture(width, height, seed=0):
    rng = np.random.default_rng(seed)
    return Image(rng.integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize("name", ["relative", "metric", "dpt", "glpn"])
def test_depth_has_the_size_of_the_photo_and_fills_0_to_1(folders, name):
    depths = depth_anything(
        [picture(90, 70), picture(64, 40)], ref_of(folders / name), ctx=Context.for_test()
    )
    assert [depth.nearness.shape for depth in depths] == [(70, 90), (40, 64)]
    for depth in depths:
        assert depth.nearness.min() < 0.05
        assert depth.nearness.max() > 0.95


def test_relative_depth_is_what_transformers_gives_scaled(folders):
    photo = picture(98, 70)
    depth = depth_anything([photo], ref_of(folders / "relative"), cut=0, ctx=Context.for_test())[0].nearness
    answer = _bare(folders / "relative", photo)
    expected = (answer - answer.min()) / (answer.max() - answer.min())
    np.testing.assert_allclose(depth, expected, atol=1e-6)


def _bare(folder, photo):
    torch, transformers = library("torch"), library("transformers")
    network = transformers.AutoModelForDepthEstimation.from_pretrained(folder, local_files_only=True)
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    with torch.no_grad():
        answer = network(**processor(images=photo.pixels, return_tensors="pt")).predicted_depth[0]
    return answer.numpy()


@pytest.mark.parametrize(
    ("name", "quantity"),
    [("relative", "inverse_depth"), ("dpt", "inverse_depth"), ("metric", "distance"), ("glpn", "distance")],
)
def test_what_a_network_gives_follows_from_its_architecture_and_can_be_said(folders, name, quantity):
    photo, ref = picture(96, 64), ref_of(folders / name)
    auto, said, other = (
        depth_anything([photo], ref, gives=gives, ctx=Context.for_test())[0].nearness
        for gives in ("auto", quantity, "distance" if quantity == "inverse_depth" else "inverse_depth")
    )
    assert np.array_equal(auto, said)
    assert np.corrcoef(auto.ravel(), other.ravel())[0, 1] < 0


def test_photos_of_a_batch_come_out_the_same_to_the_bit_as_alone(folders):
    photos = [picture(90, 70), picture(64, 40, 1), picture(90, 70, 2)]
    ref = ref_of(folders / "relative")
    together = depth_anything(photos, ref, ctx=Context.for_test())
    for photo, depth in zip(photos, together, strict=True):
        alone = depth_anything([photo], ref, ctx=Context.for_test())[0]
        assert np.array_equal(alone.nearness, depth.nearness)


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 700), (700, 1), (900, 30)])
def test_photo_of_one_pixel_or_one_line_has_a_depth(folders, size):
    depth = depth_anything([picture(*size)], ref_of(folders / "relative"), ctx=Context.for_test())[0]
    assert depth.nearness.shape == size[::-1]


def test_photo_of_fifty_megapixels_has_a_depth(folders):
    photo = Image(np.broadcast_to(picture(1, 6124).pixels, (6124, 8165, 3)))
    depth = depth_anything([photo], ref_of(folders / "relative"), ctx=Context.for_test())[0]
    assert depth.nearness.shape == (6124, 8165)


def test_photo_whose_array_is_read_only_is_taken(folders):
    photo = picture(30, 20)
    photo.pixels.flags.writeable = False
    depth_anything([photo], ref_of(folders / "relative"), ctx=Context.for_test())


def test_larger_side_gives_a_finer_map(folders):
    photo, ref = picture(140, 140), ref_of(folders / "relative")
    coarse, fine = (
        depth_anything([photo], ref, side=side, ctx=Context.for_test())[0].nearness for side in (None, 140)
    )
    assert not np.array_equal(coarse, fine)
    assert np.abs(np.diff(fine)).mean() > np.abs(np.diff(coarse)).mean()


def test_half_precision_takes_half_of_the_memory_and_agrees(folders):
    photo = picture(70, 70)
    whole, half = ref_of(folders / "relative"), ref_of(folders / "relative", dtype="bfloat16")
    assert tensor_bytes(load_model(half, "cpu", "resident")) * 2 == pytest.approx(
        tensor_bytes(load_model(whole, "cpu", "resident")), rel=0.01
    )
    depths = [depth_anything([photo], ref, ctx=Context.for_test())[0].nearness for ref in (whole, half)]
    assert np.abs(depths[0] - depths[1]).mean() < 0.1


def test_another_architecture_is_refused_with_those_that_are_known(folders, tmp_path):
    folder = _copied(folders / "dpt", tmp_path / "wrong")
    _change_config(folder, model_type="vit")
    with pytest.raises(ModelError, match=r"model_type is 'vit', .* depth_anything, dpt and glpn"):
        depth_anything([picture(9, 9)], ref_of(folder), ctx=Context.for_test())


def test_weights_of_another_configuration_are_refused(folders, tmp_path):
    folder = _copied(folders / "relative", tmp_path / "wrong")
    config = json.loads((folder / "config.json").read_text())
    config["backbone_config"]["num_hidden_layers"] = 5
    _change_config(folder, backbone_config=config["backbone_config"])
    with pytest.raises(
        ModelError, match="weights of a DepthAnythingForDepthEstimation are missing, such as backbone"
    ):
        depth_anything([picture(9, 9)], ref_of(folder), ctx=Context.for_test())


def test_truncated_weights_are_refused_before_anything_is_loaded(folders, tmp_path):
    folder = _copied(folders / "relative", tmp_path / "wrong")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        ref_of(folder)


def test_folder_without_the_image_processor_is_refused(folders, tmp_path):
    folder = _copied(folders / "relative", tmp_path / "wrong")
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError, match="it has no preprocessor_config"):
        ref_of(folder)


def test_code_that_a_folder_brings_is_not_run(folders, tmp_path):
    folder = _copied(folders / "relative", tmp_path / "wrong")
    (folder / "evil.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    _change_config(folder, auto_map={"AutoModelForDepthEstimation": "evil.Net", "AutoConfig": "evil.Config"})
    depth_anything([picture(9, 9)], ref_of(folder), ctx=Context.for_test())
    assert not (folder / "ran").exists()


def test_kernel_from_the_hub_and_weights_of_a_backbone_are_not_asked_for(folders, tmp_path):
    folder = _copied(folders / "relative", tmp_path / "wrong")
    backbone = json.loads((folder / "config.json").read_text())["backbone_config"]
    named = {"_attn_implementation": "kernels-community/flash-attn"}
    _change_config(folder, backbone_config=backbone | named, use_pretrained_backbone=True, **named)
    changed, plain = (
        depth_anything([picture(9, 9)], ref_of(each), ctx=Context.for_test())[0].nearness
        for each in (folder, folders / "relative")
    )
    assert np.array_equal(changed, plain)


def _copied(folder, to):
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def _change_config(folder, **entries):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def test_memory_grows_with_the_batch_the_side_and_the_photo():
    assert depth_bytes(2) == 2 * depth_bytes(1)
    assert depth_bytes(1, side=1036) == pytest.approx(4 * depth_bytes(1), rel=0.01)
    assert depth_bytes(1, picture(100, 100)) == depth_bytes(1) + 150_000

import pytest

from nodegraph import Context
from nodegraph.models import ModelError
from nodes.load import load_inpaint
from nodes.tiny.inpaint import make_tiny_inpaint


def test_published_model_that_is_not_here_is_told_with_its_size_licence_and_command(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    name = "stable-diffusion-v1-5/stable-diffusion-inpainting"
    with pytest.raises(ModelError) as error:
        load_inpaint(name, variant="fp16", ctx=Context.for_test())
    assert "about 2.8 GB, licence: CreativeML OpenRAIL-M" in str(error.value)
    assert f"hf download {name} " in str(error.value)


def test_part_whose_weights_are_missing_or_truncated_is_named(tmp_path):
    make_tiny_inpaint(tmp_path)
    weights = tmp_path / "vae/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-50])
    with pytest.raises(ModelError, match=r"vae/diffusion_pytorch_model\.safetensors"):
        load_inpaint(tmp_path, ctx=Context.for_test())
    weights.unlink()
    with pytest.raises(ModelError, match="weights of vae are missing"):
        load_inpaint(tmp_path, ctx=Context.for_test())


def test_class_of_the_pipeline_makes_another_model(tmp_path):
    make_tiny_inpaint(tmp_path)
    plain, named = (
        load_inpaint(tmp_path, pipeline_class=name, ctx=Context.for_test())
        for name in ("", "StableDiffusionInpaintPipeline")
    )
    assert plain != named
    assert (plain.config, named.config) == ("", "StableDiffusionInpaintPipeline")

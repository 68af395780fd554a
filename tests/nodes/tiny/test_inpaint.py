import numpy as np
import pytest

from nodes.libraries import library
from nodes.tiny.controlnet import make_tiny_controlnet
from nodes.tiny.inpaint import make_tiny_inpaint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tiny")
    make_tiny_inpaint(made / "inpaint", seed=1)
    make_tiny_controlnet(made / "controlnet", seed=1)
    return made


def call(pipeline, prompt="a cat", **more):
    from PIL import Image as Pillow

    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    hole = np.zeros((64, 64), np.uint8)
    hole[16:48, 16:48] = 255
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        prompt=prompt,
        image=Pillow.fromarray(picture),
        mask_image=Pillow.fromarray(hole),
        height=64,
        width=64,
        num_inference_steps=2,
        generator=library("torch").Generator("cpu").manual_seed(0),
        output_type="np",
        **more,
    ).images


def test_diffusers_takes_the_inpainting_pipeline_and_its_prompt_matters(folder):
    diffusers = library("diffusers")
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder / "inpaint", local_files_only=True)
    assert type(pipeline) is diffusers.StableDiffusionInpaintPipeline
    assert pipeline.unet.config.in_channels == 9
    assert call(pipeline).shape == (1, 64, 64, 3)
    assert np.abs(call(pipeline) - call(pipeline, "a dog")).max() > 0.01


def test_diffusers_takes_the_controlnet_beside_it_and_the_control_picture_matters(folder):
    from PIL import Image as Pillow

    diffusers = library("diffusers")
    pipeline = diffusers.StableDiffusionControlNetInpaintPipeline.from_pretrained(
        folder / "inpaint",
        controlnet=diffusers.ControlNetModel.from_pretrained(folder / "controlnet", local_files_only=True),
        local_files_only=True,
    )
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[::4] = 255
    plain, striped = (call(pipeline, control_image=Pillow.fromarray(each)) for each in (lines * 0, lines))
    assert np.abs(plain - striped).max() > 0.01


@pytest.mark.parametrize(("make", "most"), [(make_tiny_inpaint, 1_600_000), (make_tiny_controlnet, 600_000)])
def test_equal_arguments_give_equal_small_files(tmp_path, make, most):
    for name in ("a", "b"):
        make(tmp_path / name, seed=5)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert [(tmp_path / "a" / file).read_bytes() for file in files] == [
        (tmp_path / "b" / file).read_bytes() for file in files
    ]
    assert sum((tmp_path / "a" / file).stat().st_size for file in files) < most

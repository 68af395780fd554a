"""`load.svd`: what is held of a model in each mode, and what is told when it cannot be loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodegraph import Context, ModelRef
from nodegraph.models import Mode, ModelError
from nodegraph.models.loading import load_model, model_sizes
from nodegraph.models.tensors import tensor_bytes
from nodes.libraries import library
from nodes.load.svd import load_svd
from nodes.tiny.svd import make_tiny_svd

# diffusers gives its schedulers' tensors to NumPy by a protocol that NumPy 2 has changed.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")

MODES: tuple[Mode, ...] = ("resident", "swap", "chunked", "offload")
UNET = Path("unet/diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("svd") / "tiny"
    make_tiny_svd(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def find(folder: Path, **params: Any) -> ModelRef:
    return load_svd(folder, ctx=Context.for_test(), **params)


def networks(held: Any) -> dict[str, Any]:
    with held.lent() as pipeline:
        return {name: part for name, part in pipeline.components.items() if hasattr(part, "parameters")}


def edit_index(folder: Path, **entries: Any) -> None:
    file = folder / "model_index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | entries))


def test_a_tiny_model_is_the_same_for_a_seed_and_another_for_another(made: Path, tmp_path: Path) -> None:
    make_tiny_svd(tmp_path / "same")
    make_tiny_svd(tmp_path / "other", seed=1)
    assert (tmp_path / "same" / UNET).read_bytes() == (made / UNET).read_bytes()
    assert (tmp_path / "other" / UNET).read_bytes() != (made / UNET).read_bytes()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_parts_are_built_alike_in_all_modes(made: Path, dtype: str) -> None:
    ref = find(made, dtype=dtype)
    whole = networks(load_model(ref, "cpu", "resident"))
    for mode in ("swap", "offload"):
        for name, part in networks(load_model(ref, "cpu", mode)).items():
            assert part.training == whole[name].training
            for tensors in ("named_parameters", "named_buffers"):
                expected = {key: each.dtype for key, each in getattr(whole[name], tensors)()}
                assert {key: each.dtype for key, each in getattr(part, tensors)()} == expected


@pytest.mark.parametrize("mode", MODES)
def test_no_more_is_held_than_was_said(made: Path, mode: Mode) -> None:
    torch = library("torch")
    ref = find(made)
    held = load_model(ref, "cpu", mode)
    peak = 0

    def look(module: Any, inputs: Any) -> None:
        nonlocal peak
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Conv3d, torch.nn.Embedding)):
            peak = max(peak, tensor_bytes(held) or 0)

    with torch.nn.modules.module.register_module_forward_pre_hook(look), held.lent() as pipeline:
        from PIL import Image

        pipeline(Image.new("RGB", (64, 64)), width=64, height=64, num_frames=2, num_inference_steps=1)
    said = model_sizes(ref)
    assert 0 < peak <= said[mode] * 1.01
    assert said["offload"] < said["swap"] < said["resident"]
    after = tensor_bytes(held) or 0
    assert after == pytest.approx(said["resident"], rel=0.01) if mode == "resident" else after < 1000


@pytest.mark.parametrize("mode", ["resident", "swap"])
def test_loading_draws_no_random_numbers(made: Path, mode: Mode) -> None:
    torch = library("torch")
    before = torch.random.get_rng_state()
    load_model(find(made), "cpu", mode)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_of_a_variant_are_read_and_plain_ones_where_a_part_has_none(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    halves = {name: tensor * 0.5 for name, tensor in load_file(folder / UNET).items()}
    save_file(halves, folder / "unet/diffusion_pytorch_model.fp16.safetensors", metadata={"format": "pt"})
    for mode in ("resident", "swap"):
        plain = load_model(find(folder), "cpu", mode)
        variant = load_model(find(folder, variant="fp16"), "cpu", mode)
        assert _bias(variant) == pytest.approx(0.5 * _bias(plain))


def _bias(held: Any) -> float:
    """A number of the UNet, while it is there."""
    with held.lent() as pipeline:
        unet = pipeline.unet
        if hasattr(unet, "_hf_hook"):
            unet._hf_hook.pre_forward(unet)
        return float(unet.conv_in.bias.detach()[0])


def test_another_pipeline_is_refused_with_both_names(folder: Path) -> None:
    edit_index(folder, _class_name="DDPMPipeline")
    with pytest.raises(ModelError, match=r"it is a DDPMPipeline, not a StableVideoDiffusionPipeline"):
        load_model(find(folder), "cpu", "resident")


@pytest.mark.parametrize(
    "entry",
    [
        ["my_code", "MyUNet"],
        ["os", "system"],
        ["diffusers", "nothing"],
        ["transformers", "pipeline"],
        ["transformers", "AutoModel"],
        ["diffusers", "DiffusionPipeline"],
        ["json"],
    ],
)
def test_code_that_comes_with_a_model_is_never_run(folder: Path, entry: list[str], tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    for file in ("my_code.py", "unet/my_code.py", "pipeline.py"):
        (folder / file).write_text(f"open({str(ran)!r}, 'w')\nclass MyUNet: pass\n")
    edit_index(folder, unet=entry)
    with pytest.raises(ModelError, match="part 'unet'"):
        load_model(find(folder), "cpu", "resident")
    edit_index(folder, _class_name=["pipeline", "MyPipeline"])
    with pytest.raises(ModelError, match=r"MyPipeline'\], not a StableVideoDiffusionPipeline"):
        find(folder)
    assert not ran.exists()


def _truncate(folder: Path) -> None:
    (folder / UNET).write_bytes((folder / UNET).read_bytes()[:-100])


def _remove_part(folder: Path) -> None:
    shutil.rmtree(folder / "unet")


@pytest.mark.parametrize("harm", [_truncate, _remove_part])
def test_missing_or_truncated_weights_are_told_before_anything_is_loaded(
    folder: Path, harm: Callable[[Path], None]
) -> None:
    harm(folder)
    with pytest.raises(ModelError, match="unet"):
        find(folder)


def _drop_a_weight(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / UNET)
    del weights["conv_in.weight"]
    save_file(weights, folder / UNET, metadata={"format": "pt"})


def _swap_configuration(folder: Path) -> None:
    file = folder / "unet/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"block_out_channels": [64, 64]}))


def _spoil_configuration(folder: Path) -> None:
    (folder / "unet/config.json").write_text("{")


@pytest.mark.parametrize("mode", ["resident", "swap", "offload"])
@pytest.mark.parametrize("harm", [_drop_a_weight, _swap_configuration, _spoil_configuration])
def test_weights_that_are_not_those_of_the_class_are_told_with_their_folder(
    folder: Path, harm: Callable[[Path], None], mode: Mode
) -> None:
    harm(folder)
    with pytest.raises(ModelError, match=str(folder / "unet")):
        load_model(find(folder), "cpu", mode)


def test_a_single_file_is_refused(made: Path) -> None:
    with pytest.raises(ModelError, match=r"Video Diffusion model is a folder with model_index\.json"):
        find(made / UNET)


def test_a_model_that_is_not_here_is_told_with_what_to_fetch(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as raised:
        load_svd("stabilityai/stable-video-diffusion-img2vid-xt", ctx=Context.for_test())
    assert "hf download stabilityai/stable-video-diffusion-img2vid-xt" in str(raised.value)
    assert "non-commercial" in str(raised.value)
    assert "4.5 GB" in str(raised.value)

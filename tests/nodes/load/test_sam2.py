"""`load.sam2`: what names a SAM 2 model, and what is told when it cannot be built."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from nodegraph import Context, ModelRef
from nodegraph.models import ModelError
from nodegraph.models.loading import load_model, model_sizes
from nodes.libraries import library
from nodes.load.sam2 import load_sam2
from nodes.tiny.sam2 import NAME, make_tiny_sam2
from nodes.track.sam2_model import PUBLISHED, fitting_config, load_sam2_video, refuse_other_model


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sam2") / "tiny"
    make_tiny_sam2(folder)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "copy"))


def find(model: str | Path, config: str | Path = "", **params: Any) -> ModelRef:
    return load_sam2(model, config, ctx=Context.for_test(), **params)


def load(ref: ModelRef) -> Any:
    return load_model(ref, "cpu", "resident")


def test_folder_with_its_yaml_loads_without_drawing_random_numbers(folder: Path):
    torch = library("torch")
    ref = find(folder)
    assert json.loads(ref.config)["model"]["image_size"] == 128
    before = torch.random.get_rng_state()
    predictor = load(ref)
    assert torch.equal(torch.random.get_rng_state(), before)
    stored = torch.load(folder / f"{NAME}.pt", weights_only=True)["model"]
    assert all(torch.equal(tensor, stored[name]) for name, tensor in predictor.state_dict().items())
    assert not any(parameter.requires_grad for parameter in predictor.parameters())
    assert not predictor.training


def test_safetensors_beside_a_yaml_load_the_same(folder: Path):
    torch = library("torch")
    from safetensors.torch import save_file

    stored = torch.load(folder / f"{NAME}.pt", weights_only=True)["model"]
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, folder / "weights.safetensors")
    (folder / f"{NAME}.pt").unlink()
    ref = find(folder)
    assert all(torch.equal(tensor, stored[name]) for name, tensor in load(ref).state_dict().items())
    weights = sum(4 * tensor.numel() for tensor in stored.values())
    assert model_sizes(ref) == model_sizes(find(folder, dtype="bfloat16")) == {"resident": weights}


def test_of_a_folder_with_weights_for_transformers_too_the_checkpoint_is_taken(folder: Path):
    torch = library("torch")
    from safetensors.torch import save_file

    save_file({"vision_encoder.weight": torch.zeros(1)}, folder / "model.safetensors")
    ref = find(folder)
    assert ref.source.endswith(".pt")
    load(ref)


def test_checkpoint_travels_with_the_yaml_beside_it(folder: Path):
    ref = find(folder / f"{NAME}.pt")
    assert json.loads(ref.config)["model"]["image_size"] == 128
    (folder / f"{NAME}.yaml").unlink()
    load(ref)


def test_yaml_elsewhere_is_part_of_the_model(folder: Path, tmp_path: Path):
    config = yaml.safe_load((folder / f"{NAME}.yaml").read_text())
    config["model"]["num_maskmem"] = 7
    (tmp_path / "same.yaml").write_text(yaml.safe_dump(config))
    config["model"]["sigmoid_bias_for_mem_enc"] = -9.0
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(config))
    same, other = find(folder, tmp_path / "same.yaml"), find(folder, tmp_path / "other.yaml")
    assert same.config != other.config
    assert same.fingerprint == other.fingerprint
    assert load(other).sigmoid_bias_for_mem_enc == -9.0


def test_official_names_stand_for_packaged_configurations(folder: Path):
    official = folder / "sam2.1_hiera_base_plus.pt"
    shutil.copy(folder / f"{NAME}.pt", official)
    assert find(official).config == "configs/sam2.1/sam2.1_hiera_b+.yaml"
    assert find(official, "sam2.1_hiera_s.yaml").config == "configs/sam2.1/sam2.1_hiera_s.yaml"


def test_unknown_checkpoint_without_yaml_is_refused_with_what_there_is(folder: Path):
    (folder / f"{NAME}.yaml").unlink()
    with pytest.raises(ModelError, match=r"no official checkpoint.*configs/sam2\.1/sam2\.1_hiera_t\.yaml"):
        find(folder / f"{NAME}.pt")
    with pytest.raises(ModelError, match="no single YAML file"):
        load(find(folder))
    with pytest.raises(ModelError, match="config nothing: there is no such file"):
        find(folder, "nothing")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("model_index.json", {"_class_name": "FluxPipeline"}, "a pipeline of diffusers, 'FluxPipeline'"),
        ("config.json", {"model_type": "rt_detr"}, "a model of the type 'rt_detr'"),
        ("config.json", {"_class_name": "AutoencoderKL"}, "a network of diffusers, 'AutoencoderKL'"),
    ],
)
def test_folder_of_another_model_is_told_by_what_it_holds(folder: Path, file: str, content: Any, told: str):
    (folder / file).write_text(json.dumps(content))
    with pytest.raises(ModelError, match="and a SAM 2 checkpoint is expected; give one") as caught:
        refuse_other_model(folder, "")
    assert told in str(caught.value)


def test_folder_of_another_model_is_refused_where_it_is_named(folder: Path):
    (folder / f"{NAME}.yaml").unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "rt_detr"}))
    with pytest.raises(ModelError, match="a SAM 2 checkpoint is expected"):
        find(folder)


def test_folder_of_sam2_without_a_yaml_is_no_other_model(folder: Path):
    (folder / f"{NAME}.yaml").unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "sam2_video"}))
    with pytest.raises(ModelError, match="no single YAML file"):
        load(find(folder))


def test_refused_configuration_is_refused_before_anything_is_built(folder: Path, tmp_path: Path):
    evil = tmp_path / "evil.yaml"
    evil.write_text("model: {_target_: os.mkdir, path: made}")
    with pytest.raises(ModelError, match=r"evil\.yaml: model\._target_: 'os\.mkdir'"):
        find(folder, evil)
    ref = Context.for_test().find_model("sam2.video", folder)
    shutil.copy(evil, folder / f"{NAME}.yaml")
    with pytest.raises(ModelError, match=r"model\._target_: 'os\.mkdir'"):
        find(folder)
    with pytest.raises(ModelError, match=r"model\._target_: 'os\.mkdir'"):
        load_sam2_video(ref, folder, "cpu", "resident")


def test_wrong_architecture_is_told_with_some_of_the_tensors(folder: Path):
    ref = find(folder, "configs/sam2.1/sam2.1_hiera_t.yaml")
    with pytest.raises(ModelError, match=r"does not fit configs/sam2\.1/sam2\.1_hiera_t\.yaml") as caught:
        load(ref)
    assert "tensors are missing (" in str(caught.value)
    assert "give the config it was trained with" in str(caught.value)


def test_config_that_fits_is_named():
    torch = library("torch")
    blocks = {f"image_encoder.trunk.blocks.{n}.norm1.weight": torch.zeros(1) for n in range(16)}
    tensors = blocks | {"image_encoder.trunk.patch_embed.proj.weight": torch.zeros(96, 1)}
    assert fitting_config(tensors) == "configs/sam2/sam2_hiera_s.yaml"
    assert fitting_config(tensors | {"no_obj_embed_spatial": torch.zeros(1)}) == (
        "configs/sam2.1/sam2.1_hiera_s.yaml"
    )
    assert fitting_config(blocks) is None


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"image_sise": 128}, "model.image_sise: Sam2ClipPredictor takes no such argument"),
        ({"image_encoder": 5}, "model: Sam2ClipPredictor cannot be built so"),
        ({"num_maskmem": "many"}, "model: Sam2ClipPredictor cannot be built so"),
    ],
)
def test_arguments_that_do_not_fit_are_told_with_their_place(folder: Path, change: Any, told: str):
    config = yaml.safe_load((folder / f"{NAME}.yaml").read_text())
    config["model"] |= change
    (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(ModelError) as caught:
        load(find(folder))
    assert told in str(caught.value)


def test_weights_named_as_by_transformers_are_refused_with_advice(folder: Path):
    torch = library("torch")
    torch.save({"vision_encoder.neck.weight": torch.zeros(1)}, folder / f"{NAME}.pt")
    with pytest.raises(ModelError, match=r"as transformers names them.*sam2\.1_hiera_tiny\.pt"):
        load(find(folder))


def test_damaged_and_unsafe_checkpoints_are_refused(folder: Path):
    import pickle

    checkpoint = folder / f"{NAME}.pt"
    whole = checkpoint.read_bytes()
    checkpoint.write_bytes(whole[:1000])
    with pytest.raises(ModelError):
        find(folder)
    checkpoint.write_bytes(pickle.dumps({"model": Path("x")}))
    with pytest.raises(ModelError):
        load(find(folder))


def test_model_that_is_not_here_tells_what_to_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        find("facebook/sam2.1-hiera-tiny")
    assert "hf download facebook/sam2.1-hiera-tiny --include" in str(caught.value)
    assert "Apache-2.0" in str(caught.value)
    assert len(PUBLISHED) == 4


def test_checkpoint_in_the_hub_cache_is_found_by_its_id(
    made: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    torch = library("torch")
    from safetensors.torch import save_file

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    cached = tmp_path / "models--facebook--sam2.1-hiera-tiny"
    shutil.copytree(made, cached / "snapshots/abc123")
    save_file({"vision_encoder.weight": torch.zeros(1)}, cached / "snapshots/abc123/model.safetensors")
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text("abc123")
    ref = find("facebook/sam2.1-hiera-tiny")
    assert ref.revision == "abc123"
    assert load(ref).image_size == 128

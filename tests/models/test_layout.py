"""Where weights lie: every layout is read, and what is missing is named."""

from __future__ import annotations

import json
import shutil

import pytest

from nodegraph.models.errors import ModelError
from nodegraph.models.headers import StoredTensor
from nodegraph.models.layout import model_files, read_weights, weight_files
from nodegraph.models.weights import Weights, default_sizes


def names(path, variant=""):
    return {
        component: [file.relative_to(path).as_posix() for file in files]
        for component, files in weight_files(path, variant).items()
    }


def test_pipeline_has_the_weights_of_its_components(disk):
    assert names(disk.pipeline("p")) == {
        "unet": ["unet/diffusion_pytorch_model.safetensors"],
        "vae": ["vae/diffusion_pytorch_model.safetensors"],
    }


def test_variant_is_taken_where_a_component_has_it_and_plain_weights_elsewhere(disk):
    folder = disk.pipeline("p")
    disk.weights("p/unet/diffusion_pytorch_model.fp16.safetensors", {"w": ("F16", (1,))})
    assert names(folder, "fp16") == {
        "unet": ["unet/diffusion_pytorch_model.fp16.safetensors"],
        "vae": ["vae/diffusion_pytorch_model.safetensors"],
    }
    assert names(folder)["unet"] == ["unet/diffusion_pytorch_model.safetensors"]


def test_plain_folder_has_one_component(disk):
    assert names(disk.plain("m")) == {"": ["model.safetensors"]}
    assert names(disk.plain("m", "fp16"), "fp16") == {"": ["model.fp16.safetensors"]}


def test_shards_are_those_of_the_index(disk):
    folder = disk.sharded("m")
    assert names(folder) == {"": ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]}
    assert read_weights(folder).nbytes("float32") == 48


def test_sharded_variant_is_found_by_its_index(disk):
    disk.weights("m/model.fp16-00001-of-00001.safetensors", {"w": ("F16", (4,))})
    shards = {"w": "model.fp16-00001-of-00001.safetensors"}
    disk.json("m/model.safetensors.index.fp16.json", {"weight_map": shards})
    assert names(disk.root / "m", "fp16") == {"": ["model.fp16-00001-of-00001.safetensors"]}


def test_single_file_is_a_model(disk):
    path = disk.weights("some-model_1.0.safetensors", {"w": ("F32", (4,))})
    assert weight_files(path) == {"": (path,)}


def test_one_weight_file_of_a_name_of_its_own_is_found_in_a_folder(disk):
    path = disk.weights("m/some-model_1.0.safetensors", {"w": ("F32", (4,))})
    assert weight_files(path.parent) == {"": (path,)}


def test_safetensors_come_before_pickles(disk):
    folder = disk.plain("m")
    disk.bytes("m/pytorch_model.bin", b"not looked at")
    assert names(folder) == {"": ["model.safetensors"]}


def refusal(path, variant=""):
    with pytest.raises(ModelError) as error:
        read_weights(path, variant)
    return str(error.value)


def test_components_without_weights_are_named(disk):
    folder = disk.pipeline("p")
    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    shutil.rmtree(folder / "vae")
    assert refusal(folder) == f"{folder}: the weights of unet, vae are missing; fetch or copy the model again"


def test_link_to_nothing_counts_as_missing(disk):
    folder = disk.plain("m")
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder / "blobs" / "gone")
    assert "it has no weights" in refusal(folder)


def test_missing_shards_are_named(disk):
    folder = disk.sharded("m")
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert refusal(folder) == (
        f"{folder}/model.safetensors.index.json: model-00002-of-00002.safetensors of 2 files are missing; "
        "fetch or copy the model again"
    )


def test_tensor_that_a_shard_lacks_is_named(disk):
    folder = disk.sharded("m")
    disk.weights("m/model-00002-of-00002.safetensors", {"other": ("F32", (4,))})
    assert "tensor 'a.1.w' is not in it" in refusal(folder)


def test_truncated_shard_is_named(disk):
    folder = disk.sharded("m")
    shard = folder / "model-00001-of-00002.safetensors"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert refusal(folder).startswith(f"{shard}: it is truncated")


def test_unknown_variant_is_refused_with_those_there_are(disk):
    folder = disk.pipeline("p", "fp16")
    assert "the weights of unet, vae are missing; there are variants fp16" in refusal(folder, "int8")
    disk.pipeline("p")
    assert refusal(folder, "int8") == (
        f"{folder}: it has no weights of variant 'int8'; there are variants fp16"
    )


def test_variant_left_out_is_suggested(disk):
    folder = disk.plain("m", "fp16")
    assert refusal(folder) == f"{folder}: it has no weights; there are variants fp16; give one as variant"


def test_folder_without_weights_says_what_was_expected(tmp_path):
    assert refusal(tmp_path) == (
        f"{tmp_path}: it has no weights; expected model_index.json, or config.json and model.safetensors, or "
        "one .safetensors or .pt file; name the folder that holds the weights, or fetch the model again"
    )


def test_folder_of_several_models_asks_for_the_file(disk):
    for name in ("one", "two"):
        disk.weights(f"m/{name}.safetensors", {"w": ("F32", (4,))})
    assert "it has several weight files, one.safetensors, two.safetensors; name the file" in refusal(
        disk.root / "m"
    )


def test_path_that_is_not_there_or_no_weights_is_refused(disk):
    assert "there is no such file or folder" in refusal(disk.root / "gone")
    assert "this is no weight file" in refusal(disk.bytes("readme.md", b""))
    weights = disk.weights("w.safetensors", {"w": ("F32", (4,))})
    assert "a single file has no variant 'fp16'" in refusal(weights, "fp16")


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "..", ".hidden", "a\\b", "a/b", ""])
def test_names_in_files_that_lead_out_of_the_folder_are_refused(disk, name):
    disk.json("shards/model.safetensors.index.json", {"weight_map": {"w": name}})
    disk.json("pipeline/model_index.json", {name: ["diffusers", "UNet"]})
    for folder in ("shards", "pipeline"):
        assert "is not the name of something beside it" in refusal(disk.root / folder)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"weight_map": []}', b'{"weight_map": {}}', b"{}"])
def test_damaged_index_is_refused(disk, content):
    path = disk.bytes("m/model.safetensors.index.json", content)
    assert refusal(path.parent).startswith(f"{path}: ")


def test_files_of_a_model_are_configuration_and_the_weights_of_the_variant(disk):
    folder = disk.pipeline("p")
    disk.weights("p/unet/diffusion_pytorch_model.fp16.safetensors", {"w": ("F16", (1,))})
    disk.json("p/unet/diffusion_pytorch_model.safetensors.index.fp16.json", {})
    disk.bytes("p/README.md", b"# Model")
    disk.json("p/.cache/metadata.json", {})
    disk.json("p/onnx/config.json", {})
    assert set(model_files(folder)) == {
        "model_index.json",
        "scheduler/scheduler_config.json",
        "tokenizer/config.json",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    }


def test_sizes_per_mode_follow_from_the_run_time_dtype(disk):
    weights = read_weights(disk.pipeline("p"))
    assert default_sizes(weights, "float32") == {
        "resident": 1620,
        "swap": 1220,
        "chunked": 1220,
        "offload": 800,
    }
    assert default_sizes(weights, "bfloat16", ("resident",)) == {"resident": 810}
    stored_half = read_weights(disk.pipeline("half", "fp16"), "fp16")
    assert stored_half.nbytes("float16") == 810
    assert stored_half.nbytes("float32") == 1620


def test_integers_keep_their_bytes_whatever_the_run_time_dtype(disk):
    path = disk.weights("w.safetensors", {"ids": ("I64", (4,)), "mask": ("BOOL", (3,)), "w": ("BF16", (5,))})
    assert read_weights(path).nbytes("float32") == 32 + 3 + 20


def test_layer_is_a_name_up_to_its_first_number(disk):
    names = ("enc.layers.0.a.w", "enc.layers.0.b.1.w", "enc.layers.10.w", "head.w", "bias")
    weights = read_weights(disk.weights("w.safetensors", dict.fromkeys(names, ("U8", (1,)))))
    assert weights.layer_bytes("float32") == {"/enc.layers.0": 2, "/enc.layers.10": 1, "/head": 1, "/bias": 1}


def test_unknown_dtype_is_refused_with_those_there_are():
    with pytest.raises(ModelError, match=r"dtype 'half' is not known; there are float64, float32"):
        Weights({"": (StoredTensor("w", "F32", (1,), 4),)}).nbytes("half")


def test_class_of_a_pipeline_given_as_a_list_is_no_component(disk):
    folder = disk.pipeline("p")
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": ["custom", "Pipeline"]}))
    assert set(weight_files(folder)) == set(weight_files(disk.pipeline("q")))

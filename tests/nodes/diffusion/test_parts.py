"""Parts of pipelines that are built without weights and filled in are those that their libraries load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nodegraph.models import ModelError
from nodes.diffusion.index import Part
from nodes.diffusion.parts import build_part, load_part
from nodes.diffusion.stored import StoredWeights
from nodes.diffusion.turns import Turns
from nodes.libraries import library

SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
WAN = {
    "num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 36, "text_dim": 16, "freq_dim": 32,
    "ffn_dim": 32, "num_layers": 1, "image_dim": 16, "added_kv_proj_dim": 24,
}  # fmt: skip


def clip_text() -> Any:
    transformers = library("transformers")
    return transformers.CLIPTextModel(transformers.CLIPTextConfig(**SMALL, vocab_size=50))


def umt5() -> Any:
    """Has weights under two names, and some that stay in float32."""
    transformers = library("transformers")
    config = transformers.UMT5Config(
        d_model=16, d_ff=16, d_kv=8, num_layers=1, num_heads=2, vocab_size=40, feed_forward_proj="gated-gelu"
    )
    return transformers.UMT5EncoderModel(config)


def wan() -> Any:
    """Has tables that are in no file, and layers that stay in float32."""
    return library("diffusers").WanTransformer3DModel(**WAN)


def filled(part: Part, dtype: Any, folder: Path) -> Any:
    module = build_part(part, dtype)
    turns = Turns("cpu", by_layer=False)
    turns.take_on(module, StoredWeights(folder, "", module, keep=False), where=str(folder))
    module._hf_hook.pre_forward(module)
    return module


def require_equal(part: Part, folder: Path, dtype_name: str) -> None:
    torch = library("torch")
    dtype = getattr(torch, dtype_name)
    whole, built = load_part(part, dtype, ""), filled(part, dtype, folder)
    for tensors in ("named_parameters", "named_buffers"):
        expected, found = dict(getattr(whole, tensors)()), dict(getattr(built, tensors)())
        assert found.keys() == expected.keys()
        for name, tensor in expected.items():
            assert found[name].dtype == tensor.dtype, name
            assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("make", [clip_text, umt5, wan])
def test_parts_have_the_weights_and_tables_that_their_library_gives_them(
    make: Any, dtype: str, tmp_path: Path
) -> None:
    module = make()
    module.save_pretrained(tmp_path)
    require_equal(Part("part", type(module), tmp_path), tmp_path, dtype)


def test_weights_published_under_names_of_before_are_found(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    module = clip_text()
    module.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    save_file(
        {f"text_model.{name}": tensor for name, tensor in load_file(file).items()}, file, {"format": "pt"}
    )
    require_equal(Part("part", type(module), tmp_path), tmp_path, "float32")


def test_weights_of_a_vae_published_under_names_of_before_are_found(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    diffusers = library("diffusers")
    module = diffusers.AutoencoderKL(block_out_channels=(32,), norm_num_groups=32)
    module.save_pretrained(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    renamed = {
        name.replace("to_q.", "query.")
        .replace("to_k.", "key.")
        .replace("to_v.", "value.")
        .replace("to_out.0.", "proj_attn."): tensor
        for name, tensor in load_file(file).items()
    }
    assert "encoder.mid_block.attentions.0.query.weight" in renamed
    save_file(renamed, file, {"format": "pt"})
    require_equal(Part("part", type(module), tmp_path), tmp_path, "float32")


def test_pickled_weights_are_read_as_weights_alone(tmp_path: Path) -> None:
    torch = library("torch")
    module = clip_text()
    module.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin")
    require_equal(Part("part", type(module), tmp_path), tmp_path, "bfloat16")


@pytest.mark.parametrize("make", [clip_text, umt5])
def test_kernel_that_a_configuration_asks_for_from_the_hub_is_not_used(make: Any, tmp_path: Path) -> None:
    module = make()
    module.save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    asked = {"_attn_implementation": "kernels-community/flash-attn"}
    file.write_text(json.dumps(json.loads(file.read_text()) | asked))
    require_equal(Part("part", type(module), tmp_path), tmp_path, "float32")


def test_tokenizer_that_brings_code_is_refused_without_asking(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: pass\n")
    asked = {"image_processor_type": "X", "auto_map": {"AutoImageProcessor": "evil.Evil"}}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(asked))
    part = Part("feature_extractor", library("transformers").AutoImageProcessor, tmp_path)
    with pytest.raises(ModelError, match="contains custom code"):
        load_part(part, library("torch").float32, "")
    assert not ran.exists()


def test_part_of_a_library_that_is_not_installed_is_told_with_its_name(tmp_path: Path) -> None:
    part = Part("unet", library("diffusers").OnnxRuntimeModel, tmp_path)
    with pytest.raises(ModelError, match=r"needs a library that is missing: .*onnxruntime"):
        load_part(part, library("torch").float32, "")


def test_a_file_that_changes_under_way_is_told(tmp_path: Path) -> None:
    torch = library("torch")
    module = clip_text()
    module.save_pretrained(tmp_path)
    weights = StoredWeights(tmp_path, "", module, keep=False)
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:3000])
    names = list(dict(module.named_parameters()))
    with pytest.raises(ModelError, match="it is truncated"):
        [weights.read(name, torch.float32) for name in names]


def test_part_whose_weights_change_dtype_under_way_keeps_what_the_first_took_away(tmp_path: Path) -> None:
    """A VAE of float16 that encodes in float32 does so with weights of float16."""
    torch = library("torch")
    module = clip_text()
    module.save_pretrained(tmp_path)
    part = Part("part", type(module), tmp_path)
    whole = load_part(part, torch.float16, "").to(torch.float32)
    built = build_part(part, torch.float16)
    turns = Turns("cpu", by_layer=False)
    turns.take_on(built, StoredWeights(tmp_path, "", built, keep=False), where="")
    built.to(torch.float32)
    built._hf_hook.pre_forward(built)
    for name, tensor in whole.named_parameters():
        assert torch.equal(built.get_parameter(name), tensor)
    turns.clear()
    assert all(parameter.is_meta for parameter in built.parameters())


def siglip() -> Any:
    """Its attention is torch's own, which reads weights of a module inside without running it."""
    transformers = library("transformers")
    config = transformers.SiglipVisionConfig(**SMALL, image_size=16, patch_size=8)
    return transformers.SiglipVisionModel(config)


def by_turns(part: Part, folder: Path, *, by_layer: bool) -> Any:
    module = build_part(part, library("torch").float32)
    turns = Turns("cpu", by_layer=by_layer)
    turns.take_on(module, StoredWeights(folder, "", module, keep=False), where=str(folder))
    return module


@pytest.mark.parametrize("by_layer", [False, True])
def test_part_with_attention_of_torch_runs_by_turns(by_layer: bool, tmp_path: Path) -> None:
    torch = library("torch")
    module = siglip()
    module.save_pretrained(tmp_path)
    part = Part("image_encoder", type(module), tmp_path)
    picture = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        expected = load_part(part, torch.float32, "")(picture).pooler_output
        found = by_turns(part, tmp_path, by_layer=by_layer)(picture).pooler_output
    assert torch.equal(found, expected)


@pytest.mark.parametrize("by_layer", [False, True])
def test_module_inside_a_part_runs_alone_by_turns(by_layer: bool, tmp_path: Path) -> None:
    torch = library("torch")
    module = umt5()
    module.save_pretrained(tmp_path)
    part = Part("text_encoder", type(module), tmp_path)
    words = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        expected = load_part(part, torch.float32, "").encoder(words).last_hidden_state
        found = by_turns(part, tmp_path, by_layer=by_layer).encoder(words).last_hidden_state
    assert torch.equal(found, expected)


def test_weights_that_are_read_begin_where_those_of_a_mapped_file_do(tmp_path: Path) -> None:
    """The last bits of sums depend on it."""
    torch = library("torch")
    module = wan()
    module.save_pretrained(tmp_path)
    part = Part("transformer", type(module), tmp_path)
    whole, built = load_part(part, torch.float32, ""), filled(part, torch.float32, tmp_path)
    begins = {name: tensor.data_ptr() % 64 for name, tensor in whole.named_parameters()}
    assert len(set(begins.values())) > 1
    assert begins == {name: tensor.data_ptr() % 64 for name, tensor in built.named_parameters()}

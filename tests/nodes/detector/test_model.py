from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nodegraph import Context
from nodegraph.models import ModelError
from nodes.load.detector import load_detector


@pytest.fixture
def folder(detectors, tmp_path) -> Path:
    return shutil.copytree(detectors["rt_detr"], tmp_path / "model")


def loaded(folder: Path) -> object:
    ctx = Context.for_test()
    with ctx.use(load_detector(folder, ctx=ctx)) as detector:
        return detector


def _edit(file: Path, **changes: object) -> None:
    content = json.loads(file.read_text())
    file.write_text(json.dumps(content | changes))


def _another_kind_of_model(folder: Path) -> None:
    _edit(folder / "config.json", model_type="clip")


def _unknown_kind_of_model(folder: Path) -> None:
    _edit(folder / "config.json", model_type="my_own")


def _quantised(folder: Path) -> None:
    _edit(folder / "config.json", quantization_config={"quant_method": "bitsandbytes"})


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _bad_field(folder: Path) -> None:
    _edit(folder / "config.json", d_model="wide")


def _wider(folder: Path) -> None:
    _edit(folder / "config.json", encoder_ffn_dim=256)


def _one_more_layer(folder: Path) -> None:
    _edit(folder / "config.json", decoder_layers=3)


def _no_preprocessor(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()


def _another_preprocessor(folder: Path) -> None:
    _edit(folder / "preprocessor_config.json", image_processor_type="CLIPImageProcessor")


def _unknown_preprocessor(folder: Path) -> None:
    _edit(folder / "preprocessor_config.json", image_processor_type="MyProcessor")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_another_kind_of_model, r"config\.json: model type 'clip' is no object detector of transformers"),
        (_unknown_kind_of_model, r"model type 'my_own' is no object detector .*use a checkpoint of RT-DETR"),
        (_quantised, r"config\.json: the model is quantised; use the checkpoint with plain weights"),
        (_no_json, r"config\.json: it is not valid JSON; fetch or copy the model again"),
        (_bad_field, r"config\.json: transformers cannot read it: .*d_model"),
        (_wider, r"the weights do not fit config\.json: .*fetch the model again"),
        (_one_more_layer, r"the weights lack '.*' and \d+ more of the RTDetrForObjectDetection"),
        (_no_preprocessor, r"it has no preprocessor_config\.json; fetch or copy"),
        (_another_preprocessor, r"CLIPImageProcessor\w* is no processor of an object detector"),
        (_unknown_preprocessor, r"preprocessor_config\.json: transformers cannot read it"),
    ],
)
def test_checkpoint_that_is_no_detector_or_damaged_is_refused_by_name(folder, damage, message):
    damage(folder)
    with pytest.raises(ModelError, match=message):
        loaded(folder)


def test_network_for_another_task_is_refused_where_it_is_named(folder):
    _edit(folder / "config.json", architectures=["RTDetrModel"])
    with pytest.raises(ModelError, match="it holds a RTDetrModel, and an object detector is expected"):
        load_detector(folder, ctx=Context.for_test())
    _edit(folder / "config.json", architectures=None)
    loaded(folder)


def test_truncated_weights_are_refused(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        loaded(folder)


def test_single_weight_file_is_refused(folder):
    with pytest.raises(ModelError, match=r"detector is a folder with config\.json, and this is a file"):
        loaded(folder / "model.safetensors")


def test_missing_folder_and_missing_hub_id_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    with pytest.raises(ModelError, match="there is no such model folder"):
        load_detector(tmp_path / "none", ctx=Context.for_test())
    with pytest.raises(ModelError, match="somebody/detector"):
        load_detector("somebody/detector", ctx=Context.for_test())


def test_code_that_a_checkpoint_names_is_not_run(folder, tmp_path):
    marker = tmp_path / "ran"
    (folder / "modeling.py").write_text(f"open({str(marker)!r}, 'w')\n")
    for name in ("config.json", "preprocessor_config.json"):
        _edit(folder / name, auto_map={"AutoModelForObjectDetection": "modeling.Model"})
    loaded(folder)
    assert not marker.exists()


def test_backbone_of_timm_is_built_without_fetching_its_weights(tmp_path):
    from nodes.libraries import library

    transformers = library("transformers")
    config = transformers.DetrConfig(
        backbone_config={
            "model_type": "timm_backbone", "backbone": "resnet10t", "out_indices": [1, 2, 3, 4]
        },
        d_model=32, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=32, decoder_ffn_dim=32,
        encoder_attention_heads=2, decoder_attention_heads=2, num_queries=5,
    )  # fmt: skip
    transformers.DetrForObjectDetection(config).save_pretrained(tmp_path)
    transformers.DetrImageProcessor(size={"height": 64, "width": 64}, do_pad=False).save_pretrained(tmp_path)
    backbone = json.loads((tmp_path / "config.json").read_text())["backbone_config"]
    _edit(tmp_path / "config.json", backbone_config=backbone | {"use_pretrained_backbone": True})
    assert loaded(tmp_path).labels == ("LABEL_0", "LABEL_1")

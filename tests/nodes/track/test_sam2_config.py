"""Configurations of SAM 2: the packaged ones are read, and nothing but parts of SAM 2 can be named."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from nodegraph.models import ModelError
from nodes.track.sam2_config import (
    OFFICIAL,
    config_from_json,
    config_to_json,
    packaged_name,
    parse_config,
    read_config,
)

BASE = "sam2.modeling.sam2_base.SAM2Base"


def text(**model: Any) -> str:
    return yaml.safe_dump({"model": {"_target_": BASE, **model}})


@pytest.mark.parametrize("name", OFFICIAL.values())
def test_packaged_configurations_are_read_with_their_numbers(name: str):
    found = find_spec("sam2")
    assert found is not None
    assert found.submodule_search_locations is not None
    config = read_config(Path(found.submodule_search_locations[0]) / name)
    assert config["image_size"] == 1024
    assert config["memory_encoder"]["fuser"]["layer"]["layer_scale_init_value"] == 1e-6
    assert config_from_json(config_to_json(config), "again") == config


def test_equal_configurations_give_equal_json():
    one = parse_config(f"model: {{image_size: 128, _target_: {BASE}}}", "one.yaml")
    other = parse_config(f"# a note\nmodel:\n  _target_: {BASE}\n  image_size: 128\n", "other.yaml")
    assert config_to_json(one) == config_to_json(other)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("configs/sam2.1/sam2.1_hiera_b+.yaml", "configs/sam2.1/sam2.1_hiera_b+.yaml"),
        ("sam2.1_hiera_t.yaml", "configs/sam2.1/sam2.1_hiera_t.yaml"),
        ("sam2.1_hiera_base_plus.pt", "configs/sam2.1/sam2.1_hiera_b+.yaml"),
        ("sam2_hiera_large", "configs/sam2/sam2_hiera_l.yaml"),
        ("elsewhere/sam2.1_hiera_t.yaml", None),
        ("sam2.2_hiera_t.yaml", None),
    ],
)
def test_names_of_packaged_configurations(name: str, found: str | None):
    assert packaged_name(name) == found


def test_references_are_resolved_within_the_file():
    config = parse_config(
        f"size: {{side: 256}}\nmodel: {{_target_: {BASE}, image_size: '${{size.side}}'}}", "x"
    )
    assert config["image_size"] == 256


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (text(image_encoder={"_target_": "os.system", "command": "true"}), "model.image_encoder._target_"),
        (text(image_encoder={"_target_": "sam2.build_sam.build_sam2"}), "none of the classes"),
        (text(image_encoder={"_target_": ["os.system"]}), "none of the classes"),
        (text(image_encoder={"_partial_": True}), "model.image_encoder._partial_"),
        (text(image_encoder={"_args_": ["/etc/passwd"]}), "model.image_encoder._args_"),
        (text(image_encoder={"depth": 3}), "it has no _target_"),
        (text(compile_image_encoder=True), "compiled encoder"),
        (
            text(trunk={"_target_": "sam2.modeling.backbones.hieradet.Hiera", "weights_path": "x.pt"}),
            "model.trunk.weights_path",
        ),
        (text(image_size="${oc.env:HOME}"), "model.image_size"),
        (text(image_size="a ${model.num_maskmem}"), "model.image_size"),
        (text(image_size="${model.image_size}"), "refers to itself"),
        (text(image_size="${model.nothing}"), "no such entry"),
        (text(image_size=10**9), "no size"),
        (text(image_size=float("nan")), "no size"),
        (text(stages=[1] * 65), "at most 64"),
        (text(fpn="x" * 65), "at most 64"),
        (f"model: &m {{_target_: {BASE}, inner: *m}}", "refers to itself"),
        (f"model: {{_target_: {BASE}, when: 2020-01-01}}", "a date is no value"),
        ("model: {_target_: sam2.modeling.backbones.hieradet.Hiera}", f"must be {BASE}"),
        ("model: !!python/object/apply:os.system [true]", "not YAML"),
        ("trainer: {}", "under 'model'"),
        ("[", "not YAML"),
    ],
)
def test_what_is_no_data_of_sam2_is_refused_with_its_place(config: str, told: str):
    with pytest.raises(ModelError) as caught:
        parse_config(config, "here.yaml")
    assert str(caught.value).startswith("here.yaml: ")
    assert told in str(caught.value)


def test_aliases_that_multiply_are_refused():
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 9)]
    with pytest.raises(ModelError, match="too long"):
        parse_config("\n".join([*lines, f"model: {{_target_: {BASE}, stages: *a8}}"]), "bomb.yaml")


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="UTF-8"):
        read_config(tmp_path / "binary.yaml")
    (tmp_path / "large.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ModelError, match="no configuration of SAM 2 has more than"):
        read_config(tmp_path / "large.yaml")
    with pytest.raises(ModelError, match="cannot be read"):
        read_config(tmp_path / "missing.yaml")

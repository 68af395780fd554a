"""How a SAM 2 model is built: its YAML configuration, checked, as JSON.

The YAML files of the `sam2` library name classes by `_target_`, which Hydra would import and call whatever
they are. Here a configuration is data: only the parts of SAM 2 itself can be named, `${...}` can point
nowhere but into the same file, and what reads files or compiles is refused.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from nodegraph.models import ModelError

OFFICIAL: Mapping[str, str] = {
    "sam2_hiera_tiny": "configs/sam2/sam2_hiera_t.yaml",
    "sam2_hiera_small": "configs/sam2/sam2_hiera_s.yaml",
    "sam2_hiera_base_plus": "configs/sam2/sam2_hiera_b+.yaml",
    "sam2_hiera_large": "configs/sam2/sam2_hiera_l.yaml",
    "sam2.1_hiera_tiny": "configs/sam2.1/sam2.1_hiera_t.yaml",
    "sam2.1_hiera_small": "configs/sam2.1/sam2.1_hiera_s.yaml",
    "sam2.1_hiera_base_plus": "configs/sam2.1/sam2.1_hiera_b+.yaml",
    "sam2.1_hiera_large": "configs/sam2.1/sam2.1_hiera_l.yaml",
}
"""The configuration that comes with the `sam2` library for each official checkpoint (`sam2/build_sam.py`)."""

PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"

TARGETS: Mapping[str, str] = {
    "sam2.modeling.sam2_base.SAM2Base": PREDICTOR,
    PREDICTOR: PREDICTOR,
    "sam2.sam2_video_predictor.SAM2VideoPredictorVOS": PREDICTOR,
} | {
    name: name
    for name in (
        "sam2.modeling.backbones.hieradet.Hiera",
        "sam2.modeling.backbones.image_encoder.FpnNeck",
        "sam2.modeling.backbones.image_encoder.ImageEncoder",
        "sam2.modeling.memory_attention.MemoryAttention",
        "sam2.modeling.memory_attention.MemoryAttentionLayer",
        "sam2.modeling.memory_encoder.CXBlock",
        "sam2.modeling.memory_encoder.Fuser",
        "sam2.modeling.memory_encoder.MaskDownSampler",
        "sam2.modeling.memory_encoder.MemoryEncoder",
        "sam2.modeling.position_encoding.PositionEmbeddingSine",
        "sam2.modeling.sam.transformer.RoPEAttention",
    )
}
"""The classes that a configuration may name, and what is built for them: those of the packaged files."""

_REFUSED: Mapping[str, str] = {
    "weights_path": "weights come from the checkpoint alone",
    "compile_image_encoder": "a compiled encoder is not supported",
}
_FLOAT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""YAML 1.1, which PyYAML reads, takes `1e-6` for text; Hydra and the authors of these files for a number."""
_LINK = re.compile(r"\$\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}")
_EXTRAS = re.compile(r"dynamic_multimask_(via_stability|stability_delta|stability_thresh)")
_LARGEST_FILE = 1 << 20
_LARGEST_NUMBER = 16384
_LONGEST = 64
_DEEPEST = 24
_MOST_VALUES = 5000

Config = dict[str, Any]


def packaged_name(name: str) -> str | None:
    """The full name of a configuration of the `sam2` library, such as `configs/sam2.1/sam2.1_hiera_t.yaml`.

    Args:
        name: that, its last part with or without `.yaml`, or the name of the official checkpoint. None is
            returned for anything else.
    """
    plain = PurePosixPath(name).name
    stem = re.sub(r"\.(yaml|pt|safetensors)$", "", plain)
    for checkpoint, config in OFFICIAL.items():
        if name == config or (plain == name and stem in (checkpoint, PurePosixPath(config).stem)):
            return config
    return None


def read_config(path: Path) -> Config:
    """The checked configuration in a YAML file: the mapping under `model`, every `${...}` replaced.

    Raises:
        ModelError: if the file cannot be read or is not such a configuration; says which entry and why.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ModelError(f"{path}: no configuration of SAM 2 has more than {_LARGEST_FILE} bytes")
        text = path.read_text("utf-8")
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ModelError(f"{path}: a configuration is a text file in UTF-8; correct the path") from None
    return parse_config(text, str(path))


def parse_config(text: str, place: str) -> Config:
    """As `read_config`, from the text of a YAML file; `place` is its name in errors."""
    import yaml

    try:
        document: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ModelError(f"{place}: it is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not isinstance(document.get("model"), dict):
        raise ModelError(f"{place}: a configuration of SAM 2 has its parts under 'model'; name such a file")
    return _Checker(document, place).root()


def config_to_json(config: Config) -> str:
    """A checked configuration as canonical JSON: the same text for the same configuration."""
    return json.dumps({"model": config}, sort_keys=True, separators=(",", ":"))


def config_from_json(text: str, place: str) -> Config:
    """A configuration out of `config_to_json`, checked again.

    Raises:
        ModelError: if it is not one.
    """
    return parse_config(text, place)  # JSON as Python writes it is YAML


def image_size(config: str) -> int:
    """The side of the square that frames are resized to, by `ModelRef.config`; 1024 where it is not told."""
    if not config.startswith("{"):
        return 1024
    size = json.loads(config)["model"].get("image_size")
    return size if isinstance(size, int) else 1024


class _Checker:
    """Walks a configuration and refuses what is not data of SAM 2."""

    def __init__(self, document: dict[Any, Any], place: str) -> None:
        self._document = document
        self._place = place
        self._values = 0

    def root(self) -> Config:
        model = self._checked(self._document["model"], "model", 0)
        if TARGETS.get(model.get("_target_", "")) != PREDICTOR:
            raise self._error("model._target_", f"it must be {next(iter(TARGETS))}")
        return model

    def _checked(self, value: Any, where: str, depth: int) -> Any:
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise self._error(where, "it is nested too deeply, refers to itself, or is too long")
        if isinstance(value, dict):
            return self._mapping(value, where, depth)
        if isinstance(value, list):
            if len(value) > _LONGEST:
                raise self._error(where, f"a list has at most {_LONGEST} entries")
            return [self._checked(entry, f"{where}[{n}]", depth + 1) for n, entry in enumerate(value)]
        if isinstance(value, str):
            return self._text(value, where, depth)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value, where)
        raise self._error(where, f"a {type(value).__name__} is no value of a configuration")

    def _mapping(self, value: dict[Any, Any], where: str, depth: int) -> dict[str, Any]:
        is_part = "_target_" in value
        checked: dict[str, Any] = {}
        for name, entry in value.items():
            inside = f"{where}.{name}"
            if not isinstance(name, str) or (name.startswith("_") and name != "_target_"):
                raise self._error(inside, "that is no argument of a part of SAM 2")
            if name == "_target_":
                checked[name] = self._target(entry, inside)
                continue
            if not is_part and not _EXTRAS.fullmatch(name):
                raise self._error(inside, f"{where} is not a part of SAM 2: it has no _target_")
            if name in _REFUSED and entry not in (None, False):
                raise self._error(inside, _REFUSED[name])
            checked[name] = self._checked(entry, inside, depth + 1)
        return checked

    def _target(self, value: Any, where: str) -> str:
        if not isinstance(value, str) or value not in TARGETS:
            known = ", ".join(name.rpartition(".")[2] for name in TARGETS)
            raise self._error(where, f"{value!r} is none of the classes that may be built: {known}")
        return value

    def _text(self, value: str, where: str, depth: int) -> Any:
        link = _LINK.fullmatch(value)
        if link is not None:
            return self._checked(self._linked(link[1], where), where, depth + 1)
        if "${" in value:
            raise self._error(where, f"{value!r}: only ${{name.of.an.entry}} of this file can be referred to")
        if _FLOAT.fullmatch(value):
            return self._number(float(value), where)
        if len(value) > _LONGEST:
            raise self._error(where, f"a text has at most {_LONGEST} characters")
        return value

    def _linked(self, name: str, where: str) -> Any:
        value: Any = self._document
        for part in name.split("."):
            if not isinstance(value, dict) or part not in value:
                raise self._error(where, f"${{{name}}}: there is no such entry in this file")
            value = value[part]
        return value

    def _number(self, value: float, where: str) -> float:
        if not math.isfinite(value) or abs(value) > _LARGEST_NUMBER:
            raise self._error(where, f"{value} is no size that SAM 2 can have (up to {_LARGEST_NUMBER})")
        return value

    def _error(self, where: str, reason: str) -> ModelError:
        return ModelError(f"{self._place}: {where}: {reason}")

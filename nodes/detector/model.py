"""`transformers.detector`: the kind of model that finds objects in pictures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nodegraph import ModelRef, model
from nodegraph.models import Mode, ModelError, Published, load_state_dict
from nodes.configurations import without_fetching
from nodes.libraries import building, library
from nodes.stored_models import require_network

if TYPE_CHECKING:
    import torch
    from torch import Tensor

KIND = "transformers.detector"

_CONFIGURATION = "config.json"
_PREPROCESSOR = "preprocessor_config.json"
_ARCHITECTURES = "RT-DETR, RT-DETRv2, D-FINE, DETR, Deformable DETR, YOLOS"


@dataclass(frozen=True, slots=True)
class Detector:
    """A loaded detector.

    Attributes:
        model: of transformers' classes for object detection, in evaluation mode.
        processor: its image processor: from pictures to tensors, and from outputs to boxes.
        labels: the name of each class, in the order of the model's outputs. Published checkpoints may repeat
            a name for classes that do not occur, such as DETR's "N/A".
    """

    model: Any
    processor: Any
    labels: tuple[str, ...]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def parameters(self) -> Iterator[Tensor]:
        """The weights."""
        return self.model.parameters()

    def buffers(self) -> Iterator[Tensor]:
        """What is kept beside the weights, such as statistics of batch normalisation."""
        return self.model.buffers()

    def to(self, device: str) -> Detector:
        """Move to another device, in place; not while in use."""
        self.model.to(device)
        return self


_FILES = ("config.json", "preprocessor_config.json", "model.safetensors")

_PUBLISHED = (
    Published("PekingU/rtdetr_r18vd", 81_000_000, "Apache-2.0", include=_FILES),
    Published("PekingU/rtdetr_r50vd", 172_000_000, "Apache-2.0", include=_FILES),
    Published("ustc-community/dfine-small-coco", 42_000_000, "Apache-2.0", include=_FILES),
    Published("facebook/detr-resnet-50", 167_000_000, "Apache-2.0", include=_FILES),
    Published("hustvl/yolos-tiny", 26_000_000, "Apache-2.0", include=_FILES),
)
"""Trained on COCO. The bytes are about four for each parameter that the authors state."""


def require_detector(path: Path, config: str) -> None:
    """Refuse what is no object detector, by its `config.json`.

    Raises:
        ModelError: if it is another model; says which.
    """
    del config
    require_network(path, task="ForObjectDetection", what="an object detector")


@model(KIND, published=_PUBLISHED, check=require_detector)
def load_detector_checkpoint(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Detector:
    """Load a detector from a folder in the layout of transformers: RT-DETR, D-FINE, DETR, YOLOS...

    Read are `config.json`, `preprocessor_config.json` and the weights; nothing is fetched and no code of the
    checkpoint is run. Backbones are built as the configuration says, and get their weights from the
    checkpoint alone.

    Raises:
        ModelError: if it is no folder of a detector, files are missing or damaged, or the model is no object
            detector that transformers knows.
    """
    del mode
    if not (folder / _CONFIGURATION).is_file():
        raise ModelError(
            f"{folder}: a detector is a folder with {_CONFIGURATION}; name the folder of one that "
            f"transformers reads"
        )
    import torch

    config = read_config(folder)
    processor = _processor(folder)
    network = _network(folder, config, load_state_dict(folder, variant=ref.variant))
    network.to(device=device, dtype=getattr(torch, ref.dtype)).eval()
    return Detector(network.requires_grad_(requires_grad=False), processor, label_names(config))


def read_config(folder: Path) -> Any:
    """The configuration of the detector in a folder, as an object of transformers.

    Raises:
        ModelError: if it is missing, damaged, or not that of an object detector.
    """
    transformers = library("transformers")
    from transformers.models.auto.modeling_auto import MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES

    file = folder / _CONFIGURATION
    content = _json(file)
    kind = content.get("model_type")
    if kind not in MODEL_FOR_OBJECT_DETECTION_MAPPING_NAMES:
        raise ModelError(
            f"{file}: model type {kind!r} is no object detector of transformers {transformers.__version__}; "
            f"use a checkpoint of {_ARCHITECTURES} or the like"
        )
    if "quantization_config" in content:
        raise ModelError(f"{file}: the model is quantised; use the checkpoint with plain weights")
    try:
        config = transformers.CONFIG_MAPPING[kind].from_dict(without_fetching(content))
    except Exception as error:
        raise ModelError(f"{file}: transformers cannot read it: {_first_line(error)}") from None
    return config


def label_names(config: Any) -> tuple[str, ...]:
    """The names of a model's classes in the order of its outputs."""
    return tuple(str(config.id2label[index]) for index in range(config.num_labels))


def _network(folder: Path, config: Any, weights: dict[str, Tensor]) -> Any:
    """The model with these weights, all of which must be there."""
    transformers = library("transformers")
    cls = transformers.MODEL_FOR_OBJECT_DETECTION_MAPPING[type(config)]
    try:
        with building:
            network, info = cls.from_pretrained(
                None, config=config, state_dict=weights, output_loading_info=True, trust_remote_code=False
            )
    except Exception as error:
        raise ModelError(
            f"{folder}: the weights do not fit {_CONFIGURATION}: {_first_line(error)}; fetch the model again"
        ) from None
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{folder}: the weights lack {missing[0]!r} and {len(missing) - 1} more of the {cls.__name__} "
            f"that {_CONFIGURATION} describes; use a checkpoint that was trained to detect objects"
        )
    return network


def _processor(folder: Path) -> Any:
    transformers = library("transformers")
    file = folder / _PREPROCESSOR
    _json(file)
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise ModelError(f"{file}: transformers cannot read it: {_first_line(error)}") from None
    if not hasattr(processor, "post_process_object_detection"):
        raise ModelError(f"{file}: {type(processor).__name__} is no processor of an object detector")
    return processor


def _json(file: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(file.read_bytes())
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be read: {error.strerror or error}; fetch the model again"
        ) from None
    except (ValueError, RecursionError):
        raise ModelError(f"{file}: it is not valid JSON; fetch the model again") from None
    if not isinstance(content, dict):
        raise ModelError(f"{file}: it is not a JSON object; fetch the model again")
    return cast("dict[str, Any]", content)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)

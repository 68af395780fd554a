"""The network that is trained: a copy of a checkpoint, with a head for the classes of the data."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nodes.detector.model import Detector
from nodes.libraries import building, library

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module, Parameter


def trainable(loaded: Detector, classes: Sequence[str], image_size: int) -> tuple[Module, tuple[str, ...]]:
    """A float32 copy of a detector on the CPU that can be trained, and its classes in order.

    A detector of exactly these classes is copied as it is. Else all that depends on the number of classes is
    made anew for them, drawn as for a new model; what belongs to a class that the detector has, by name, is
    taken over. Draws from torch's generator: use it in `drawing`.
    """
    import torch

    if len(set(loaded.labels)) == len(loaded.labels) and set(loaded.labels) == set(classes):
        classes = loaded.labels
    config = _config(loaded.model.config, classes, image_size)
    # Fused attention draws its dropout where no generator can be given.
    attention = {"attn_implementation": "eager"} if _drops_attention(config) else {}
    auto = library("transformers").AutoModelForObjectDetection
    with building:
        network = auto.from_config(config, dtype=torch.float32, **attention)
    stored = loaded.model.state_dict()
    if tuple(classes) != loaded.labels:
        stored = _with_head(stored, network.state_dict(), _head(config), loaded.labels, classes)
    network.load_state_dict(stored)
    return network.requires_grad_(), tuple(classes)


def parameter_groups(
    network: Module, *, learning_rate: float, backbone_rate: float, weight_decay: float
) -> list[dict[str, Any]]:
    """The parameters for AdamW: the backbone learns slower; biases and norms are not decayed.

    The backbone is what has `backbone` in its name, as in the DETR family; YOLOS has none.
    """
    groups: dict[tuple[bool, bool], list[Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(("backbone" in name, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "lr": learning_rate * (backbone_rate if in_backbone else 1),
            "initial_lr": learning_rate * (backbone_rate if in_backbone else 1),
            "weight_decay": weight_decay if decays else 0.0,
        }
        for (in_backbone, decays), parameters in groups.items()
    ]


def square_processor(processor: Any, image_size: int) -> Any:
    """An image processor like another one, that stretches pictures to `image_size × image_size`."""
    square = {"height": image_size, "width": image_size}
    return type(processor).from_dict(processor.to_dict() | {"size": square, "do_pad": False})


def _config(config: Any, classes: Sequence[str], image_size: int) -> Any:
    made = copy.deepcopy(config)
    made.id2label = dict(enumerate(classes))
    made.label2id = {name: index for index, name in enumerate(classes)}
    for fixed in ("anchor_image_size", "eval_size"):
        size = getattr(made, fixed, None)
        if size is not None and list(size) != [image_size, image_size]:
            setattr(made, fixed, None)
    return made


def _drops_attention(config: Any) -> bool:
    return any(getattr(config, name, 0) for name in ("attention_dropout", "attention_probs_dropout_prob"))


def _head(config: Any) -> dict[str, int]:
    """The tensors of a detector that depend on its number of classes, and the axis that counts them."""
    import torch

    more = copy.deepcopy(config)
    more.id2label = dict.fromkeys(range(config.num_labels + 1), "")
    more.label2id = {}
    auto = library("transformers").AutoModelForObjectDetection
    with building, torch.device("meta"):
        one, other = (auto.from_config(each).state_dict() for each in (config, more))
    return {
        name: next(axis for axis, sides in enumerate(zip(one[name].shape, other[name].shape, strict=True))
                   if sides[0] != sides[1])
        for name in one
        if one[name].shape != other[name].shape
    }  # fmt: skip


def _with_head(
    stored: dict[str, Tensor],
    drawn: dict[str, Tensor],
    head: dict[str, int],
    old: Sequence[str],
    new: Sequence[str],
) -> dict[str, Tensor]:
    """The stored tensors; those of the head are as drawn, but for the classes that are known by name."""
    made = dict(stored)
    for name, axis in head.items():
        made[name] = drawn[name].clone()
        pairs = [(index, old.index(each)) for index, each in enumerate(new) if each in old]
        # Heads with a softmax have one entry more: that of no object, the last.
        pairs += [(len(new), len(old))] if made[name].shape[axis] > len(new) else []
        for to, source in pairs:
            made[name].select(axis, to).copy_(stored[name].select(axis, source))
    return made

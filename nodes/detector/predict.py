"""What a detector finds in pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import TYPE_CHECKING, Any

from nodes.types import Image

if TYPE_CHECKING:
    import numpy as np

    from nodes.detector.model import Detector

_TOGETHER = 8
"""Pictures that a GPU looks at together, at most."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found in one picture, the most certain first.

    Attributes:
        xyxy: float32 `[N, 4]`: left, top, right, bottom in pixels of the picture, cut at its edges.
        labels: N names of classes, as the model calls them.
        scores: float32 `[N]`, 0 to 1.
    """

    xyxy: np.ndarray[Any, Any]
    labels: tuple[str, ...]
    scores: np.ndarray[Any, Any]


def predict(
    loaded: Detector, images: Sequence[Image], *, threshold: float, max_detections: int
) -> list[Detected]:
    """Find objects in pictures.

    On a CPU the pictures pass one by one, so that what is found in one does not depend, to the bit, on what
    it shares a call with; on a GPU those of one size pass together.

    Args:
        loaded: the detector.
        images: of any sizes; they are resampled as the checkpoint says.
        threshold: the least score of what is kept, exclusive.
        max_detections: at most so many a picture are kept, the most certain.
    """
    import torch

    found: list[Detected] = []
    with torch.no_grad():
        for part in _parts(loaded, images):
            # Copies, since torch warns of arrays that cannot be written to.
            pixels = [image.pixels.copy() for image in part]
            inputs = loaded.processor(images=pixels, input_data_format="channels_last", return_tensors="pt")
            outputs = loaded.model(**_on_device(loaded, inputs))
            for image, result in zip(
                part, _post_processed(loaded, outputs, part, threshold, max_detections), strict=True
            ):
                found.append(_kept(loaded, result, image.size, max_detections))
    return found


def _parts(loaded: Detector, images: Sequence[Image]) -> Iterator[Sequence[Image]]:
    """The pictures in order, as many at a time as pass together."""
    most = 1 if loaded.device.type == "cpu" else _TOGETHER
    start = 0
    while start < len(images):
        end = start + 1
        while end < min(start + most, len(images)) and images[end].size == images[start].size:
            end += 1
        yield images[start:end]
        start = end


def _on_device(loaded: Detector, inputs: Any) -> dict[str, Any]:
    """What the model takes; a mask of padding only where there is padding."""
    weight = next(loaded.parameters())
    given = {"pixel_values": inputs["pixel_values"].to(weight.device, weight.dtype)}
    if "pixel_mask" in inputs and "pixel_mask" in signature(loaded.model.forward).parameters:
        given["pixel_mask"] = inputs["pixel_mask"].to(weight.device)
    return given


def _post_processed(
    loaded: Detector, outputs: Any, images: Sequence[Image], threshold: float, max_detections: int
) -> list[dict[str, Any]]:
    function = loaded.processor.post_process_object_detection
    options = {"top_k": max_detections} if "top_k" in signature(function).parameters else {}
    outputs.logits, outputs.pred_boxes = outputs.logits.float(), outputs.pred_boxes.float()
    sizes = [image.size[::-1] for image in images]
    return function(outputs, threshold=threshold, target_sizes=sizes, **options)


def _kept(loaded: Detector, result: dict[str, Any], size: tuple[int, int], most: int) -> Detected:
    """The boxes that have an area inside the picture, the most certain first."""
    import numpy as np

    scores = result["scores"].cpu().numpy().astype(np.float32)
    xyxy = result["boxes"].cpu().numpy().astype(np.float32).reshape(-1, 4)
    xyxy = xyxy.clip(0, np.array(size * 2, np.float32))
    labels = result["labels"].cpu().numpy()
    order = np.argsort(-scores, kind="stable")
    inside = (xyxy[order, 2:] > xyxy[order, :2]).all(axis=1) & np.isfinite(scores[order])
    order = order[inside][:most]
    return Detected(
        np.ascontiguousarray(xyxy[order]),
        tuple(loaded.labels[index] for index in labels[order]),
        np.ascontiguousarray(scores[order]),
    )

"""Annotated pictures that a detector can learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodegraph import Collected, Stream
from nodes.train import Trained
from nodes.types import Boxes, Categories, Image

CLASSES = Categories.of("red", "green")
SMALL = {"image_size": 64, "batch_size": 3, "steps": 4, "warmup": 1, "workers": 0}


@dataclass(frozen=True)
class Data:
    images: Collected[Image]
    boxes: Collected[Boxes]


def scene(seed: int) -> tuple[Image, Boxes]:
    """A red and a green rectangle on noise, 90 × 60 px."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 90, (60, 90, 3), np.uint8)
    xyxy = []
    for channel in (0, 1):
        width, height = rng.integers(15, 30, 2)
        x, y = rng.integers(0, 90 - width), rng.integers(0, 60 - height)
        pixels[y : y + height, x : x + width, channel] = 220
        xyxy.append([x, y, x + width, y + height])
    return Image(pixels), boxes_of(xyxy, [0, 1])


def boxes_of(xyxy: Any, class_ids: Any, *, ignore: Any = None, categories: Categories = CLASSES) -> Boxes:
    count = len(class_ids)
    return Boxes(
        np.array(xyxy, np.float32).reshape(-1, 4),
        np.array(class_ids, np.int64),
        np.ones(count, np.float32),
        categories,
        np.zeros(count, bool) if ignore is None else np.array(ignore),
    )


def data_of(scenes: Mapping[str, tuple[Image, Boxes]]) -> Data:
    return Data(
        Stream.of({key: image for key, (image, _) in scenes.items()}),
        Stream.of({key: boxes for key, (_, boxes) in scenes.items()}),
    )


def weights_of(trained: Trained) -> bytes:
    assert trained.out.folder is not None
    return (trained.out.folder / "model.safetensors").read_bytes()

"""The node library: value types, and one subpackage per kind of node."""

from nodes import (
    augment,
    dataset,
    depth,
    detect,
    evaluate,
    export,
    image,
    inpaint,
    label,
    load,
    tiny,
    track,
    train,
    types,
    video,
)

__all__ = [
    "augment",
    "dataset",
    "depth",
    "detect",
    "evaluate",
    "export",
    "image",
    "inpaint",
    "label",
    "load",
    "tiny",
    "track",
    "train",
    "types",
    "video",
]

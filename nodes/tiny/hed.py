"""Makes edge detectors with random weights: the file that controlnet_aux reads an HED network from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.libraries import library

FILE = "ControlNetHED.pth"
"""The name under which `controlnet_aux.HEDdetector` looks for it."""

_CONTRAST = 64
"""Pixels lie this far from the mean, about; the first convolution brings them to about 1."""

_BLOCKS = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
"""Channels in, channels out and convolutions of each block (`controlnet_aux.hed`, fixed)."""


def make_tiny_hed(folder: Path, *, seed: int = 0) -> None:
    """Write `ControlNetHED.pth` with random weights, the same for the same arguments.

    The network's size is fixed: 14.7 million weights. They are stored in half precision, which the detector
    reads as float32: 29 MB. Random weights prove plumbing, not quality.

    Args:
        folder: is made where it is missing; a file of this name is replaced.
        seed: of the weights.
    """
    torch = library("torch")

    draw = torch.Generator("cpu").manual_seed(seed)
    tensors = {"norm": torch.full((1, 3, 1, 1), 127.5)}
    for number, (taken, given, convolutions) in enumerate(_BLOCKS, start=1):
        for index in range(convolutions):
            name = f"block{number}.convs.{index}"
            tensors |= _convolution(name, given, taken if index == 0 else given, 3, draw)
        if number == 1:
            tensors["block1.convs.0.weight"] /= _CONTRAST
        tensors |= _convolution(f"block{number}.projection", 1, given, 1, draw)
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({name: tensor.half() for name, tensor in tensors.items()}, folder / FILE)


def _convolution(name: str, given: int, taken: int, side: int, draw: Any) -> dict[str, Any]:
    """Weights that keep the size of what passes through them and a ReLU (He and others 2015), no bias."""
    torch = library("torch")

    scale = (2 / (taken * side * side)) ** 0.5
    weight = torch.randn((given, taken, side, side), generator=draw).mul_(scale)
    return {f"{name}.weight": weight, f"{name}.bias": torch.zeros(given)}

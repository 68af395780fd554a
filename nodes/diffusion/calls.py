"""One call of a pipeline: noise by seed, progress by step, stopping, and frames out of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nodegraph import Context

if TYPE_CHECKING:
    import numpy as np
    import torch


def noise_of(seeds: Sequence[int]) -> list[torch.Generator]:
    """A generator of noise for each seed; on the CPU, so that noise is the same whatever the device."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


class Steps:
    """Tells of the steps of several pipeline calls in a row, and ends them when the run is being stopped.

    Args:
        ctx: of the node.
        total: how many steps all calls take together.
    """

    def __init__(self, ctx: Context, total: int) -> None:
        self._ctx = ctx
        self._total = total
        self._done = 0

    @property
    def callback(self) -> Callable[[Any, int, Any, dict[str, Any]], dict[str, Any]]:
        """What a pipeline takes as `callback_on_step_end`."""
        return self._after_step

    def _after_step(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        del pipeline, step, timestep
        self._done += 1
        self._ctx.progress(min(self._done, self._total), self._total)
        if self._ctx.cancelled:
            raise InterruptedError("the run is being stopped")
        return tensors


def to_bytes(frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Frames of floats 0 to 1 as uint8, rounded as diffusers does for pictures.

    Raises:
        ValueError: if there are numbers that are not finite.
    """
    import numpy as np

    if not np.isfinite(frames).all():
        raise ValueError(
            "the model gave frames with numbers that are not finite, as when float16 overflows; "
            "load it with dtype bfloat16 or float32"
        )
    return (frames * 255).round().astype(np.uint8)

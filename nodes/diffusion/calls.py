"""One call of a pipeline: noise by seed, progress by step, stopping, and frames out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nodegraph import Context
from nodegraph.models import ModelError

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

    @contextmanager
    def counted_by_bar(self, pipeline: Any) -> Generator[None]:
        """Count the steps of a pipeline whose call takes no callback, by the bar that it would draw."""

        def bar(iterable: Iterable[Any] | None = None, total: int | None = None) -> _Bar:
            del total
            return _Bar(self, iterable or ())

        pipeline.progress_bar = bar
        try:
            yield
        finally:
            # The one of its class is seen again.
            del pipeline.progress_bar


class _Bar:
    """What pipelines take for a bar that shows progress."""

    def __init__(self, steps: Steps, iterable: Iterable[Any]) -> None:
        self._steps, self._iterable = steps, iterable

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *raised: object) -> None:
        """There is nothing to close."""

    def __iter__(self) -> Iterator[Any]:
        for each in self._iterable:
            yield each
            self.update()

    def update(self, count: int = 1) -> None:
        """Count steps."""
        for _ in range(count):
            self._steps.callback(None, 0, None, {})


@contextmanager
def guided(pipeline: Any, scale: float | None) -> Generator[None]:
    """Have a pipeline that has a guider follow its prompt so closely, for one call; None for as it is."""
    if scale is None:
        yield
        return
    plain = pipeline.guider
    pipeline.guider = plain.new(guidance_scale=scale)
    try:
        yield
    finally:
        pipeline.guider = plain


@contextmanager
def told_of(class_name: str) -> Generator[None]:
    """Say of a call of a pipeline that fails within libraries which one it was, and what to look at.

    Raises:
        ModelError: if a library is missing that the pipeline takes for granted.
        ValueError: for any other failure; the error that led to it is kept.
    """
    try:
        yield
    except (ImportError, NameError) as error:
        found = re.match(r"name '(\w+)' is not defined", str(error))
        raise ModelError(
            f"{class_name} needs the library {found[1]}, which is not installed; install it with: "
            f"pip install {found[1]}"
            if found
            else f"{class_name} needs a library that is missing: {error}"
        ) from error
    except (TypeError, AttributeError, LookupError, AssertionError, RuntimeError) as error:
        line = str(error).strip().partition("\n")[0] or "no word of why"
        raise ValueError(
            f"{class_name} failed with these inputs: {line} ({type(error).__name__}); look up which sizes, "
            "numbers of frames and arguments it takes"
        ) from error


def to_bytes(frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Frames of floats 0 to 1 as uint8, rounded as diffusers does for pictures; of uint8 as they are.

    Raises:
        ValueError: if there are numbers that are not finite.
    """
    import numpy as np

    if frames.dtype == np.uint8:
        return frames
    if not np.isfinite(frames).all():
        raise ValueError(
            "the model gave frames with numbers that are not finite, as when float16 overflows; "
            "load it with dtype bfloat16 or float32"
        )
    return (frames * 255).round().astype(np.uint8)

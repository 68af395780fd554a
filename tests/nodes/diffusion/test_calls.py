"""What calls of pipelines share, on stand-ins that have what these of diffusers have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodegraph import Context
from nodegraph.models import ModelError
from nodes.diffusion.arguments import CallSignature
from nodes.diffusion.calls import Steps, guided, to_bytes, told_of
from nodes.libraries import library


class Plain:
    """A pipeline without a callback, whose guidance is a part of it."""

    def __init__(self, guider: Any) -> None:
        self.guider = guider

    def __call__(
        self, image: Any, pose: Any, prompt: str | None = None, frames: int = 9, **more: Any
    ) -> None:
        with self.progress_bar(total=2) as bar:
            bar.update()
            bar.update()
        for _ in self.progress_bar([1]):
            pass

    def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
        raise AssertionError("it drew its own bar")


def context(told: list[Any], *, stops_after: int = 99) -> Context:
    return Context(
        seeds=[5],
        workdir=Path,
        new_folder=Path,
        progress=lambda done, total: told.append((done, total)),
        cancelled=lambda: len(told) >= stops_after,
    )


def test_steps_are_counted_by_the_bar_of_a_pipeline_without_callback() -> None:
    told: list[Any] = []
    pipeline = Plain(None)
    with Steps(context(told), 3).counted_by_bar(pipeline):
        pipeline(None, None)
    assert told == [(1, 3), (2, 3), (3, 3)]
    with pytest.raises(AssertionError, match="its own bar"):
        pipeline(None, None)


def test_pipeline_without_callback_ends_when_the_run_is_being_stopped() -> None:
    told: list[Any] = []
    pipeline = Plain(None)
    with (
        pytest.raises(InterruptedError),
        told_of("Plain"),
        Steps(context(told, stops_after=2), 3).counted_by_bar(pipeline),
    ):
        pipeline(None, None)
    assert len(told) == 2


def test_guidance_is_set_on_the_guider_for_one_call() -> None:
    library("transformers")
    plain = library("diffusers").ClassifierFreeGuidance(guidance_scale=7.5, guidance_rescale=0.5)
    pipeline = Plain(plain)
    with guided(pipeline, 2.0):
        assert pipeline.guider.guidance_scale == 2.0
        assert pipeline.guider.guidance_rescale == 0.5
    assert pipeline.guider is plain
    with guided(pipeline, None):
        assert pipeline.guider is plain


def test_call_is_read_with_the_names_it_has() -> None:
    call = CallSignature.of(Plain)
    assert call.has_guider
    assert call.own_name("num_frames", "frames") == "frames"
    assert call.own_name("fps", "frame_rate") == "fps"
    assert "more" not in call


def test_argument_that_has_no_default_has_to_be_set() -> None:
    call = CallSignature.of(Plain)
    with pytest.raises(ValueError, match="Plain makes no clip without pose, prompt: set it"):
        call.settled({"prompt": None}, {})
    assert call.settled({"prompt": ""}, {"pose": 1}) == {"prompt": "", "pose": 1}


def test_library_that_a_pipeline_takes_for_granted_is_told_with_its_name() -> None:
    with pytest.raises(ModelError, match=r"Wan needs the library ftfy, .* pip install ftfy"), told_of("Wan"):
        raise NameError("name 'ftfy' is not defined")
    with pytest.raises(ModelError, match="Wan needs a library that is missing: no av"), told_of("Wan"):
        raise ImportError("no av")


def test_want_of_memory_within_a_pipeline_is_still_known_as_such() -> None:
    from nodegraph.run.memory_errors import is_out_of_memory

    torch = library("torch")
    with pytest.raises(ValueError, match="Wan failed") as raised, told_of("Wan"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert is_out_of_memory(raised.value)


def test_frames_of_bytes_stay_as_they_are() -> None:
    frames = np.arange(24, dtype=np.uint8).reshape(2, 2, 2, 3)
    assert np.array_equal(to_bytes(frames), frames)
    assert np.array_equal(to_bytes(frames / np.float32(255)), frames)

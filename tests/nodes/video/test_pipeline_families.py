"""`video.pipeline` on tiny pipelines of several makers, with random weights: plumbing, not quality."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from nodegraph import Context
from nodegraph.models import Mode
from nodegraph.models.loading import load_model
from nodes.libraries import library
from nodes.load.pipeline import load_video_pipeline
from nodes.tiny.cogvideox import make_tiny_cogvideox
from nodes.tiny.hunyuan_video import TEMPLATE, make_tiny_hunyuan_video
from nodes.tiny.wan import make_tiny_wan
from nodes.types import Image
from nodes.video.pipeline import animate_by_pipeline
from nodes.video.svd import Animated

# diffusers gives its schedulers' tensors to NumPy by a protocol that NumPy 2 has changed.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")

COMMON: dict[str, Any] = {
    "prompt": "a dog runs",
    "width": 64,
    "height": 64,
    "num_inference_steps": 2,
    "guidance_scale": 2.0,
}


class Family(NamedTuple):
    """A kind of pipeline: its class, what makes a tiny one, and what its call is given further."""

    class_name: str
    make: Callable[[Path], None]
    num_frames: int
    made_frames: int
    further: dict[str, Any]


WAN = Family("WanImageToVideoPipeline", make_tiny_wan, 5, 5, {"max_sequence_length": 16})
FAMILIES = {
    "wan21": WAN,
    "wan22": WAN._replace(
        make=partial(make_tiny_wan, version="2.2"),
        further={"max_sequence_length": 16, "guidance_scale_2": 3.0},
    ),
    "cogvideox": Family(
        "CogVideoXImageToVideoPipeline", make_tiny_cogvideox, 9, 9, {"max_sequence_length": 16}
    ),
    "hunyuan": Family(
        "HunyuanVideoImageToVideoPipeline",
        make_tiny_hunyuan_video,
        9,
        5,
        {"max_sequence_length": 16, "prompt_template": TEMPLATE},
    ),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    for name, family in FAMILIES.items():
        family.make(root / name)
    return root


def photo(seed: int = 1) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8))


def run(folder: Path, family: Family, *, mode: Mode = "resident", **changed: Any) -> Animated:
    context = Context(
        seeds=[5],
        workdir=Path,
        new_folder=Path,
        progress=lambda done, total: None,
        cancelled=lambda: False,
        use=lambda asked: nullcontext(load_model(asked, "cpu", mode)),
    )
    ref = load_video_pipeline(str(folder), ctx=Context.for_test())
    given = COMMON | {"num_frames": family.num_frames, "arguments": family.further} | changed
    return animate_by_pipeline(photo(), ref, ctx=context, **given)


def bare(folder: Path, family: Family, **further: Any) -> Any:
    from PIL import Image as Pillow

    diffusers, torch = library("diffusers"), library("torch")
    pipeline = getattr(diffusers, family.class_name).from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    made = pipeline(
        image=Pillow.fromarray(photo().pixels),
        generator=torch.Generator("cpu").manual_seed(5),
        num_frames=family.num_frames,
        output_type="np",
        **COMMON,
        **family.further,
        **further,
    )
    return (made.frames[0] * 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", FAMILIES)
def test_frames_are_to_the_bit_those_of_a_bare_call_in_every_mode(name: str, folders: Path) -> None:
    family, folder = FAMILIES[name], folders / name
    expected = bare(folder, family)
    assert len(expected) == family.made_frames
    for mode in ("resident", "swap", "chunked", "offload"):
        assert np.array_equal(run(folder, family, mode=mode).out.frames, expected), mode


def test_photo_that_a_clip_ends_with_reaches_the_call(folders: Path) -> None:
    from PIL import Image as Pillow

    folder, last = folders / "wan22", photo(2)
    made = run(folder, FAMILIES["wan22"], last=last).out.frames
    expected = bare(folder, FAMILIES["wan22"], last_image=Pillow.fromarray(last.pixels))
    assert np.array_equal(made, expected)
    assert not np.array_equal(made, run(folder, FAMILIES["wan22"]).out.frames)


def test_photo_to_end_with_is_refused_where_the_call_takes_none(folders: Path) -> None:
    with pytest.raises(ValueError, match="takes no last photo: link none to last"):
        run(folders / "cogvideox", FAMILIES["cogvideox"], last=photo(2))


def test_size_that_no_token_fits_is_refused_before_anything_is_made(folders: Path) -> None:
    with pytest.raises(ValueError, match="width 72 and height 64 must be multiples of 16"):
        run(folders / "cogvideox", FAMILIES["cogvideox"], width=72, fit="crop")


def test_size_of_the_pipeline_is_taken_where_its_call_has_none(folders: Path) -> None:
    made = run(folders / "cogvideox", FAMILIES["cogvideox"], width=None, height=None)
    assert made.out.frames.shape == (9, 64, 64, 3)


def test_missing_prompt_is_refused_with_its_name(folders: Path) -> None:
    with pytest.raises(ValueError, match="WanImageToVideoPipeline makes no clip without prompt: set it"):
        run(folders / "wan22", FAMILIES["wan22"], prompt=None)


def test_failure_within_the_pipeline_is_told_with_its_class(folders: Path) -> None:
    with pytest.raises(ValueError, match=r"WanImageToVideoPipeline failed with these inputs: .*TypeError"):
        run(folders / "wan22", WAN, arguments={"max_sequence_length": "16"})

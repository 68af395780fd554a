"""`video.pipeline` on tiny pipelines with random weights: they prove that parts fit together, not quality."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nodegraph import Context, Graph, Item, Stream, node
from nodegraph.models import Mode, ModelError
from nodegraph.models.loading import load_model
from nodes.libraries import library
from nodes.load.pipeline import load_video_pipeline
from nodes.load.svd import load_svd
from nodes.tiny.ltx import make_tiny_ltx
from nodes.tiny.svd import make_tiny_svd
from nodes.types import Image
from nodes.video.pipeline import animate_by_pipeline
from nodes.video.svd import Animated, animate_by_svd

# diffusers gives its schedulers' tensors to NumPy by a protocol that NumPy 2 has changed.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:diffusers")

LTX: dict[str, Any] = {
    "prompt": "a dog runs",
    "width": 64,
    "height": 64,
    "num_frames": 9,
    "num_inference_steps": 2,
    "guidance_scale": 2.0,
}
SVD: dict[str, Any] = {"width": 64, "height": 64, "num_frames": 3, "num_inference_steps": 2}


@pytest.fixture(scope="module")
def ltx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "ltx"
    make_tiny_ltx(folder)
    return folder


@pytest.fixture(scope="module")
def svd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "svd"
    make_tiny_svd(folder)
    return folder


def photo(seed: int = 1) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (64, 64, 3), np.uint8))


def context(mode: Mode = "resident", told: list[Any] | None = None) -> Context:
    return Context(
        seeds=[5],
        workdir=Path,
        new_folder=Path,
        progress=lambda done, total: None if told is None else told.append((done, total)),
        cancelled=lambda: False,
        use=lambda asked: nullcontext(load_model(asked, "cpu", mode)),
    )


def run(folder: Path, params: dict[str, Any], *, mode: Mode = "resident", **named: Any) -> Animated:
    ref = load_video_pipeline(str(folder), ctx=Context.for_test(), **named)
    return animate_by_pipeline(photo(), ref, ctx=context(mode), **params)


def test_frames_are_to_the_bit_those_of_a_bare_call(ltx: Path) -> None:
    from PIL import Image as Pillow

    diffusers, torch = library("diffusers"), library("torch")
    bare = diffusers.LTXImageToVideoPipeline.from_pretrained(ltx, local_files_only=True)
    bare.set_progress_bar_config(disable=True)
    noise = torch.Generator("cpu").manual_seed(5)
    frames = bare(
        Pillow.fromarray(photo().pixels), generator=noise, negative_prompt="a cat", frame_rate=10, **LTX
    ).frames[0]
    made = run(ltx, LTX | {"negative_prompt": "a cat", "fps": 10})
    assert np.array_equal(made.out.frames, np.stack([np.asarray(frame) for frame in frames]))
    assert made.out.fps == 10
    assert not np.array_equal(made.out.frames, run(ltx, LTX | {"prompt": "a bird"}).out.frames)


@pytest.mark.parametrize("mode", ["swap", "chunked", "offload"])
def test_modes_give_the_frames_of_a_pipeline_held_whole(ltx: Path, mode: Mode) -> None:
    assert np.array_equal(run(ltx, LTX, mode=mode).out.frames, run(ltx, LTX).out.frames)


def test_stable_video_diffusion_gives_the_frames_of_its_own_node(svd: Path) -> None:
    ref = load_svd(str(svd), ctx=Context.for_test())
    (own,) = animate_by_svd([photo()], ref, decode_chunk_size=2, ctx=context(), **SVD)
    made = run(svd, SVD | {"arguments": {"decode_chunk_size": 2}})
    assert np.array_equal(made.out.frames, own.out.frames)
    assert made.out.fps == 7


def test_a_named_class_takes_the_place_of_that_in_the_folder(ltx: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ltx"
    make_tiny_ltx(folder)
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "LTXPipeline"}))
    made = run(folder, LTX, pipeline_class="LTXImageToVideoPipeline")
    assert np.array_equal(made.out.frames, run(ltx, LTX).out.frames)
    with pytest.raises(ValueError, match="LTXPipeline takes no image"):
        run(folder, LTX)


def _without_index(folder: Path) -> None:
    """As a model of transformers lies: weights and a `config.json`."""
    (folder / "model_index.json").unlink()
    (folder / "config.json").write_text('{"model_type": "yolos"}')
    (folder / "transformer/diffusion_pytorch_model.safetensors").rename(folder / "model.safetensors")


def _without_class(folder: Path) -> None:
    file = folder / "model_index.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"_class_name": ["pipeline", "MyPipeline"]}))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_without_index, r"a folder with model_index\.json, and this is a model of the type yolos"),
        (_without_class, r"_class_name is \['pipeline', 'MyPipeline'\]"),
    ],
)
def test_a_folder_that_is_no_pipeline_is_refused_where_it_is_named(
    tmp_path: Path, harm: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "ltx"
    make_tiny_ltx(folder)
    harm(folder)
    with pytest.raises(ModelError, match=message):
        load_video_pipeline(str(folder), ctx=Context.for_test())


def test_a_class_that_diffusers_lacks_is_refused(ltx: Path) -> None:
    for name in ("NoSuchPipeline", "AutoencoderKL", "os"):
        with pytest.raises(ModelError, match=f"has no pipeline '{name}'"):
            run(ltx, LTX, pipeline_class=name)


def test_a_class_made_of_other_parts_is_refused(svd: Path) -> None:
    with pytest.raises(ModelError, match="has no text_encoder, tokenizer, transformer"):
        run(svd, SVD, pipeline_class="LTXImageToVideoPipeline")


def test_an_input_that_the_call_lacks_is_refused(svd: Path) -> None:
    with pytest.raises(ValueError, match="Pipeline has no argument prompt: leave prompt out"):
        run(svd, SVD | {"prompt": "a dog"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_sequence_lenght": 64}, "did you mean max_sequence_length?"),
        ({"prompt": "a dog"}, "prompt is an input of the node itself"),
        ({"output_type": "pil"}, "output_type is set by the node"),
    ],
)
def test_an_argument_that_is_not_to_be_set_is_refused(
    ltx: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run(ltx, LTX | {"arguments": arguments})


def test_a_further_argument_reaches_the_call(ltx: Path) -> None:
    made = run(ltx, LTX | {"arguments": {"guidance_rescale": 0.9}})
    assert not np.array_equal(made.out.frames, run(ltx, LTX).out.frames)


def test_progress_counts_steps(ltx: Path) -> None:
    told: list[Any] = []
    ref = load_video_pipeline(str(ltx), ctx=Context.for_test())
    animate_by_pipeline(photo(), ref, ctx=context(told=told), **LTX)
    assert told == [(1, 2), (2, 2)]


@node("test.pipeline_photos", version=1)
def photos(*, count: int) -> Stream[Image]:
    """Photos of noise."""
    for index in range(count):
        yield Item(f"p{index}", photo(index))


def test_a_graph_runs_it_and_a_second_run_makes_nothing(ltx: Path, tmp_path: Path) -> None:
    graph = Graph("pipeline", seed=3)
    model = graph.add(load_video_pipeline, model=str(ltx))
    pictures = graph.add(photos, count=2)
    clips = graph.add(animate_by_pipeline, image=pictures, model=model, keep_photo=True, **LTX)
    graph.output("clips", clips.out)
    for executed in (2, 0):
        done = graph.run(store=tmp_path / "store", devices="cpu")
        assert done.ok, done.errors
        assert done.nodes["animate_by_pipeline"].executed == executed
    for index, item in enumerate(done.items("clips")):
        assert np.array_equal(item.value.frames[0], photo(index).pixels)

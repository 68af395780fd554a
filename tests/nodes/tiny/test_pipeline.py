from __future__ import annotations

import gc
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nodegraph import Context, ModelRef
from nodegraph.models import ModelError
from nodegraph.models.loading import load_model, model_sizes, to_device, to_host
from nodegraph.models.tensors import tensor_bytes
from nodes.tiny import TinyPipeline, restyle, tiny_model
from nodes.tiny.make import make_tiny_pipeline

LAYER = 64 * 64 * 4


def live_parameter_bytes() -> int:
    """Of all parameters in the process, whoever holds them."""
    from torch.nn import Parameter

    return sum(thing.nbytes for thing in gc.get_objects() if type(thing) is Parameter)


def test_sizes_are_the_whole_a_component_and_a_layer(ref):
    assert model_sizes(ref) == {"resident": 6 * LAYER, "swap": 2 * LAYER, "offload": LAYER}


@pytest.mark.parametrize("mode", ["resident", "swap", "offload"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_at_work_is_what_the_size_of_the_mode_says_and_all_is_dropped_after(
    folder, pictures, context, mode, dtype
):
    held: list[int] = []
    loaded: list[TinyPipeline] = []
    ref = tiny_model(folder, dtype=dtype, ctx=Context.for_test())
    ctx = context(mode, [1], loaded=loaded, progress=lambda done, total: held.append(live_parameter_bytes()))
    restyle(pictures[:1], ref, side=16, steps=2, ctx=ctx)
    assert held == [model_sizes(ref)[mode]] * 2
    assert (tensor_bytes(loaded[0]) or 0) == (held[0] if mode == "resident" else 0)
    del loaded[:]
    assert live_parameter_bytes() == 0


@pytest.mark.parametrize("mode", ["swap", "offload"])
def test_threads_that_share_a_lean_model_never_hold_more_than_one_part(ref, pictures, context, mode):
    pipeline = load_model(ref, "cpu", mode)
    held: list[int] = []
    together = threading.Barrier(2)

    def paint(picture):
        def use_it(_: ModelRef):
            together.wait(timeout=30)
            return _Given(pipeline)

        ctx = context(mode, [1], progress=lambda done, total: held.append(live_parameter_bytes()))
        ctx._use = use_it
        return restyle([picture], ref, side=16, steps=1, ctx=ctx)[0]

    with ThreadPoolExecutor(2) as pool:
        painted = list(pool.map(paint, pictures[:2]))
    alone = [restyle([picture], ref, side=16, steps=1, ctx=context(seeds=[1]))[0] for picture in pictures[:2]]
    assert [(a.pixels == b.pixels).all() for a, b in zip(painted, alone, strict=True)] == [True, True]
    assert held == [model_sizes(ref)[mode]] * 2


class _Given:
    def __init__(self, pipeline: TinyPipeline) -> None:
        self._pipeline = pipeline

    def __enter__(self) -> TinyPipeline:
        return self._pipeline

    def __exit__(self, *_: object) -> None:
        pass


def test_failure_in_the_midst_of_a_component_drops_it(ref):
    import torch

    pipeline = load_model(ref, "cpu", "swap")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        pipeline.encode(torch.zeros(1, 2, 32), torch.zeros(1, 2, 32))
    assert live_parameter_bytes() == 0


def test_resident_model_moves_to_the_host_and_back_as_it_is(ref):
    pipeline = load_model(ref, "cpu", "resident")
    assert to_device(ref, to_host(ref, pipeline), "cpu") is pipeline
    assert (pipeline.device, tensor_bytes(pipeline)) == ("cpu", 6 * LAYER)


def test_load_draws_nothing_from_the_generator_of_torch(ref):
    import torch

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    load_model(ref, "cpu", "resident")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_single_weight_file_is_refused_as_no_pipeline(folder):
    ref = Context.for_test().find_model("tiny.pipeline", folder / "encoder/model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors: a tiny pipeline is a folder"):
        load_model(ref, "cpu", "resident")


def _other_depth(folder: Path) -> None:
    config = folder / "decoder/config.json"
    config.write_text(json.dumps({"width": 64, "depth": 3}))


def _no_depth(folder: Path) -> None:
    (folder / "denoiser/config.json").write_text(json.dumps({"width": 64}))


def _odd_width(folder: Path) -> None:
    (folder / "encoder/config.json").write_text(json.dumps({"width": 50, "depth": 2}))


def _a_list(folder: Path) -> None:
    (folder / "encoder/config.json").write_text("[]")


def _no_json(folder: Path) -> None:
    (folder / "encoder/config.json").write_text("{")


def _no_config(folder: Path) -> None:
    (folder / "encoder/config.json").unlink()


def _weights_of_another(folder: Path) -> None:
    make_tiny_pipeline(folder.parent / "other", width=32, depth=2)
    name = "denoiser/model.safetensors"
    (folder / name).write_bytes((folder.parent / "other" / name).read_bytes())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_other_depth, "decoder/config.json: it says width 64 and depth 3 but that of encoder"),
        (_no_depth, "denoiser/config.json: it must give width, a multiple of 32, and depth, 1 or more"),
        (_odd_width, "encoder/config.json: it must give width, a multiple of 32"),
        (_a_list, "encoder/config.json: it must give width"),
        (_no_json, "encoder/config.json: it is not valid JSON"),
        (_no_config, "encoder/config.json: cannot be read: No such file"),
        (_weights_of_another, "denoiser/model.safetensors: its tensors are not those of width 64"),
    ],
)
def test_contradicting_or_missing_file_is_named_before_anything_is_loaded(folder, damage, message):
    damage(folder)
    ref = tiny_model(folder, ctx=Context.for_test())
    for mode in ("resident", "swap", "offload"):
        with pytest.raises(ModelError) as refused:
            load_model(ref, "cpu", mode)
        assert message in str(refused.value)
        assert str(refused.value).endswith("make the model again")


def test_weights_truncated_while_a_lean_model_is_in_use_are_named(ref, folder):
    import torch

    pipeline = load_model(ref, "cpu", "offload")
    file = folder / "encoder/model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"encoder/model\.safetensors: layer 0 cannot be read: "):
        pipeline.encode(torch.zeros(1, 2, 64), torch.zeros(1, 2, 64))


def _no_decoder(folder: Path) -> None:
    (folder / "decoder/model.safetensors").unlink()


def _short(folder: Path) -> None:
    (folder / "encoder/model.safetensors").write_bytes(b"short")


@pytest.mark.parametrize(
    ("damage", "message"),
    [(_no_decoder, "the weights of decoder are missing"), (_short, "it has 5 bytes, too few")],
)
def test_folder_with_missing_or_truncated_weights_is_not_named(folder, damage, message):
    damage(folder)
    with pytest.raises(ModelError, match=message):
        tiny_model(folder, ctx=Context.for_test())

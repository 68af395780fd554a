"""Real modules of torch on the CPU, under a budget of memory."""

from __future__ import annotations

import itertools
import weakref
from pathlib import Path

import pytest

from nodegraph import ModelRef, model
from nodegraph.models import load_state_dict
from nodegraph.models.changes import ResidencyChange
from nodegraph.models.errors import DoesNotFit
from nodegraph.models.find import find_model
from nodegraph.models.loading import load_model, model_sizes, to_device, to_host, weight_paths
from nodegraph.models.residency import Residency
from nodegraph.models.tensors import tensor_bytes

WIDTH = 64
KIND = "test.real_mlp"
made: list[weakref.ref] = []


@model(KIND)
def load_mlp(ref, folder, device, mode):
    import torch

    with torch.device("meta"):
        mlp = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, WIDTH), torch.nn.ReLU(), torch.nn.Linear(WIDTH, WIDTH)
        )
    mlp.load_state_dict(load_state_dict(folder), assign=True)
    mlp.register_forward_hook(lambda module, given, result: result)
    made.append(weakref.ref(mlp))
    return mlp.to(device=device, dtype=getattr(torch, ref.dtype))


@pytest.fixture
def models(disk, digest_of):
    """Three models of 33,280 bytes each in float32, with other weights each."""
    import torch
    from safetensors.torch import save_file

    def make(seed, dtype="float32"):
        folder = disk.json(f"m{seed}/config.json", {"seed": seed}).parent
        draw = torch.Generator().manual_seed(seed)
        shapes = {
            "0.weight": (WIDTH, WIDTH),
            "0.bias": (WIDTH,),
            "2.weight": (WIDTH, WIDTH),
            "2.bias": (WIDTH,),
        }
        weights = {name: torch.randn(shape, generator=draw) for name, shape in shapes.items()}
        save_file(weights, folder / "model.safetensors")
        return find_model(KIND, folder, dtype=dtype, digest_of=digest_of)

    made.clear()
    return make


def residency(budget: int, changes: list[ResidencyChange]) -> Residency:
    ticks = itertools.count()
    return Residency(
        {"cpu": budget},
        host_bytes=0,
        load=load_model,
        sizes=model_sizes,
        to_host=to_host,
        to_device=to_device,
        files=weight_paths,
        clock=lambda: float(next(ticks)),
        on_change=changes.append,
    )


def result(loaded):
    import torch

    with torch.inference_mode():
        return loaded(torch.ones(1, WIDTH, dtype=loaded[0].weight.dtype)).tolist()


def test_stages_of_models_that_do_not_fit_together_load_each_once(models):
    refs = [models(seed) for seed in range(3)]
    total = sum(model_sizes(ref)["resident"] for ref in refs)
    assert total == 3 * 33_280
    expected = [result(load_model(ref, "cpu", "resident")) for ref in refs]
    made.clear()
    changes: list[ResidencyChange] = []
    with residency(total * 6 // 10, changes) as r:
        for index, ref in enumerate(refs):
            r.upcoming("cpu", refs[index:])
            for _ in range(5):
                with r.admit("cpu", [(ref, "resident")], 1000) as lease, lease.use(ref) as loaded:
                    assert result(loaded) == expected[index]
                del loaded
            for later in refs[index + 1 :]:
                r.prefetch(later)
            assert sum(reference() is not None for reference in made) == 1
    assert len(made) == 3
    assert max(change.tracked for change in changes) <= total * 6 // 10
    assert [reference() for reference in made] == [None, None, None]
    assert all(not change.warning for change in changes)


def test_half_precision_takes_half_of_the_memory(models):
    ref = models(7, dtype="float16")
    assert model_sizes(ref) == {"resident": 16_640}
    assert tensor_bytes(load_model(ref, "cpu", "resident")) == 16_640
    with (
        residency(16_640, []) as r,
        r.admit("cpu", [(ref, "resident")], 0) as lease,
        lease.use(ref) as loaded,
    ):
        assert tensor_bytes(loaded) == 16_640
    del loaded


def test_model_that_does_not_fit_is_refused_before_it_is_loaded(models):
    ref = models(1)
    with (
        residency(33_279, []) as r,
        pytest.raises(DoesNotFit) as error,
        r.admit("cpu", [(ref, "resident")], 0),
    ):
        pass
    assert (error.value.need, error.value.budget) == (33_280, 33_279)
    assert made == []


def test_memory_of_a_model_of_many_small_tensors_goes_back_to_the_system():
    import torch

    def resident_bytes():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    def load(ref, device, mode):
        return torch.nn.ModuleList([torch.nn.Linear(64, 64) for _ in range(3000)])

    size = 4 * 3000 * 65 * 64
    with Residency(
        {"cpu": size},
        host_bytes=0,
        load=load,
        sizes=lambda ref: {"resident": size},
        clock=lambda: 0.0,
        on_change=lambda change: None,
    ) as r:
        with (
            r.admit("cpu", [(ModelRef("test.small"), "resident")], 0) as lease,
            lease.use(ModelRef("test.small")),
        ):
            loaded = resident_bytes()
        assert r.free("cpu") == size
    assert loaded - resident_bytes() > size // 2


def test_bytes_of_a_module_are_those_of_parameters_and_buffers_shared_ones_once():
    import torch

    one = torch.nn.Linear(8, 8)
    one.register_buffer("scale", torch.zeros(4))
    tied = torch.nn.Linear(8, 8)
    tied.weight = one.weight
    assert tensor_bytes(torch.nn.ModuleList([one, tied])) == 4 * (64 + 8 + 4 + 8)


def test_bytes_of_a_pipeline_are_those_of_its_components():
    import torch

    class Pipeline:
        def __init__(self):
            self.components = {
                "unet": torch.nn.Linear(4, 4),
                "scheduler": object(),
                "vae": torch.nn.Linear(2, 2),
            }

    assert tensor_bytes(Pipeline()) == 4 * (16 + 4 + 4 + 2)
    assert tensor_bytes([torch.nn.Linear(4, 4), None]) == 4 * 20
    assert tensor_bytes({"no": "tensors"}) is None
    assert tensor_bytes(object()) is None


def test_module_without_storage_counts_its_tensors_one_by_one():
    import torch

    with torch.device("meta"):
        mlp = torch.nn.Linear(4, 4)
    assert tensor_bytes(mlp) == 4 * 20

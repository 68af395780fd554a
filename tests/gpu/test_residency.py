"""Models on a real device: what leaves it is freed there, waits in page-locked memory, and comes back."""

from __future__ import annotations

import time
from typing import Any

from nodegraph import ModelRef, model
from nodegraph.models.loading import to_device, to_host
from nodegraph.models.residency import Residency

SIDE = 4096
MODEL_BYTES = 4 * SIDE * SIDE
WORKSPACE = 48 << 20
"""What cuBLAS takes of torch's memory for itself, and some more."""

GPU = "cuda:0"


@model("gpu.square")
def load_square(ref: ModelRef, folder: Any, device: str, mode: str) -> Any:
    import torch

    torch.manual_seed(int(ref.fingerprint, 16))
    return torch.nn.Linear(SIDE, SIDE, bias=False).to(device)


def test_models_that_do_not_fit_together_take_turns_within_the_budget():
    import torch

    refs = [ModelRef("gpu.square", fingerprint=str(number)) for number in range(3)]
    before = torch.cuda.memory_allocated(GPU)
    given = torch.ones(1, SIDE, device=GPU)
    sources: list[str | None] = []
    results: dict[str, list[list[float]]] = {}
    residency = Residency(
        {GPU: 2 * MODEL_BYTES},
        host_bytes=4 * MODEL_BYTES,
        load=lambda ref, device, mode: load_square(ref, None, device, mode),
        sizes=lambda ref: {"resident": MODEL_BYTES},
        to_host=to_host,
        to_device=to_device,
        clock=time.perf_counter,
        on_change=lambda change: sources.append(change.source) if change.what == "loaded" else None,
    )
    with residency:
        for ref in (*refs, *refs):
            with residency.admit(GPU, [(ref, "resident")], 0) as lease, lease.use(ref) as loaded:
                assert loaded.weight.is_cuda
                with torch.inference_mode():
                    found = loaded(given).tolist()
                assert results.setdefault(ref.fingerprint, found) == found
            del loaded
            assert torch.cuda.memory_allocated(GPU) - before <= residency.tracked(GPU) + WORKSPACE
    assert sources == ["disk"] * 3 + ["host"] * 3
    del given
    assert torch.cuda.memory_allocated(GPU) - before < MODEL_BYTES


def test_model_in_host_memory_is_page_locked():
    import torch

    module = torch.nn.Linear(16, 16).to(GPU)
    moved = to_host(ModelRef("gpu.square"), module)
    assert all(tensor.is_pinned() for tensor in moved.parameters())

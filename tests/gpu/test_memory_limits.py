"""Big models under limits that torch enforces: runs complete, forecasts hold, what runs out is learned from.

`python -m pytest -n 0 tests/gpu -q` on a machine with a GPU; it prints tables meant for docs/measurements.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from nodegraph.events import CallPlaced
from nodegraph.run.meters import PeakMeter
from tests.placement.conftest import Bench, Spec, ran_out

pytestmark = pytest.mark.filterwarnings("ignore")  # those of diffusers, transformers and accelerate

DEVICE = "cuda:0"
GIB = 1 << 30
MIB = 1 << 20
SHARE = 0.95
"""Of a limit, what is given as the budget: beside tensors, torch's allocator holds what it cannot join."""

GUARD_S = 1800.0

Limited = Callable[[int], AbstractContextManager[list[int]]]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Limited:
    """Lets this process have so many GiB of the device, and gives the peaks of allocated bytes since then.

    Meters of calls begin peaks anew; what they were until then is written down first.
    """

    @contextmanager
    def limit(gib: int) -> Iterator[list[int]]:
        import torch

        total = torch.cuda.get_device_properties(0).total_memory
        if total < gib * GIB:
            pytest.skip(f"needs a device of {gib} GiB; this one has {total / GIB:.0f}")
        begin_anew = torch.cuda.reset_peak_memory_stats
        peaks: list[int] = []

        def note_and_begin_anew(device: str | int | None = None) -> None:
            peaks.append(torch.cuda.max_memory_allocated(0))
            begin_anew(device)

        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(gib * GIB / total, 0)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", note_and_begin_anew)
        try:
            yield peaks
        finally:
            monkeypatch.undo()
            torch.cuda.set_per_process_memory_fraction(1.0, 0)
            torch.cuda.empty_cache()

    return limit


def two_models(svd: Path, sdxl: Path, seeds: list[int]) -> dict[str, Spec]:
    """Pictures are animated, and what comes of that goes on to the second model."""
    return {
        "pictures": ("gpu.pictures", {}, {"seeds": seeds}),
        "svd": ("gpu.model", {}, {"folder": str(svd), "kind": "gpu.svd"}),
        "sdxl": ("gpu.model", {}, {"folder": str(sdxl), "kind": "gpu.unet"}),
        "animate": ("gpu.animate", {"image": "pictures", "model": "svd"}, {"steps": 3}),
        "denoise": ("gpu.denoise", {"image": "animate", "model": "sdxl"}, {"steps": 3, "side": 128}),
    }


@pytest.mark.parametrize("gib", [24, 16, 12, 8])
def test_two_big_models_complete_under_a_limit_and_the_forecast_holds(
    gib: int,
    svd: Path,
    sdxl: Path,
    limited: Limited,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    bench = Bench(tmp_path, guard_s=GUARD_S)
    budget = f"{DEVICE}={int(SHARE * gib * GIB)}"
    with limited(gib) as peaks:
        first = bench.run(two_models(svd, sdxl, [0, 1]), devices=budget)
        assert first.run.ok, first.run.errors
        nodes = two_models(svd, sdxl, [2, 3, 4])
        planned = bench.plan(nodes, devices=budget).devices[DEVICE]
        torch.cuda.reset_peak_memory_stats(0)
        peaks.clear()
        before = torch.cuda.memory_allocated(0)
        second = bench.run(nodes, devices=budget)
        measured = max([*peaks, torch.cuda.max_memory_allocated(0)]) - before
    assert second.run.ok, second.run.errors
    ways = sorted({(call.node, call.mode, call.batch) for call in second.of(CallPlaced)})
    with capsys.disabled():
        print(
            f"\n{gib:>3} GiB: forecast {planned.peak / GIB:.2f} GiB, measured {measured / GIB:.2f} GiB "
            f"({planned.peak / measured - 1:+.1%}); {planned.loads} loads forecast, "
            f"{second.loads().total()} made; ran out {len(ran_out(first))} times, then "
            f"{len(ran_out(second))}; {', '.join(f'{node} {mode} × {batch}' for node, mode, batch in ways)}; "
            f"{second.run.seconds:.0f} s"
        )
    assert ran_out(second) == [], "the first run told what fits"
    assert abs(planned.peak / measured - 1) <= 0.15


def test_memory_that_runs_out_is_freed_halved_and_remembered(
    sd: Path, limited: Limited, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, guard_s=GUARD_S)

    def nodes(seeds: list[int]) -> dict[str, Spec]:
        return {
            "pictures": ("gpu.pictures", {}, {"seeds": seeds, "width": 32, "height": 32}),
            "sd": ("gpu.model", {}, {"folder": str(sd), "kind": "gpu.unet"}),
            "fill": ("gpu.fill", {"image": "pictures", "model": "sd"}, {"mib": 1500}),
        }

    # 1.6 GiB of weights leave room for two pictures; half of the weights for each is assumed.
    with limited(6):
        budget = f"{DEVICE}={int(SHARE * 6 * GIB)}"
        first = bench.run(nodes(list(range(8))), devices=budget)
        assert first.run.ok, first.run.errors
        assert ran_out(first)
        second = bench.run(nodes(list(range(8, 16))), devices=budget)
    assert second.run.ok, second.run.errors
    assert ran_out(second) == []
    assert set(second.batches("fill")) <= {1, 2}


def test_an_item_that_cannot_fit_fails_with_the_numbers_and_others_are_done(
    sd: Path, limited: Limited, tmp_path: Path
) -> None:
    bench = Bench(tmp_path, guard_s=GUARD_S)
    nodes: dict[str, Spec] = {
        "pictures": ("gpu.pictures", {}, {"seeds": [0], "width": 32, "height": 32}),
        "sd": ("gpu.model", {}, {"folder": str(sd), "kind": "gpu.unet"}),
        "fill": ("gpu.fill", {"image": "pictures", "model": "sd"}, {"mib": 8000}),
        "denoise": ("gpu.denoise", {"image": "pictures", "model": "sd"}, {"steps": 1}),
    }
    with limited(6):
        ran = bench.run(nodes, devices=f"{DEVICE}={int(SHARE * 6 * GIB)}")
    assert ran.counts("fill") == "1 failed"
    assert ran.counts("denoise") == "1 executed"
    (error,) = ran.run.errors
    assert f"out of memory on {DEVICE}" in error.message
    assert "what would help" in error.message


def test_peak_of_a_known_allocation_is_measured_without_what_is_done_apart() -> None:
    import torch

    torch.cuda.empty_cache()
    meter = PeakMeter.of(DEVICE, "cuda")
    with meter.measuring() as reading:
        with reading.apart():
            kept = torch.empty(512 * MIB, dtype=torch.uint8, device=DEVICE)
        taken = torch.empty(256 * MIB, dtype=torch.uint8, device=DEVICE)
        del taken
    del kept
    assert reading.trusted
    assert 256 * MIB <= reading.peak <= 258 * MIB
    assert reading.reserved >= 768 * MIB

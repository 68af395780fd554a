"""Runs on devices, as the events that they leave."""

from __future__ import annotations

import pytest

from nodegraph.events.types import (
    CallPlaced,
    ForecastDevice,
    ForecastStage,
    MemoryTracked,
    ModelEvicted,
    ModelLoaded,
    OutOfMemory,
    PlacementForecast,
)

GIB = 1 << 30


class Machine:
    """Makes up the events of a run, one after the other, and keeps what is tracked right."""

    def __init__(self, budgets):
        self.budgets = budgets
        self.tracked = dict.fromkeys(budgets, 0)
        self.events = []

    def forecast(self, seconds, stages, **expected):
        """Per device: peak bytes and loads; names are given with _ for :."""
        devices = tuple(
            ForecastDevice(name, budget, *expected.get(name.replace(":", "_"), (0, 0)))
            for name, budget in self.budgets.items()
        )
        stages = tuple(ForecastStage(*stage) for stage in stages)
        self.events.append(PlacementForecast(0.1, devices, seconds, stages))

    def track(self, time, device, nbytes):
        self.tracked[device] += nbytes
        self.events.append(MemoryTracked(time, device, self.tracked[device], self.budgets[device]))

    def load(self, time, device, model, nbytes, seconds=2.0, source="disk", mode="resident"):
        self.track(time - seconds, device, nbytes)
        self.events.append(ModelLoaded(time, device, f"{model}-id", model, mode, source, seconds, nbytes))

    def evict(self, time, device, model, nbytes, to="host"):
        self.events.append(ModelEvicted(time, device, f"{model}-id", model, to))
        self.track(time, device, -nbytes)

    def call(self, time, device, node, item, seconds, working=0, batch=1, mode="resident"):
        if working:
            self.track(time - seconds, device, working)
        self.events.append(CallPlaced(time, node, str(item), device, mode, batch, seconds))
        if working:
            self.track(time, device, -working)


@pytest.fixture
def flow():
    """Two models that fit together on one GPU: 60 items flow through, decoded and encoded on the CPU."""
    run = Machine({"cuda:0": 24 * GIB, "cpu": 16 * GIB})
    run.forecast(
        200.0,
        [
            ("decode", "cpu", "", 1, 60, "measured"),
            ("depth", "cuda:0", "resident", 1, 60, "measured"),
            ("animate", "cuda:0", "resident", 1, 60, "estimated"),
            ("encode", "cpu", "", 1, 60, "assumed"),
        ],
        cuda_0=(19 * GIB, 2),
        cpu=(GIB // 2, 0),
    )
    run.load(4.0, "cuda:0", "depth-anything-v2-large", 2 * GIB, 3.0)
    run.load(12.0, "cuda:0", "stable-video-diffusion-img2vid-xt", 9 * GIB, 8.0)
    for index in range(60):
        begun = 12.0 + 3.4 * index
        run.call(begun + 0.2, "cpu", "decode", f"{index}.jpg", 0.2, GIB // 4, mode="")
        run.call(begun + 0.9, "cuda:0", "depth", f"{index}.jpg", 0.6, GIB)
        run.call(begun + 3.3, "cuda:0", "animate", f"{index}.jpg", 2.4, 7 * GIB)
        run.call(begun + 3.9, "cpu", "encode", f"{index}.jpg", 0.6, GIB // 8, mode="")
    return run.events


@pytest.fixture
def staged():
    """Two models that do not fit together: windows of 400 items, the models take turns."""
    run = Machine({"cuda:0": 12 * GIB})
    run.forecast(
        1300.0,
        [
            ("segment", "cuda:0", "resident", 8, 1200, "measured"),
            ("inpaint", "cuda:0", "swap", 2, 1200, "measured"),
        ],
        cuda_0=(11 * GIB, 6),
    )
    now = 1.0
    for window in range(3):
        source = "host" if window else "disk"
        now += 4.0
        run.load(now, "cuda:0", "sam2.1-hiera-large", 5 * GIB, 4.0, source)
        for index in range(50):
            now += 1.2
            run.call(now, "cuda:0", "segment", f"{window * 400 + index * 8}", 1.2, 3 * GIB, 8)
        run.evict(now, "cuda:0", "sam2.1-hiera-large", 5 * GIB)
        now += 7.0
        run.load(now, "cuda:0", "sd-controlnet-inpaint", 8 * GIB, 7.0, source, "swap")
        for index in range(200):
            now += 1.6
            run.call(now, "cuda:0", "inpaint", f"{window * 400 + index * 2}", 1.6, 3 * GIB, 2, "swap")
        run.evict(now, "cuda:0", "sd-controlnet-inpaint", 8 * GIB, "host" if window < 2 else "dropped")
    return run.events


@pytest.fixture
def out_of_memory():
    """Two GPUs share the calls of one node; the smaller runs out of memory and goes on in smaller batches."""
    run = Machine({"cuda:0": 24 * GIB, "cuda:1": 8 * GIB, "cpu": 4 * GIB})
    run.forecast(
        70.0,
        [
            ("upscale", "cuda:0", "resident", 8, 96, "assumed"),
            ("upscale", "cuda:1", "resident", 4, 32, "assumed"),
        ],
        cuda_0=(10 * GIB, 1),
        cuda_1=(7 * GIB, 1),
    )
    run.load(3.0, "cuda:0", "upscaler", 3 * GIB)
    run.load(3.5, "cuda:1", "upscaler", 3 * GIB)
    for index in range(12):
        run.call(3.1 + 5.0 * (index + 1), "cuda:0", "upscale", f"a/{index}", 4.9, 6 * GIB, 8)
    for time, then in ((5.0, "what is not in use is freed"), (6.0, "a batch of 2"), (60.0, "a batch of 1")):
        run.events.append(
            OutOfMemory(time, "upscale", "b/0", "cuda:1", 9 * GIB, 8 * GIB, then),
        )
    for index in range(16):
        run.call(6.1 + 3.25 * (index + 1), "cuda:1", "upscale", f"b/{index}", 3.2, 4 * GIB, 2)
    run.events.sort(key=lambda event: event.time)
    return run.events

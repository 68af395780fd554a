"""Nodes and kinds of models for tests of placement: real weights on the CPU, and such as only count."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph import Batch, Collected, Context, Drop, Item, ModelRef, Stream, model, node
from nodegraph.models import Mode, Weights, load_state_dict
from nodes.tiny.pipeline import TinyPipeline, load_tiny_pipeline
from nodes.tiny.restyle import restyle, restyle_bytes
from nodes.types import Image

if TYPE_CHECKING:
    from tests.run.fake_allocator import FakeDevice

LOG: list[tuple[str, Any]] = []
"""(what was done, with what), in the order in which it was done."""

FAKES: dict[str, FakeDevice] = {}
"""The fake devices of the test by name."""

THROUGH = threading.Event()
"""Whether a number was multiplied by 3."""

LOST = threading.Event()
"""Whether a device was lost."""

NONE: list[int] = []
MIB = 1 << 20


@model("placement.pipeline", modes=("resident", "swap", "offload"))
def load_pipeline(ref: ModelRef, folder: Path, device: str, mode: Mode) -> TinyPipeline:
    return load_tiny_pipeline(ref, folder, "cpu", mode)


@model("placement.matrix")
def load_matrix(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Any:
    import torch

    module = torch.nn.Module()
    for name, tensor in load_state_dict(folder).items():
        module.register_buffer(name, tensor)
    return module


@model("placement.broken")
def load_broken(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Any:
    """A model that cannot be loaded."""
    LOG.append(("load", (device, mode)))
    raise RuntimeError("no such layer")


class Counted:
    """Weights that are only counted: whole from the beginning, or a share of them while in use."""

    def __init__(self, device: FakeDevice, nbytes: int, *, whole: bool) -> None:
        self._device = device
        self._nbytes = nbytes
        self._held = device.allocate(nbytes) if whole else None

    @contextmanager
    def at_work(self) -> Generator[None]:
        """Have on the device what is worked with."""
        moved = self._device.allocate(self._nbytes) if self._held is None else None
        try:
            yield
        finally:
            if moved is not None:
                moved.free()


def counted_sizes(ref: ModelRef, weights: Weights) -> Mapping[Mode, int]:
    """A MiB for each stored number; half of that in mode "swap", an eighth in mode "offload"."""
    whole = weights.nbytes("float32") // 4 * MIB
    return {"resident": whole, "swap": whole // 2, "offload": whole // 8}


@model("placement.counted", modes=("resident", "swap", "offload"), size=counted_sizes)
def load_counted(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Counted:
    numbers = load_state_dict(folder)["weight"].numel()
    share = {"resident": 1, "swap": 2, "offload": 8}[mode]
    LOG.append(("load", (device, mode)))
    return Counted(FAKES[device], numbers * MIB // share, whole=mode == "resident")


@model("placement.lying")
def load_lying(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Any:
    """A model of four times the bytes that its files say."""
    module = load_matrix(ref, folder, device, mode)
    module.register_buffer("more", module.weight.repeat(3))
    return module


@node("placement.model", version=1, pure=False)
def name_model(folder: Path, *, kind: str, ctx: Context) -> ModelRef:
    """Name a model."""
    return ctx.find_model(kind, folder)


@node("placement.hub_model", version=1, pure=False)
def hub_model(*, source: str, ctx: Context) -> ModelRef:
    """Name a matrix of the hub."""
    return ctx.find_model("placement.matrix", source)


@node("placement.pick", version=1, pure=False)
def pick_model(number: int, *, folders: list[str], ctx: Context) -> ModelRef:
    """Name one of several matrices: each item has one of its own."""
    return ctx.find_model("placement.matrix", Path(folders[number % len(folders)]))


@node("placement.pictures", version=1)
def pictures(*, seeds: list[int], side: int = 32) -> Stream[Image]:
    """Pictures of noise, one for each seed."""
    import numpy as np

    for seed in seeds:
        pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
        yield Item(f"p{seed}", Image(pixels))


@node("placement.numbers", version=1)
def numbers(*, count: int, stop: int = -1, waits: int = -1) -> Stream[int]:
    """Numbers from zero; breaks off before `stop`. One fails unless another is multiplied by 3 before it."""

    def make(number: int) -> int:
        if number == waits and not THROUGH.wait(20):
            raise RuntimeError("none has come through")
        return number

    for number in range(count):
        if number == stop:
            raise RuntimeError("the source broke off")
        yield Item(str(number), lambda number=number: make(number))


@node("placement.parts", version=1)
def parts(number: int) -> Stream[int]:
    """As many parts as the last digit of a number says."""
    for part in range(number % 10):
        yield Item(f"part{part}", 10 * number + part)


@node("placement.total", version=1)
def total(numbers: Collected[int]) -> int:
    """The sum of a stream."""
    return sum(item.value for item in numbers)


@node("placement.add", version=1)
def add(number: int, other: int) -> int:
    """The sum of two numbers."""
    return number + other


@node("placement.rank", version=1, pure=False)
def rank(number: int) -> int:
    """A number as it is; looked at in every run."""
    return number


def little(number: int | None = None) -> int:
    """Bytes that multiplying works in."""
    return 1 << 16


@node("placement.multiply", version=1, memory=little)
def multiply(
    number: int, model: ModelRef, *, ctx: Context, bad: list[int] = NONE, dropped: list[int] = NONE
) -> int:
    """A number by that of a matrix."""
    if number in bad:
        raise ValueError(f"{number} is bad")
    if number in dropped:
        raise Drop("not wanted")
    with ctx.use(model) as matrix:
        factor = int(matrix.weight[0])
    LOG.append(("multiply", (factor, number)))
    if factor == 3:
        THROUGH.set()
    return factor * number % 1_000_003


@node("placement.draw", version=1)
def draw(number: int, *, shade: int) -> Image:
    """A picture of one pixel."""
    import numpy as np

    return Image(np.full((1, 1, 3), (number + shade) % 256, np.uint8))


@node("placement.shaded", version=1, memory=lambda: 1 << 16)
def shaded(number: int, by: ModelRef | Image, *, ctx: Context) -> int:
    """A number by that of a matrix, or by the shade of a picture; it takes its time."""
    time.sleep(0.02)
    if isinstance(by, Image):
        return number * int(by.pixels[0, 0, 0])
    with ctx.use(by) as matrix:
        return number * int(matrix.weight[0])


def growing(number: int) -> int:
    """Bytes that a number works in, as it says."""
    return number * MIB


@node("placement.grow", version=1, memory=growing)
def grow(number: int, model: ModelRef, *, ctx: Context) -> int:
    """A number as it is."""
    return number


def some(batch: int, item_bytes: int | None = None) -> int:
    """Bytes that multiplying many works in, as it says."""
    return batch * (item_bytes or 0)


@node("placement.multiply_all", version=1, memory=some)
def multiply_all(
    numbers: Batch[int], model: ModelRef, *, item_bytes: int, ctx: Context, bad: list[int] = NONE
) -> Batch[int]:
    """Numbers by that of a matrix, many at a time; what they work in is only said."""
    LOG.append(("batch", len(numbers)))
    if unlucky := [number for number in numbers if number in bad]:
        raise ValueError(f"{unlucky[0]} is bad")
    with ctx.use(model) as matrix:
        return [int(matrix.weight[0]) * number for number in numbers]


@node("placement.paint", version=1, seeded=True, memory=restyle_bytes)
def paint(image: Batch[Image], model: ModelRef, *, side: int = 32, ctx: Context) -> Batch[Image]:
    """Repaint pictures; the seeds are written down."""
    LOG.append(("batch", len(image)))
    LOG.extend(
        ("seed", (picture.pixels.tobytes(), seed)) for picture, seed in zip(image, ctx.seeds, strict=True)
    )
    return restyle(image, model, side=side, ctx=ctx)


def guzzled(batch: int, said: int | None = None) -> int:
    """MiB that each item works in, as it says."""
    return batch * (said or 0) * MIB


@node("placement.guzzle", version=1, memory=guzzled)
def guzzle(
    numbers: Batch[int], model: ModelRef, *, said: int, real: int, large: list[int] = NONE, ctx: Context
) -> Batch[int]:
    """Take `real` MiB of the device for each item, 1,000 MiB for a large one, beside the model."""
    device = FAKES[ctx.device]
    with ctx.use(model) as weights, weights.at_work():
        LOG.append(("try", (ctx.device, len(numbers))))
        taken = [device.allocate((1000 if number in large else real) * MIB) for number in numbers]
        LOG.append(("done", (ctx.device, len(numbers))))
        for allocation in taken:
            allocation.free()
    return [number + 1 for number in numbers]


@node("placement.break_device", version=1, memory=guzzled)
def break_device(
    numbers: Batch[int], model: ModelRef, *, said: int = 1, device: str, ctx: Context
) -> Batch[int]:
    """Numbers as they are; a device is lost in the first call that is made there, others wait for that."""
    with ctx.use(model):
        LOG.append(("try", (ctx.device, len(numbers))))
        if ctx.device == device:
            FAKES[device].lose()
            LOST.set()
        elif not LOST.wait(20):
            raise RuntimeError(f"no call was made on {device}")
        FAKES[ctx.device].allocate(MIB).free()
    return list(numbers)

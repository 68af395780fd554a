"""What a placement decides: where, when, in which mode and batch size, and what that will take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nodegraph.place.problem import Mode

Policy = Literal["flow", "staged", "replicated", "split"]
"""How stages share devices.

Items flow through models that fit together; one stage runs after the other; all devices make the same calls;
each has stages of its own.
"""


@dataclass(frozen=True, slots=True)
class StagePlacement:
    """How the calls of a stage run.

    Attributes:
        devices: names of the devices that share its calls.
        mode: how its models are held, per device.
        batch: how many items a call takes, per device.
        order: its place in the order in which devices turn to stages; equal for stages that run side by side.
            No stage has a lower one than those it waits for. A stage without models runs whenever its inputs
            are there, whatever its order.
    """

    devices: tuple[str, ...]
    mode: Mapping[str, Mode]
    batch: Mapping[str, int]
    order: int


@dataclass(frozen=True, slots=True)
class Block:
    """Calls of one stage that a device makes in one go; times in seconds since the start.

    Attributes:
        stage: its index in the problem.
        first, count: which items of the stage, in their order.
        lanes: how many of its calls run at the same time; they begin together, in waves.
    """

    stage: int
    device: str
    first: int
    count: int
    start: float
    end: float
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Load:
    """A model gets onto a device; `source` says from where, times in seconds since the start.

    It takes its room on the device from `start` on. A copy in host memory is gone when it is on the device.
    """

    model: str
    device: str
    mode: Mode
    source: Literal["disk", "host"]
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Prefetch:
    """A model is read from disk into host memory while devices work; times in seconds since the start."""

    model: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Eviction:
    """A model leaves a device, for host memory or altogether; `at` in seconds since the start."""

    model: str
    device: str
    to: Literal["host", "dropped"]
    at: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A stage that fits nowhere.

    Attributes:
        need: bytes that one item takes in the leanest mode, on the device where that is least; 0 where it can
            use none of the devices.
        device, budget: the device that comes nearest, and its budget; "" and 0 if it can use none.
        message: the numbers and what would help, for people.
    """

    stage: int
    need: int
    device: str
    budget: int
    message: str


@dataclass(frozen=True, slots=True)
class DeviceForecast:
    """What a schedule takes of a device: peak bytes, model loads, and seconds at work with all lanes."""

    peak: int
    loads: int
    busy: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """A placement and its forecast.

    Attributes:
        stages: per stage; None where it was refused, or has nothing to run.
        blocks, loads, prefetches, evictions: what happens, each in order of time.
        devices: by name.
        seconds: from start to end.
    """

    policy: Policy
    stages: tuple[StagePlacement | None, ...]
    blocks: tuple[Block, ...]
    loads: tuple[Load, ...]
    prefetches: tuple[Prefetch, ...]
    evictions: tuple[Eviction, ...]
    refused: tuple[Refusal, ...]
    devices: Mapping[str, DeviceForecast]
    seconds: float

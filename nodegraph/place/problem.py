"""What a placement is decided from: devices with budgets, models, and stages of equal calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nodegraph.models.modes import MODES as MODES
from nodegraph.models.modes import Mode as Mode

Basis = Literal["measured", "estimated", "assumed"]
"""Where a figure comes from: a profile in the store, the node type's own estimate, a default."""


IN_FLIGHT = 4096
"""How many items may wait between two stages that a device makes one after the other."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that calls run on.

    Attributes:
        name: such as `cuda:0` or `cpu`.
        kind: what costs are known for, such as `cpu` or `cuda`.
        budget: bytes that weights and working memory may take together.
        lanes: how many calls run on it at the same time.
    """

    name: str
    kind: str
    budget: int
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Model:
    """A model that stages use.

    Attributes:
        id: tells it from all others: its fingerprint, dtype and variant.
        name: for people.
        weights: bytes that it takes on a device, per mode that its kind offers; "resident" is always one.
        load_seconds: from disk to a device; prefetched: `move_seconds`, from host memory to a device.
    """

    id: str
    name: str
    weights: Mapping[Mode, int]
    load_seconds: float
    move_seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What calls take on one kind of device in one mode; a batch of n takes `fixed + n * item`.

    Attributes:
        fixed_bytes, item_bytes: working memory beside the weights.
        fixed_seconds, item_seconds: time without loading models.
        memory_basis, time_basis: where the figures come from.
    """

    fixed_bytes: int
    item_bytes: int
    fixed_seconds: float
    item_seconds: float
    memory_basis: Basis = "assumed"
    time_basis: Basis = "assumed"

    def working(self, batch: int) -> int:
        """Bytes of working memory that a batch takes."""
        return self.fixed_bytes + batch * self.item_bytes

    def seconds(self, batch: int) -> float:
        """Seconds that a batch takes."""
        return self.fixed_seconds + batch * self.item_seconds


@dataclass(frozen=True, slots=True)
class Stage:
    """Calls of one node with inputs of one shape class, which all cost the same.

    Attributes:
        id: the node's id, and its shape class where it has several.
        count: how many calls are to run.
        models: ids of the models that every call uses.
        feeds: indices of earlier stages whose items it takes as they come; the counts may differ where one
            item becomes several, or several one.
        gathers: indices of earlier stages that must be through before its first call.
        costs: per kind of device that it can run on, and mode.
        max_batch: how many items one call may take; 1 for a node that takes no batches.
    """

    id: str
    count: int
    models: tuple[str, ...]
    feeds: tuple[int, ...]
    gathers: tuple[int, ...]
    costs: Mapping[str, Mapping[Mode, Cost]]
    max_batch: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be placed.

    Attributes:
        stages: in topological order.
        models: by id.
        host_bytes: host memory that models may take which are prefetched, or moved off a device.
        in_flight: how many items may wait between two stages that do not run at the same time.
    """

    devices: tuple[Device, ...]
    models: Mapping[str, Model]
    stages: tuple[Stage, ...]
    host_bytes: int = 0
    in_flight: int = IN_FLIGHT

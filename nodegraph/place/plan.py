"""The plan: what would run, why and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodegraph.place.place import Placed


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a run would do with one node.

    Attributes:
        type: type id.
        items: calls in all, or None where only running upstream can tell.
        cached: calls whose results are in the store.
        run: calls that would run at most; early cut-off may save some.
        reasons: why they would run, most frequent first; empty if none would.
        device: where they would run.
    """

    type: str
    items: int | None
    cached: int
    run: int
    reasons: tuple[str, ...]
    device: str


@dataclass(frozen=True, slots=True)
class DevicePlan:
    """What a run would take of one device: bytes of budget and peak, and model loads."""

    budget: int
    peak: int
    loads: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run would do.

    Attributes:
        nodes: by node id, in topological order.
        devices: by device name.
        seconds: estimated duration, or None where nothing was measured yet.
        placed: where the calls that use models would run; None if there are none.
    """

    graph: str
    nodes: Mapping[str, NodePlan]
    devices: Mapping[str, DevicePlan]
    seconds: float | None
    placed: Placed | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that `plan --json` prints."""
        return {
            "nodes": {
                name: {
                    "type": node.type,
                    "items": node.items,
                    "cached": node.cached,
                    "run": node.run,
                    "reasons": list(node.reasons),
                    "device": node.device,
                }
                for name, node in self.nodes.items()
            },
            "devices": {
                name: {"budget": device.budget, "peak": device.peak, "loads": device.loads}
                for name, device in self.devices.items()
            },
            "seconds": self.seconds,
            **self._schedule(),
        }

    def _schedule(self) -> dict[str, Any]:
        if self.placed is None:
            return {}
        from nodegraph.place.table import placement_json

        return placement_json(self.placed.problem, self.placed.schedule)

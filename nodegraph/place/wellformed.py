"""What a problem must hold to be one; anything else is a bug of the caller."""

from __future__ import annotations

import math
from collections.abc import Iterator

from nodegraph.place.problem import Cost, Problem, Stage


def require_well_formed(problem: Problem) -> None:
    """Refuse a problem that has no meaning.

    Raises:
        ValueError: names every unknown model, feed that is not earlier, negative or infinite figure, and name
            given twice.
    """
    faults = [*_device_faults(problem), *_model_faults(problem), *_stage_faults(problem)]
    if faults:
        raise ValueError("; ".join(faults))


def _amount(value: float) -> bool:
    return math.isfinite(value) and value >= 0


def _device_faults(problem: Problem) -> Iterator[str]:
    if problem.host_bytes < 0 or problem.in_flight < 1:
        yield "host_bytes must be at least 0 and in_flight at least 1"
    names: set[str] = set()
    for device in problem.devices:
        if device.name in names:
            yield f"device {device.name!r} is there twice"
        names.add(device.name)
        if device.budget < 0 or device.lanes < 1:
            yield f"device {device.name!r} needs a budget of at least 0 and at least one lane"


def _model_faults(problem: Problem) -> Iterator[str]:
    for name, model in problem.models.items():
        if "resident" not in model.weights:
            yield f"model {name!r} has no mode resident"
        if not all(map(_amount, (*model.weights.values(), model.load_seconds, model.move_seconds))):
            yield f"model {name!r} has a negative size or time"


def _stage_faults(problem: Problem) -> Iterator[str]:
    for index, stage in enumerate(problem.stages):
        unknown = [name for name in stage.models if name not in problem.models]
        if unknown:
            yield f"stage {stage.id!r} uses unknown models {unknown}"
        if not all(0 <= earlier < index for earlier in (*stage.feeds, *stage.gathers)):
            yield f"stage {stage.id!r} takes from a stage that is not before it"
        if stage.count < 0 or stage.max_batch < 1 or not all(map(_sound, _costs(stage))):
            yield f"stage {stage.id!r} has a negative count, batch, size or time"


def _costs(stage: Stage) -> Iterator[Cost]:
    for modes in stage.costs.values():
        yield from modes.values()


def _sound(cost: Cost) -> bool:
    return all(map(_amount, (cost.fixed_bytes, cost.item_bytes, cost.fixed_seconds, cost.item_seconds)))

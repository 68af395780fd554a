"""Stages that fit nowhere, with the numbers and what would help."""

from __future__ import annotations

from collections.abc import Sequence

from nodegraph.place.fit import Fit, ways
from nodegraph.place.problem import Device, Problem, Stage
from nodegraph.place.schedule import Refusal


def refusals(problem: Problem, there: Sequence[Sequence[tuple[Fit, ...]]]) -> dict[int, Refusal]:
    """What cannot run, by stage: stages of which no item fits on any device, and all that depends on them."""
    refused: dict[int, Refusal] = {}
    for index, stage in enumerate(problem.stages):
        cause = next((one for one in (*stage.feeds, *stage.gathers) if one in refused), None)
        if not stage.count:
            continue
        if not any(there[index]):
            refused[index] = _unfit(problem, index)
        elif cause is not None:
            refused[index] = _follows(problem, index, cause)
    return refused


def _leanest(problem: Problem, stage: Stage, device: Device) -> Fit | None:
    return min(ways(problem, stage, device.kind), key=Fit.least, default=None)


def _unfit(problem: Problem, index: int) -> Refusal:
    stage = problem.stages[index]
    leanest = [(device, _leanest(problem, stage, device)) for device in problem.devices]
    known = [(device, fit) for device, fit in leanest if fit is not None]
    if not known:
        kinds = (
            " or ".join(sorted(kind for kind, modes in stage.costs.items() if modes)) or "no kind of device"
        )
        names = ", ".join(device.name for device in problem.devices) or "none"
        message = f"{stage.id} runs on {kinds}, and there is no such device (there is: {names})"
        return Refusal(index, 0, "", 0, f"{message}; name one in --devices")
    device, fit = min(known, key=lambda pair: pair[1].least() - pair[0].budget)
    need = min(one.least() for _, one in known)
    return Refusal(index, need, device.name, device.budget, _message(problem, stage, device, fit))


def _message(problem: Problem, stage: Stage, device: Device, fit: Fit) -> str:
    working = fit.cost.working(1)
    names = ", ".join(problem.models[name].name for name, _ in fit.held)
    weights = f"{amount(fit.weights)} of weights ({names}) and " if fit.held else ""
    wanted = (
        f"one item of {stage.id} takes {amount(fit.least())} in its leanest mode, {fit.mode}: "
        f"{weights}{amount(working)} of working memory ({fit.cost.memory_basis})"
    )
    helps = [f"a budget of at least {amount(fit.least())} for {device.name}", "another device"]
    if fit.cost.item_bytes:
        helps.append("smaller inputs")
    if fit.held:
        helps.append("a dtype of fewer bytes for its models")
    nearest = f"the device that comes nearest, {device.name}, has {amount(device.budget)}"
    return f"{wanted}; {nearest}. What would help: {', '.join(helps)}"


def _follows(problem: Problem, index: int, cause: int) -> Refusal:
    stage, first = problem.stages[index], problem.stages[cause]
    leanest = [
        (fit.least(), device) for device in problem.devices if (fit := _leanest(problem, stage, device))
    ]
    need, device = min(leanest, key=lambda pair: pair[0] - pair[1].budget)
    message = f"{stage.id} cannot run because {first.id}, which it depends on, is refused"
    return Refusal(index, need, device.name, device.budget, message)


def amount(nbytes: int) -> str:
    """Bytes as people read them, rounded up so that a budget of what is written is enough."""
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if nbytes >= size:
            return f"{-(-nbytes * 100 // size) / 100:.2f} {unit}"
    return f"{nbytes} bytes"

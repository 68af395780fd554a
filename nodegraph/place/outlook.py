"""From the walk to the plan: counts, reasons, places and an estimate per node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nodegraph.place.plan import DevicePlan, NodePlan, Plan
from nodegraph.place.problem import Device
from nodegraph.plan.explain import reasons_of
from nodegraph.plan.naming import has_models
from nodegraph.plan.producers import EVERYTHING, Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.walk import Walk
from nodegraph.store import Store

if TYPE_CHECKING:
    from nodegraph.place.place import Placed


def forecast(
    program: Program,
    store: Store,
    *,
    devices: Sequence[Device],
    jobs: int,
    host_bytes: int = 0,
    selection: Selection = EVERYTHING,
    forced: frozenset[str] = frozenset(),
) -> Plan:
    """Say what a run would do, computing nothing: sources are listed, the rest is looked up.

    Args:
        program: what would be run.
        store: what is known already.
        devices: the devices that calls may use.
        jobs: how many calls without models run at once.
        host_bytes: host memory for models that are on no device.
        selection: which items of the sources to take.
        forced: node ids whose stored results do not count.
    """
    walk = Walk(program, store, selection=selection, forced=forced)
    placed = None
    if has_models(program):
        from nodegraph.place.place import counts_of, known_models, place

        counts, refs = counts_of(program, walk), known_models(program, walk, store)
        placed = place(program, counts, refs, store, devices, jobs=jobs, host_bytes=host_bytes)
    nodes = {step.id: _node(walk, step, placed) for step in program.steps}
    return Plan(
        graph=program.graph.name,
        nodes=nodes,
        devices={device.name: _device(device, placed) for device in devices},
        seconds=_seconds(program, walk, store) if placed is None else placed.seconds(),
        placed=placed,
    )


def _seconds(program: Program, walk: Walk, store: Store) -> float | None:
    """What the calls that would run take in all; None if some type of them was never measured."""
    expected = [
        (walk.foreseen[step.index].run, store.expected_seconds(step.type.id))
        for step in program.steps
        if walk.foreseen[step.index].run
    ]
    seconds = [count * each for count, each in expected if each is not None]
    return sum(seconds) if len(seconds) == len(expected) else None


def _device(device: Device, placed: Placed | None) -> DevicePlan:
    forecast = None if placed is None else placed.schedule.devices.get(device.name)
    if forecast is None:
        return DevicePlan(budget=device.budget, peak=0, loads=0)
    return DevicePlan(budget=device.budget, peak=forecast.peak, loads=forecast.loads)


def _node(walk: Walk, step: Step, placed: Placed | None) -> NodePlan:
    foreseen = walk.foreseen[step.index]
    items = foreseen.cached + foreseen.run
    return NodePlan(
        type=step.type.id,
        items=items if walk.complete(step) else None,
        cached=foreseen.cached,
        run=foreseen.run,
        reasons=reasons_of(walk, step),
        device="cpu" if placed is None else placed.devices_of(step.index),
    )

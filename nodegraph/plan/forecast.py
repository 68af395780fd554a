"""From the walk to the plan: counts, reasons and an estimate per node."""

from __future__ import annotations

from collections.abc import Mapping

from nodegraph.plan.identity import INPUTS_CHANGED
from nodegraph.plan.plan import DevicePlan, NodePlan, Plan
from nodegraph.plan.producers import EVERYTHING, Selection
from nodegraph.plan.program import Program, Step
from nodegraph.plan.walk import Walk
from nodegraph.store import Store


def forecast(
    program: Program,
    store: Store,
    *,
    devices: Mapping[str, int],
    selection: Selection = EVERYTHING,
    forced: frozenset[str] = frozenset(),
) -> Plan:
    """Say what a run would do, computing nothing: sources are listed, the rest is looked up.

    Args:
        program: what would be run.
        store: what is known already.
        devices: the devices calls may use, with their budgets in bytes.
        selection: which items of the sources to take.
        forced: node ids whose stored results do not count.
    """
    walk = Walk(program, store, selection=selection, forced=forced)
    nodes = {step.id: _node(walk, step) for step in program.steps}
    expected = [
        (walk.foreseen[step.index].run, store.expected_seconds(step.type.id))
        for step in program.steps
        if walk.foreseen[step.index].run
    ]
    seconds = [count * each for count, each in expected if each is not None]
    return Plan(
        graph=program.graph.name,
        nodes=nodes,
        devices={name: DevicePlan(budget=budget, peak=0, loads=0) for name, budget in devices.items()},
        seconds=sum(seconds) if len(seconds) == len(expected) else None,
    )


def _node(walk: Walk, step: Step) -> NodePlan:
    foreseen = walk.foreseen[step.index]
    items = foreseen.cached + foreseen.run
    return NodePlan(
        type=step.type.id,
        items=items if walk.complete(step) else None,
        cached=foreseen.cached,
        run=foreseen.run,
        reasons=reasons_of(walk, step),
        device="cpu",
    )


def reasons_of(walk: Walk, step: Step) -> tuple[str, ...]:
    """Why calls of a step would run, the most frequent reason first.

    Changed inputs are told with how many of all calls have them, where that is known and there are several.
    """
    foreseen = walk.foreseen[step.index]
    items = foreseen.cached + foreseen.run if walk.complete(step) else None
    ordered = sorted(foreseen.reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(
        f"{count} of {items} {why}" if why == INPUTS_CHANGED and items not in (None, 1) else why
        for why, count in ordered
    )

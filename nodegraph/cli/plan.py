"""`nodegraph plan`: what would run, and why, without running it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nodegraph.cli.options import (
    AsJson,
    Devices,
    FailFast,
    Forced,
    GraphFile,
    GraphInputs,
    ItemGlob,
    Jobs,
    Limit,
    NodePacks,
    OutFolder,
    Overlays,
    ParamValues,
    Quiet,
    StoreFolder,
    StoreSize,
    Sweeps,
    Targets,
)
from nodegraph.cli.terminal import Terminal

if TYPE_CHECKING:
    from nodegraph.place.place import Placed
    from nodegraph.place.plan import NodePlan, Plan


def plan(
    graph: GraphFile,
    inputs: GraphInputs = None,
    sets: ParamValues = None,
    values: Overlays = None,
    sweep: Sweeps = None,
    targets: Targets = None,
    force: Forced = None,
    limit: Limit = None,
    items: ItemGlob = None,
    out: OutFolder = None,
    devices: Devices = "auto",
    jobs: Jobs = None,
    fail_fast: FailFast = False,
    store_size: StoreSize = None,
    store: StoreFolder = None,
    nodes: NodePacks = None,
    json: AsJson = False,
    quiet: Quiet = False,
) -> int:
    """Say what a run would do, and why.

    Per node: what is cached, what would run. Computes nothing.
    """
    from nodegraph.api import plan_graph
    from nodegraph.cli.edge import DONE
    from nodegraph.cli.packs import load
    from nodegraph.cli.selection import options_of

    terminal = Terminal(json, quiet)
    load(terminal, nodes)
    options = options_of(
        store=store,
        store_size=store_size,
        inputs=inputs,
        sets=sets,
        values=values,
        sweep=sweep,
        targets=targets,
        force=force,
        limit=limit,
        items=items,
        out=out,
        devices=devices,
        jobs=jobs,
        fail_fast=fail_fast,
    )
    planned = plan_graph(graph, options)
    if json:
        terminal.result_json(planned.as_json())
    else:
        terminal.result("\n".join(plan_lines(planned)))
    return DONE


def plan_lines(planned: Plan) -> Iterator[str]:
    """A plan as text: nodes, devices, and the sum."""
    from nodegraph.show.wording import counted, seconds_text, size_text, table

    rows = [("node", "type", "calls", "cached", "run", "device", "why")]
    rows += [(name, *_row(node)) for name, node in planned.nodes.items()]
    yield table(rows)
    yield ""
    calls = sum(node.run for node in planned.nodes.values())
    unknown = any(node.items is None for node in planned.nodes.values())
    if calls:
        seconds = planned.seconds if _is_whole(planned) else None
        forecast = f", about {seconds_text(seconds)}" if seconds else ""
        rest = ", and those of the nodes marked ?" if unknown else ""
        yield f"at most {counted(calls, 'call')} would run{rest}{forecast}"
    else:
        yield "nothing would run" + (" but calls of the nodes marked ?" if unknown else "")
    if planned.placed is not None:
        from nodegraph.place.table import placement_lines

        lines = [
            *placement_lines(planned.placed.problem, planned.placed.schedule),
            *_unfit_lines(planned.placed, list(planned.nodes)),
        ]
        yield from ["", *lines] if lines else []
        return
    for name, device in planned.devices.items():
        loads = f", {counted(device.loads, 'model load')}" if device.loads else ""
        yield f"{name}: peak {size_text(device.peak)} of {size_text(device.budget)}{loads}"


def _is_whole(planned: Plan) -> bool:
    """Whether the forecast takes in all that would run."""
    return planned.placed is None or not (planned.placed.schedule.refused or planned.placed.unfit)


def _unfit_lines(placed: Placed, names: Sequence[str]) -> Iterator[str]:
    """The steps of which it cannot be told what they take: their calls would fail."""
    from nodegraph.show.wording import printable

    for step, reason in placed.unfit.items():
        yield f"{names[step]} would fail: {printable(reason)}"


def _row(node: NodePlan) -> tuple[str, ...]:
    known = node.items is not None
    return (
        node.type,
        f"{node.items:,}" if known else "?",
        f"{node.cached:,}",
        f"{node.run:,}" if known or node.run else "?",
        node.device if node.run or not known else "",
        "; ".join(node.reasons),
    )

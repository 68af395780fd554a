"""What the reports say of a run, in words, whatever they are written in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from nodegraph.events.types import OutOfMemory
from nodegraph.plan.identity import INPUTS_CHANGED
from nodegraph.report.lanes import Lanes, NodeLane
from nodegraph.run.result import NodeReport, Run, RunOutput
from nodegraph.show.wording import counted, seconds_text, size_text

COLUMNS = ("node", "type", "calls", "ran", "cached", "failed", "skipped", "dropped", "time", "why calls ran")
PLACEMENT_COLUMNS = ("node", "device", "mode", "batch", "planned", "ran", "time", "figures")
SHORTAGE_COLUMNS = ("after", "node", "item", "device", "needed", "budget", "then")

_REASONS = 3


def state_of(run: Run) -> str:
    """How a run ended, in one word: `done`, `interrupted` or `failed`."""
    return "interrupted" if run.interrupted else "done" if run.ok else "failed"


def headline(run: Run) -> str:
    """How a run ended, in one line."""
    ran = sum(node.executed for node in run.nodes.values())
    cached = sum(node.cached for node in run.nodes.values())
    failed = sum(node.failed for node in run.nodes.values())
    calls = f"{counted(ran, 'call')} ran, {cached:,} cached" + (f", {failed:,} failed" if failed else "")
    return f"{state_of(run)} in {seconds_text(run.seconds)}: {calls}"


def node_row(name: str, node: NodeReport) -> tuple[str, ...]:
    """The cells of a node under `COLUMNS` but the last; a zero is left blank."""
    counts = (node.items, node.executed, node.cached, node.failed, node.skipped, node.dropped)
    return (name, node.type, *(f"{count:,}" if count else "" for count in counts), seconds_text(node.seconds))


def why_ran(node: NodeReport) -> str:
    """Why a node's calls ran, most frequent first; a reason that all of them share stands without a number.

    Changed inputs are told as a plan tells them, with how many of several calls have them.
    """
    if len(node.reasons) == 1 and INPUTS_CHANGED not in node.reasons:
        return next(iter(node.reasons))
    return _tally(node.reasons, calls=node.items)


def why_dropped(node: NodeReport) -> str:
    """Why a node left items out, most frequent first."""
    return _tally(node.drop_reasons, calls=node.items)


def placement_rows(lanes: Lanes) -> Iterator[tuple[str, ...]]:
    """The cells under `PLACEMENT_COLUMNS`: items planned for a node on a device, and what ran there."""
    ran = {(lane.name, device.name): lane for device in lanes.devices for lane in device.nodes}
    for node, device, mode, batch, items, basis in lanes.stages:
        made = _ran(ran.pop((node, device), None))
        yield (node, device, mode, f"{batch:,}", f"{items:,}", *made, basis)
    for (node, device), lane in ran.items():
        yield (node, device, "", "", "", *_ran(lane), "not planned")


def shortage_rows(shortages: Sequence[OutOfMemory]) -> Iterator[tuple[str, ...]]:
    """The cells under `SHORTAGE_COLUMNS` of calls that ran out of memory."""
    for entry in shortages:
        sizes = size_text(entry.need), size_text(entry.budget)
        yield (seconds_text(float(entry.time)), entry.node, entry.item, entry.device, *sizes, entry.then)


def is_block(output: RunOutput) -> bool:
    """Whether an output is a text of several lines, such as a table, and is shown as it stands."""
    return isinstance(output.value, str) and "\n" in output.value.rstrip()


def output_text(output: RunOutput) -> str:
    """An output of the graph in one line."""
    if output.missing:
        return "not made"
    if output.has_value:
        return json.dumps(output.value, ensure_ascii=False)
    if output.path is not None:
        return str(output.path)
    if output.items is not None:
        return f"{counted(output.items, 'item')}, {(output.digest or '')[:16]}"
    return (output.digest or "")[:16]


def _tally(reasons: Mapping[str, int], *, calls: int) -> str:
    ordered = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
    texts = [_counted(reason, count, calls) for reason, count in ordered[:_REASONS]]
    rest = sum(count for _, count in ordered[_REASONS:])
    return ", ".join([*texts, f"other reasons ({rest:,})"] if rest else texts)


def _counted(reason: str, count: int, calls: int) -> str:
    if reason == INPUTS_CHANGED and calls > 1:
        return f"{count} of {calls} {reason}"
    return reason if count == 1 else f"{reason} ({count:,})"


def _ran(lane: NodeLane | None) -> tuple[str, str]:
    """How many items ran, and what they took."""
    return (f"{lane.items:,}", seconds_text(float(lane.seconds))) if lane and lane.calls else ("", "")

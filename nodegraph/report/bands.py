"""One device in the timeline: a row per node, a row per model, its memory, and the time below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from nodegraph.events.types import CallPlaced, OutOfMemory
from nodegraph.report.axis import time_ticks
from nodegraph.report.canvas import (
    GUTTER,
    LEFT,
    MARGIN,
    RIGHT,
    WIDTH,
    Detail,
    Scale,
    bar,
    evicted_mark,
    failure_mark,
    loaded_mark,
    short,
    text,
)
from nodegraph.report.lanes import DeviceLane, ModelLane, NodeLane
from nodegraph.report.memory import HEIGHT, memory_panel
from nodegraph.report.spans import Span, Stay
from nodegraph.show.lettering import px
from nodegraph.show.wording import counted, seconds_text, size_text

_HEAD, _ROW, _GAP, _AXIS = 26.0, 20.0, 8.0, 20.0
_BAR, _STAY = 12.0, 8.0
_TICKS = 9
_THEN = 120
"""Characters of what came next that a cross tells."""

OTHERS = "var(--others)"
"""The colour of nodes that share a row."""


@dataclass(frozen=True, slots=True)
class Band:
    """A device as it is drawn.

    Attributes:
        device: what happened on it.
        nodes: its rows for nodes, each with its spans.
        models: its rows for models, each with its stays.
    """

    device: DeviceLane
    nodes: Sequence[tuple[NodeLane, Sequence[Span]]]
    models: Sequence[tuple[ModelLane, Sequence[Stay]]]

    @property
    def has_memory(self) -> bool:
        """Whether there is a curve to draw."""
        return self.device.budget > 0

    @property
    def panel(self) -> float:
        """The height of what lies above the times."""
        rows = _ROW * (len(self.nodes) + len(self.models))
        return rows + (_GAP + HEIGHT if self.has_memory else _GAP)

    @property
    def height(self) -> float:
        """The height of it all."""
        return _HEAD + self.panel + _AXIS


def few_nodes(lanes: Sequence[NodeLane], most: int) -> list[NodeLane]:
    """The lanes themselves, or, of more than `most`, the busiest, and one for all others."""
    if len(lanes) <= most:
        return list(lanes)
    ranked = sorted(lanes, key=lambda lane: -lane.seconds)
    busiest = {lane.name for lane in ranked[: most - 1]}
    rest = ranked[most - 1 :]
    calls = sorted((call for lane in rest for call in lane.calls), key=lambda call: call.time - call.seconds)
    failures = sorted((entry for lane in rest for entry in lane.failures), key=lambda entry: entry.time)
    shared = NodeLane(f"{len(rest)} other nodes", calls, failures)
    return [*(lane for lane in lanes if lane.name in busiest), shared]


def few_models(lanes: Sequence[ModelLane], most: int) -> list[ModelLane]:
    """The lanes themselves, or, of more than `most`, the largest, and one for all others."""
    if len(lanes) <= most:
        return list(lanes)
    ranked = sorted(range(len(lanes)), key=lambda index: -max(stay.nbytes for stay in lanes[index].stays))
    largest, rest = sorted(ranked[: most - 1]), ranked[most - 1 :]
    stays = sorted((stay for index in rest for stay in lanes[index].stays), key=lambda stay: stay.start)
    return [*(lanes[index] for index in largest), ModelLane(f"{len(rest)} other models", stays)]


def band_svg(
    band: Band, colours: Mapping[str, str], scale: Scale, top: float, detail: Detail
) -> Iterator[str]:
    """A device, `band.height` high.

    Args:
        band: what is drawn.
        colours: by node.
        scale: from time to px.
        top: its upper edge.
        detail: how fine it is.
    """
    device = band.device
    yield text(MARGIN, top + 15, device.name, "name", width=LEFT - MARGIN - 10)
    yield text(LEFT, top + 15, device_text(device), "dim", width=WIDTH - LEFT - 10)
    y = top + _HEAD
    place = f'x="{px(LEFT)}" y="{px(y)}" width="{px(RIGHT - LEFT)}" height="{px(band.panel)}"'
    yield f'<rect class="panel" {place}/>'
    yield from _times(scale, y, y + band.panel)
    for lane, spans in band.nodes:
        yield from _node_row(lane, spans, colours.get(lane.name, OTHERS), scale, y, detail.apart)
        y += _ROW
    for model, stays in band.models:
        yield from _model_row(model, stays, scale, y)
        y += _ROW
    if band.has_memory:
        yield from memory_panel(device, scale, y + _GAP, column=detail.column)


def device_text(device: DeviceLane) -> str:
    """What a device took against what was forecast, in one line."""
    expected = device.forecast
    parts: list[str] = []
    if device.memory:
        peak = f"peak {size_text(device.peak)} of {size_text(device.budget)}"
        parts.append(f"{peak}, forecast {size_text(expected.peak)}" if expected else peak)
    elif expected:
        parts.append(f"forecast peak {size_text(expected.peak)} of {size_text(expected.budget)}")
    if device.loads or (expected and expected.loads):
        loads = counted(device.loads, "model load")
        parts.append(f"{loads}, forecast {expected.loads:,}" if expected else loads)
    if device.failures:
        parts.append(f"{counted(len(device.failures), 'time')} out of memory")
    if not device.nodes:
        parts.append("no calls")
    return "; ".join(parts)


def _times(scale: Scale, top: float, bottom: float) -> Iterator[str]:
    ticks = time_ticks(scale.seconds, _TICKS)
    lines = "".join(f"M{px(scale.x(time))} {px(top)}V{px(bottom)}" for time, _ in ticks)
    yield f'<path class="grid" d="{lines}"/>'
    for time, label in ticks:
        yield text(scale.x(time), bottom + 14, label, "dim", more="mid")


def _node_row(
    lane: NodeLane, spans: Sequence[Span], colour: str, scale: Scale, y: float, apart: float
) -> Iterator[str]:
    middle = y + _ROW / 2
    yield f'<rect x="{px(MARGIN)}" y="{px(middle - 4.5)}" width="9" height="9" rx="2" fill="{colour}"/>'
    yield text(MARGIN + 15, middle + 4, lane.name, "label", width=LEFT - MARGIN - 25)
    figures = f"{counted(len(lane.calls), 'call')} · {seconds_text(float(lane.seconds))}"
    yield text(RIGHT + 10, middle + 4, figures, "dim", width=GUTTER)
    yield f'<g class="calls" fill="{colour}">'
    for span in spans:
        left, right = scale.x(span.start), scale.x(span.end)
        share = _opacity(span.busy, span.end - span.start)
        yield bar(left, middle - _BAR / 2, right - left, _BAR, _span_text(lane, span), share)
    yield "</g>"
    for failures in _close_by(lane.failures, scale, apart):
        yield failure_mark(scale.x(failures[0].time), middle, _failures_text(failures))


def _opacity(filled: float, length: float) -> str:
    """What is drawn as one with time in between is drawn the lighter the more of it there is."""
    share = min(1.0, filled / length) if length > 0 else 1.0
    return "" if share > 0.95 else f' opacity="{0.35 + 0.65 * share:.2f}"'


def _span_text(lane: NodeLane, span: Span) -> str:
    when = f"{seconds_text(span.start)} to {seconds_text(span.end)}"
    call = span.call
    how = f", {call.mode}" if call.mode else ""
    batch = f", batch of {call.batch:,}" if call.batch > 1 else ""
    if span.count == 1:
        return f"{_place(call)}: {when}{batch}{how}"
    calls = f"{counted(span.count, 'call')}, {seconds_text(span.busy)} at work"
    return f"{short(lane.name)}: {calls}, {when}{batch}{how}"


def _place(event: CallPlaced | OutOfMemory) -> str:
    return f"{short(event.node)} {short(event.item)}".rstrip()


def _close_by(failures: Sequence[OutOfMemory], scale: Scale, apart: float) -> list[list[OutOfMemory]]:
    groups: list[list[OutOfMemory]] = []
    for failure in failures:
        if groups and scale.x(failure.time) - scale.x(groups[-1][0].time) < apart:
            groups[-1].append(failure)
        else:
            groups.append([failure])
    return groups


def _failures_text(failures: Sequence[OutOfMemory]) -> str:
    first = failures[0]
    need = f"needed {size_text(first.need)} of {size_text(first.budget)}"
    told = f"{_place(first)}: {need}; then: {first.then[:_THEN]}"
    more = f" (and {counted(len(failures) - 1, 'more time')})" if len(failures) > 1 else ""
    return f"out of memory: {told}{more}"


def _model_row(lane: ModelLane, stays: Sequence[Stay], scale: Scale, y: float) -> Iterator[str]:
    middle = y + _ROW / 2
    yield f'<rect class="stay" x="{px(MARGIN)}" y="{px(middle - 4.5)}" width="9" height="9" rx="2"/>'
    yield text(MARGIN + 15, middle + 4, lane.name, "label", width=LEFT - MARGIN - 25)
    yield text(RIGHT + 10, middle + 4, _stays_text(lane), "dim", width=GUTTER)
    for stay in stays:
        yield from _stay(lane, stay, scale, middle)


def _stay(lane: ModelLane, stay: Stay, scale: Scale, middle: float) -> Iterator[str]:
    begun, ready, end = scale.x(stay.start), scale.x(stay.ready), scale.x(stay.end)
    title = _stay_text(lane, stay)
    if stay.ready > stay.start:
        yield bar(begun, middle - _STAY / 2, ready - begun, _STAY, title, ' class="load"')
    share = _opacity(stay.held, stay.end - stay.ready)
    yield bar(ready, middle - _STAY / 2, end - ready, _STAY, title, f' class="stay"{share}')
    if stay.source is not None:
        yield loaded_mark(ready, middle, stay.source)
    if stay.to is not None:
        yield evicted_mark(end, middle, stay.to)


def _stays_text(lane: ModelLane) -> str:
    loads = sum(stay.source is not None for stay in lane.stays)
    nbytes = max(stay.nbytes for stay in lane.stays)
    size = f" · {size_text(nbytes)}" if nbytes else ""
    return f"{counted(loads, 'load')}{size}" if loads else f"already there{size}"


def _stay_text(lane: ModelLane, stay: Stay) -> str:
    size = f", {size_text(stay.nbytes)}" if stay.nbytes else ""
    mode = f", {stay.mode}" if stay.mode else ""
    if stay.count > 1:
        until = f"{seconds_text(stay.start)} to {seconds_text(stay.end)}"
        return f"{short(lane.name)}: there {stay.count:,} times, {until}{size}{mode}"
    took = seconds_text(stay.ready - stay.start)
    came = f"loaded from {stay.source} in {took}" if stay.source else "there from the start"
    went = {"host": "then moved to host memory", "dropped": "then dropped", None: "stayed"}[stay.to]
    when = f"there from {seconds_text(stay.ready)} to {seconds_text(stay.end)}"
    return f"{short(lane.name)}: {came}, {when}, {went}{size}{mode}"

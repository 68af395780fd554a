"""What happened on the devices of a run as one SVG picture that needs nothing else, for light and dark."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from nodegraph.events.types import Event
from nodegraph.report.bands import Band, band_svg, few_models, few_nodes
from nodegraph.report.canvas import (
    MARGIN,
    SIZES,
    WIDTH,
    Detail,
    Scale,
    evicted_mark,
    failure_mark,
    loaded_mark,
    rows_for,
    text,
)
from nodegraph.report.lanes import Lanes, lanes_of
from nodegraph.report.spans import merged_spans, merged_stays, spans_of
from nodegraph.show.drawing import PALETTE
from nodegraph.show.lettering import px, text_width
from nodegraph.show.wording import counted, seconds_text

_MOST_BYTES = 300_000
_LEAST_SHARE = 0.02
"""Of the detail; below it a picture is as small as it gets."""

_HEADER, _BETWEEN, _LEGEND = 54.0, 24.0, 30.0

_STYLE = (
    ".ngd{--ground:#fbfcfe;--panel:#f1f4f9;--line:#d9e0ea;--text:#1b2430;--dim:#556274;--stay:#8b98ab;"
    "--load:#c3ccd9;--others:#7d8797;--bad:#c02626;--tracked:#5b8def;--peak:#2f5fc4;"
    "--forecast:#7c3aed}"
    "@media (prefers-color-scheme:dark){.ngd{--ground:#12161c;--panel:#1a2029;--line:#2d3644;--text:#e7ecf3;"
    "--dim:#a3b0c1;--stay:#74839a;--load:#434f61;--others:#8b96a8;--bad:#f87171;--tracked:#4f7fdc;"
    "--peak:#8fb4ff;--forecast:#c4a5ff}}"
    ".ngd .ground{fill:var(--ground)}.ngd .panel{fill:var(--panel)}"
    '.ngd text{font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;'
    "fill:var(--text);font-variant-numeric:tabular-nums}"
    + "".join(f".ngd .{css}{{font-size:{size:g}px}}" for css, size in SIZES.items())
    + ".ngd .title,.ngd .name{font-weight:600}.ngd .dim{fill:var(--dim)}.ngd .of-budget{fill:var(--bad)}"
    ".ngd .of-forecast{fill:var(--forecast)}.ngd .of-tracked{fill:var(--peak)}"
    ".ngd .end{text-anchor:end}.ngd .mid{text-anchor:middle}"
    ".ngd .grid{stroke:var(--line);fill:none}"
    ".ngd .stay{fill:var(--stay)}.ngd .load{fill:var(--load)}"
    ".ngd .mark{fill:var(--text);stroke:var(--text);stroke-width:1.2;stroke-linejoin:round}"
    ".ngd .hollow{fill:var(--panel)}"
    ".ngd .cross{stroke:var(--bad);stroke-width:2.4;fill:none;stroke-linecap:round}"
    ".ngd .halo{stroke:var(--panel);stroke-width:5;fill:none;stroke-linecap:round}"
    ".ngd .tracked{fill:var(--tracked);fill-opacity:.35;stroke:var(--tracked)}"
    ".ngd .budget{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:6 4;fill:none}"
    ".ngd .forecast{stroke:var(--forecast);stroke-width:1.5;stroke-dasharray:1.5 3.5;fill:none}"
)


def timeline_svg(events: Iterable[Event]) -> str:
    """Draw the events of a run: per device when which node ran, which model was there, and the memory.

    Each device has a row per node, in which calls are bars (many short ones are drawn as one, the lighter the
    more time lies between them), a row per model with its loads and evictions, and below them the tracked
    bytes against the budget and the forecast peak. However many calls there are, it stays under 300 KB.

    Args:
        events: in the order in which they happened.

    Returns:
        the SVG element, or "" if no call ran on a device.
    """
    lanes = lanes_of(events)
    return "" if lanes is None else lanes_svg(lanes)


def lanes_svg(lanes: Lanes) -> str:
    """Draw what happened on the devices of a run; see `timeline_svg`."""
    scale = Scale(max(lanes.end, 1e-3))
    rows = rows_for(len(lanes.devices))
    bands = [
        Band(
            device,
            [(lane, spans_of(lane.calls)) for lane in few_nodes(device.nodes, rows)],
            [(lane, lane.stays) for lane in few_models(device.models, rows)],
        )
        for device in lanes.devices
    ]
    share = 1.0
    while True:
        detail = Detail.of(len(bands), share)
        bands = _few_spans(_few_stays(bands, scale, detail.stays), scale, detail.bars)
        svg = _svg(lanes, bands, scale, detail)
        if len(svg.encode()) <= _MOST_BYTES or share < _LEAST_SHARE:
            return svg
        share *= 0.6


def _svg(lanes: Lanes, bands: Sequence[Band], scale: Scale, detail: Detail) -> str:
    colours = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(lanes.nodes)}
    parts: list[str] = []
    y = _HEADER
    for band in bands:
        parts += band_svg(band, colours, scale, y, detail)
        y += band.height + _BETWEEN
    parts += _legend(bands, y)
    height = px(y + _LEGEND)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="ngd" viewBox="0 0 {px(WIDTH)} {height}"'
        f' width="{px(WIDTH)}" height="{height}" role="img"><title>Devices over time</title>'
        f"<style>{_STYLE}</style>"
        f'<rect class="ground" width="{px(WIDTH)}" height="{height}" rx="8"/>'
        f"{text(MARGIN, 32, _headline(lanes), 'title')}{''.join(parts)}</svg>\n"
    )


def _few_spans(bands: Sequence[Band], scale: Scale, most: int) -> list[Band]:
    """The bands with calls drawn as one until there are at most so many, or one a row."""
    gap = 1.0
    while True:
        bands = [_with_few_spans(band, scale.time(gap)) for band in bands]
        if gap > WIDTH or sum(len(spans) for band in bands for _, spans in band.nodes) <= most:
            return bands
        gap *= 1.5


def _few_stays(bands: Sequence[Band], scale: Scale, most: int) -> list[Band]:
    """The bands with stays of models drawn as one until there are at most so many, or one a row."""
    width = 10.0
    while True:
        bands = [_with_few_stays(band, scale.time(width)) for band in bands]
        if width > WIDTH or sum(len(stays) for band in bands for _, stays in band.models) <= most:
            return bands
        width *= 1.5


def _with_few_spans(band: Band, gap: float) -> Band:
    return replace(band, nodes=[(lane, merged_spans(spans, gap, 3 * gap)) for lane, spans in band.nodes])


def _with_few_stays(band: Band, width: float) -> Band:
    return replace(band, models=[(lane, merged_stays(stays, width)) for lane, stays in band.models])


def _headline(lanes: Lanes) -> str:
    took = f"{seconds_text(float(lanes.seconds))} on {counted(len(lanes.devices), 'device')}"
    if lanes.forecast is None:
        return f"{took}, without a forecast"
    return f"{took}; the forecast was {seconds_text(float(lanes.forecast))}{_off(lanes)}"


def _off(lanes: Lanes) -> str:
    """How far the measured time is from the forecast, in percent of the forecast."""
    if not lanes.forecast:
        return ""
    percent = round(100 * (lanes.seconds / lanes.forecast - 1))
    return f" ({abs(percent):,} % {'more' if percent > 0 else 'less'})" if percent else ""


def _legend(bands: Sequence[Band], y: float) -> Iterator[str]:
    """What the signs mean that the picture has."""
    stays = [stay for band in bands for _, stays in band.models for stay in stays]
    came, went = {stay.source for stay in stays}, {stay.to for stay in stays}
    signs: list[tuple[str, bool, Callable[[float], str]]] = [
        ("loading", any(stay.ready > stay.start for stay in stays), lambda x: _sample(x, y, "load")),
        ("model there", bool(stays), lambda x: _sample(x, y, "stay")),
        ("loaded from disk", "disk" in came, lambda x: loaded_mark(x, y, "disk")),
        ("loaded from host memory", "host" in came, lambda x: loaded_mark(x, y, "host")),
        ("moved to host memory", "host" in went, lambda x: evicted_mark(x + 8, y, "host")),
        ("dropped", "dropped" in went, lambda x: evicted_mark(x + 8, y, "dropped")),
        (
            "out of memory",
            any(band.device.failures for band in bands),
            lambda x: failure_mark(x + 4, y, ""),
        ),
    ]
    x = MARGIN
    for label, occurs, sign in signs:
        if occurs:
            yield sign(x)
            yield text(x + 15, y + 4, label, "dim")
            x += text_width(label, SIZES["dim"]) + 34


def _sample(x: float, y: float, css: str) -> str:
    return f'<rect class="{css}" x="{px(x)}" y="{px(y - 4)}" width="9" height="8"/>'

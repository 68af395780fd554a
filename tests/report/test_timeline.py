"""The picture of what ran on which device: its bars, marks, lines and texts."""

from __future__ import annotations

import random
import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise

import pytest

from nodegraph.events.types import (
    CallPlaced,
    MemoryTracked,
    ModelEvicted,
    ModelLoaded,
    OutOfMemory,
    RunFinished,
)
from nodegraph.report.timeline import timeline_svg
from nodegraph.show.lettering import text_width

SVG = "{http://www.w3.org/2000/svg}"
GIB = 1 << 30


def drawn(events):
    return ElementTree.fromstring(timeline_svg(events))


def title(element):
    return element.findtext(f"{SVG}title") or ""


def of_class(root, tag, css):
    return [element for element in root.iter(f"{SVG}{tag}") if css in (element.get("class") or "").split()]


def bars(root):
    """Per row of a node its colour, and of each bar its left, right and title."""
    rows = []
    for group in of_class(root, "g", "calls"):
        found = [
            (float(bar.get("x")), float(bar.get("x")) + float(bar.get("width")), title(bar)) for bar in group
        ]
        rows.append((group.get("fill"), found))
    return rows


def texts(root):
    return [element.text for element in root.iter(f"{SVG}text")]


def text_boxes(root):
    """Left, top, right and bottom of every text, as wide as it can be."""
    sizes = dict(re.findall(r"\.ngd \.(\w+)\{font-size:([\d.]+)px\}", root.findtext(f"{SVG}style")))
    for element in root.iter(f"{SVG}text"):
        css, *more = element.get("class").split()
        size = float(sizes[css])
        x, y, width = float(element.get("x")), float(element.get("y")), text_width(element.text, size)
        left = x - width if "end" in more else x - width / 2 if "mid" in more else x
        yield element.text, (left, y - 0.8 * size, left + width, y + 0.2 * size)


def corners(path):
    """The y of every horizontal piece of a path of M, H and V."""
    return [float(y) for y in re.findall(r"(?:M[\d.]+ |V)([\d.]+)", path.get("d"))]


@pytest.fixture
def crowded():
    """Eight devices, 14 nodes with long names and 14 models on each, in 16,000 calls."""
    rng = random.Random(3)
    events = []
    for device in (f"cuda:{index}" for index in range(8)):
        now = 40.0
        for model in range(14):
            there = f"a-model-with-a-name-of-some-length-{model}"
            events.append(ModelLoaded(2.0 * model, device, there, there, "swap", "disk", 2.0, 3 * GIB))
            for turn in range(30):
                events.append(ModelEvicted(40.0 + 50 * turn, device, there, there, "host"))
                events.append(
                    ModelLoaded(60.0 + 50 * turn, device, there, there, "swap", "host", 1.0, 3 * GIB)
                )
        for item in range(2000):
            seconds = rng.uniform(0.05, 6.0)
            now += seconds
            node = f"some-subgraph/inner-subgraph/node-{rng.randrange(14)}"
            events.append(CallPlaced(now, node, str(item), device, "swap", 1, seconds))
            events.append(MemoryTracked(now, device, rng.randrange(80 * GIB), 80 * GIB))
            if not item % 10:
                events.append(OutOfMemory(now, node, str(item), device, 90 * GIB, 80 * GIB, "again " * 50))
    return events


@pytest.mark.parametrize("log", ["flow", "staged", "out_of_memory", "crowded"])
def test_no_text_lies_on_another_or_leaves_the_picture(log, request):
    root = drawn(request.getfixturevalue(log))
    _, _, width, height = map(float, root.get("viewBox").split())
    boxes = list(text_boxes(root))
    assert len(boxes) > 15
    for text, (left, top, right, bottom) in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
    for (one, a), (other, b) in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)


@pytest.mark.parametrize("log", ["flow", "staged", "out_of_memory", "crowded"])
def test_bars_of_a_node_follow_each_other_within_the_panel(log, request):
    root = drawn(request.getfixturevalue(log))
    panel = of_class(root, "rect", "panel")[0]
    left, right = float(panel.get("x")), float(panel.get("x")) + float(panel.get("width"))
    for _, row in bars(root):
        assert row
        assert row[0][0] >= left
        assert row[-1][1] <= right + 1
        assert all(before[0] <= after[0] for before, after in pairwise(row))


def test_long_names_are_cut_before_the_panel_and_whole_when_pointed_at(crowded):
    root = drawn(crowded)
    begins = float(of_class(root, "rect", "panel")[0].get("x"))
    names = [element for element in root.iter(f"{SVG}text") if title(element)]
    assert {title(name) for name in names} >= {"some-subgraph/inner-subgraph/node-0"}
    boxes = [box for text, box in text_boxes(root) if text in {name.text for name in names}]
    assert boxes
    assert all(right <= begins for _, _, right, _ in boxes)


def test_flow_has_a_bar_per_call_and_a_colour_per_node(flow):
    rows = bars(drawn(flow))
    assert [len(row) for _, row in rows] == [60, 60, 60, 60]
    assert len({colour for colour, _ in rows}) == 4
    assert re.fullmatch(r"depth 0.jpg: 12 s to 13 s, resident", rows[0][1][0][2])


def test_many_short_calls_of_a_stage_are_one_bar_that_counts_them(staged):
    (_, segment), (_, inpaint) = bars(drawn(staged))
    assert [re.search(r"([\d,]+) calls?", text)[1] for _, _, text in segment] == ["50", "50", "50"]
    assert [re.search(r"([\d,]+) calls?", text)[1] for _, _, text in inpaint] == ["200", "200", "200"]
    assert "batch of 8" in segment[0][2]
    assert "swap" in inpaint[0][2]


def test_model_rows_mark_loads_and_evictions_and_where_from_and_to(staged):
    root = drawn(staged)
    assert [text for text in texts(root) if text in ("sam2.1-hiera-large", "sd-controlnet-inpaint")]
    told = [title(stay) for stay in of_class(root, "rect", "stay") if title(stay)]
    assert len(told) == 6
    assert told[0].startswith("sam2.1-hiera-large: loaded from disk in 4.00 s")
    assert told[1].startswith("sam2.1-hiera-large: loaded from host")
    assert "then moved to host memory" in told[0]
    assert "then dropped" in told[-1]
    signs_in_legend = 4
    assert len(of_class(root, "path", "mark")) == 12 + signs_in_legend


@pytest.mark.parametrize("log", ["flow", "staged", "out_of_memory"])
def test_curve_stays_below_the_budget_line(log, request):
    root = drawn(request.getfixturevalue(log))
    lines = list(zip(of_class(root, "path", "tracked"), of_class(root, "path", "budget"), strict=True))
    assert lines
    for tracked, budget in lines:
        assert min(corners(tracked)) >= max(corners(budget)) > 0


def test_forecast_peak_is_a_line_of_its_own(flow):
    root = drawn(flow)
    (gpu, cpu) = of_class(root, "path", "forecast")
    (gpu_curve, cpu_curve) = of_class(root, "path", "tracked")
    assert corners(gpu)[0] < min(corners(gpu_curve))
    assert corners(cpu)[0] < min(corners(cpu_curve))


def test_budget_far_above_what_is_used_is_said_to_be_off_scale(flow):
    shown = texts(drawn(flow))
    assert "budget 16.0 GiB (off scale)" in shown
    assert "budget 24.0 GiB" in shown


def test_header_tells_the_forecast_beside_what_was_measured(flow, out_of_memory):
    shown = texts(drawn(flow))
    assert shown[0] == "3:36 min on 2 devices; the forecast was 3:20 min (8 % more)"
    assert "peak 18.0 GiB of 24.0 GiB, forecast 19.0 GiB; 2 model loads, forecast 2" in shown
    assert any(text.endswith("; 3 times out of memory") for text in texts(drawn(out_of_memory)))


def test_running_out_of_memory_is_a_cross_that_tells_what_came_next(out_of_memory):
    told = [title(cross) for cross in of_class(drawn(out_of_memory), "path", "cross") if title(cross)]
    need = "out of memory: upscale b/0: needed 9.0 GiB of 8.0 GiB; then: "
    assert told == [f"{need}what is not in use is freed (and 1 more time)", f"{need}a batch of 1"]


def test_node_has_one_colour_on_all_devices(out_of_memory):
    rows = bars(drawn(out_of_memory))
    assert len(rows) == 2
    assert len({colour for colour, _ in rows}) == 1


def test_device_of_which_nothing_was_expected_or_seen_is_left_out(out_of_memory):
    assert "cpu" not in texts(drawn(out_of_memory))


def test_single_call_is_drawn():
    root = drawn([CallPlaced(0.25, "only", "", "cpu", "", 1, 0.2)])
    ((_, row),) = bars(root)
    assert [text for _, _, text in row] == ["only: 0.05 s to 0.25 s"]
    assert "0.25 s on 1 device, without a forecast" in texts(root)


def test_call_that_took_no_time_at_the_very_start_is_drawn():
    ((_, row),) = bars(drawn([CallPlaced(0.0, "only", "", "cpu", "", 1, 0.0)]))
    assert row[0][1] > row[0][0]


def test_nothing_is_drawn_where_no_call_ran_on_a_device():
    assert timeline_svg([]) == ""
    assert timeline_svg([MemoryTracked(1.0, "cpu", 0, GIB), RunFinished(2.0, True, False, 2.0)]) == ""


def test_picture_of_many_calls_is_small_and_counts_them_all(crowded):
    svg = timeline_svg(crowded)
    assert len(svg.encode()) < 300_000
    counts = re.findall(
        r"(?:: ([\d,]+) calls?|(: \d))",
        " ".join(text for _, row in bars(ElementTree.fromstring(svg)) for _, _, text in row),
    )
    assert sum(int(count.replace(",", "")) if count else 1 for count, _ in counts) == 16_000
    assert "7 other nodes" in texts(ElementTree.fromstring(svg))
    assert "7 other models" in texts(ElementTree.fromstring(svg))


def test_picture_of_100000_calls_of_one_node_is_small():
    events = [CallPlaced(0.02 * n, "run", str(n), "cuda:0", "resident", 1, 0.01) for n in range(1, 100_001)]
    svg = timeline_svg(events)
    assert len(svg.encode()) < 20_000
    assert "100,000 calls" in svg


def test_model_that_was_there_before_the_run_stays_from_its_start():
    events = [
        CallPlaced(2.0, "run", "a", "cuda:0", "resident", 1, 1.0),
        ModelEvicted(3.0, "cuda:0", "m", "large", "dropped"),
        CallPlaced(4.0, "other", "a", "cuda:0", "", 1, 1.0),
    ]
    root = drawn(events)
    assert "large: there from the start, there from 0.00 s to 3.00 s, then dropped" in [
        title(stay) for stay in of_class(root, "rect", "stay")
    ]
    assert "already there" in texts(root)


def test_picture_needs_nothing_from_elsewhere_and_reads_on_light_and_dark(flow):
    svg = timeline_svg(flow)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|url\(|href|<script|@import", svg)
    assert "prefers-color-scheme:dark" in svg


def test_names_from_data_cannot_become_markup():
    evil = '<img src=x onerror="alert(1)">\x1b'
    events = [
        ModelLoaded(1.0, evil, evil, evil, "resident", "disk", 1.0, 5),
        CallPlaced(2.0, evil, evil, evil, "resident", 1, 1.0),
        MemoryTracked(2.0, evil, 5, 10),
    ]
    svg = timeline_svg(events)
    ElementTree.fromstring(svg)
    assert "<img" not in svg
    assert "\x1b" not in svg

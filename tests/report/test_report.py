"""The run report: text, page and fragment."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from nodegraph.check.checked import CheckedGraph
from nodegraph.events.types import OutOfMemory
from nodegraph.report import html_report, run_html, text_report
from nodegraph.run.result import CallError, NodeReport, Run, RunOutput


def make_run(**changes) -> Run:
    """A run in which something of everything happened."""
    given = {
        "graph": "demo",
        "ok": False,
        "run": 4,
        "seconds": 12.5,
        "nodes": {
            "photos": NodeReport("load.coco", 1200, 0, 1200, 0, 0, 0, 0.0),
            "clip": NodeReport(
                "video.move",
                1200,
                1150,
                20,
                20,
                10,
                5,
                71.0,
                {"new": 1149, "failed last time": 1},
                {"too small": 5},
            ),
        },
        "outputs": {
            "dataset": RunOutput(path=Path("/out/demo/dataset")),
            "clips": RunOutput(items=1165, digest="ab" * 32),
            "score": RunOutput(value={"iou": 0.93}, has_value=True),
            "lost": RunOutput(missing=True),
        },
        "errors": (CallError("clip", "a/b.jpg", "ValueError", "truncated <file>", "  in read\n    raise"),),
        "warnings": ("the index was damaged & set aside",),
        "interrupted": False,
        "folder": Path("/store/runs/4"),
        "_fetch": lambda name: None,
    }
    return Run(**(given | changes))


class _Structure(HTMLParser):
    """Collects tags and attributes, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def parsed(page: str) -> _Structure:
    structure = _Structure()
    structure.feed(page)
    return structure


def test_text_report_is_this():
    assert (
        text_report(make_run())
        == """\
demo, run 4: failed in 12 s: 1,150 calls ran, 1,220 cached, 20 failed

node    type        calls    ran  cached  failed  skipped  dropped      time  why calls ran
photos  load.coco   1,200          1,200                              0.00 s
clip    video.move  1,200  1,150      20      20       10        5  1:11 min  new (1,149), failed last time

dropped
  clip  too small (5)

failed
  clip  a/b.jpg  ValueError: truncated <file>

warnings
  the index was damaged & set aside

outputs
  dataset  /out/demo/dataset
  clips    1,165 items, abababababababab
  score    {"iou": 0.93}
  lost     not made
"""
    )


TABLE = "class   mAP\ncar    0.51\n<b>\x1b   0.4\n"


def test_text_of_several_lines_stands_after_the_other_outputs_as_it_is():
    outputs = {"table": RunOutput(value=TABLE, has_value=True), "n": RunOutput(value=3, has_value=True)}
    told = text_report(make_run(outputs=outputs))
    assert told.endswith("\noutputs\n  n  3\n\ntable\nclass   mAP\ncar    0.51\n<b>\\x1b   0.4\n")


@pytest.mark.parametrize("render", [html_report, run_html])
def test_text_of_several_lines_keeps_its_lines_and_columns_in_a_page(render):
    outputs = {
        "table": RunOutput(value=TABLE, has_value=True),
        "line": RunOutput(value="one line\n", has_value=True),
    }
    page = render(make_run(outputs=outputs))
    assert '<td><pre class="block">class   mAP\ncar    0.51\n&lt;b&gt;   0.4</pre></td>' in page
    assert "<code>&quot;one line\\n&quot;</code>" in page


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"ok": True, "errors": ()}, "done"), ({}, "failed"), ({"interrupted": True}, "interrupted")],
)
def test_state_of_the_run_is_said_first(changes, state):
    run = make_run(**changes)
    assert f"run 4: {state} in" in text_report(run)
    assert f'<b class="{state}">{state}</b>' in html_report(run)


def test_sound_run_has_no_empty_sections():
    run = make_run(ok=True, errors=(), warnings=(), outputs={})
    assert "\nfailed\n" not in text_report(run)
    assert "warnings" not in text_report(run)
    assert "Failed calls" not in html_report(run)
    assert "Outputs" not in html_report(run)


def test_page_has_picture_nodes_failures_warnings_and_outputs():
    page = parsed(html_report(make_run(), CheckedGraph("demo", 0, {}, {}, None)))
    assert "svg" in [tag for tag, _ in page.tags]
    for text in (
        "video.move",
        "1,150",
        "too small (5)",
        "ValueError",
        "in read",
        "set aside",
        "/out/demo/dataset",
    ):
        assert text in page.text


def test_page_needs_nothing_from_elsewhere():
    page = parsed(html_report(make_run()))
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "img", "iframe")]
    assert not [attrs for _, attrs in page.tags if {"src", "href"} & attrs.keys()]
    assert not re.search(r"url\(|@import", html_report(make_run()))


@pytest.mark.parametrize("render", [html_report, run_html])
def test_text_from_data_cannot_become_markup(render):
    evil = '<img src=x onerror="alert(1)">'
    run = make_run(
        graph=evil,
        nodes={evil: NodeReport(evil, 1, 1, 0, 0, 0, 1, 0.0, {evil: 1}, {evil: 1})},
        outputs={evil: RunOutput(value=evil, has_value=True)},
        errors=(CallError(evil, evil, evil, evil, evil),),
        warnings=(evil,),
    )
    page = parsed(render(run))
    assert not [tag for tag, attrs in page.tags if tag == "img" or "onerror" in attrs]


def test_long_lists_of_failures_are_cut_and_counted():
    errors = tuple(CallError("clip", str(index), "ValueError", f"no {index}", "") for index in range(1000))
    assert "... and 950 more" in text_report(make_run(errors=errors))
    assert "and 800 more" in html_report(make_run(errors=errors))


def test_equal_errors_of_a_node_are_one_line_of_text():
    failed = [("clip", "a", "no"), ("clip", "b", "cut"), ("clip", "c", "no"), ("mask", "c", "no")]
    failed += [("clip", f"d{index}", "no") for index in range(1200)]
    errors = tuple(CallError(node, item, "ValueError", message, "") for node, item, message in failed)
    assert """
failed
  clip  a and 1,201 more  ValueError: no
  clip  b                 ValueError: cut
  mask  c                 ValueError: no

warnings
""" in text_report(make_run(errors=errors))


def test_calls_in_rows_that_are_cut_are_counted():
    errors = tuple(CallError("clip", str(index), "E", f"no {index % 60}", "") for index in range(120))
    assert "... and 20 more" in text_report(make_run(errors=errors))


def test_many_reasons_are_summed_up():
    node = NodeReport("a.b", 10, 10, 0, 0, 0, 0, 1.0, {f"reason {index}": index + 1 for index in range(4)})
    text = text_report(make_run(nodes={"a": node}))
    assert "1.00 s  reason 3 (4), reason 2 (3), reason 1 (2), other reasons (1)" in text


def test_fragment_for_a_notebook_styles_only_itself():
    fragment = run_html(make_run())
    rules = re.sub(r"@media[^{]*\{", "", re.findall(r"<style>(.*?)</style>", fragment, re.DOTALL)[0])
    selectors = [
        selector.strip() for rule in re.findall(r"([^{}]+)\{", rules) for selector in rule.split(",")
    ]
    assert selectors
    assert all(selector.startswith(".ngr") for selector in selectors)


def reasons_told(reasons, items=10):
    node = NodeReport("a.b", items, sum(reasons.values()), 0, 0, 0, 0, 1.0, reasons)
    run = make_run(nodes={"a": node})
    (row,) = [line for line in text_report(run).splitlines() if line.startswith("a ")]
    told = row.rpartition("  ")[2]
    assert told.replace("&", "&amp;") in html_report(run)
    return told


def test_changed_inputs_are_told_as_a_plan_tells_them():
    assert reasons_told({"inputs changed": 2}) == "2 of 10 inputs changed"
    assert reasons_told({"inputs changed": 1}, items=1) == "inputs changed"
    assert (
        reasons_told({"failed last time": 1, "inputs changed": 2})
        == "2 of 10 inputs changed, failed last time"
    )


def test_reason_of_all_calls_that_ran_stands_as_it_is():
    assert reasons_told({"param steps: 12 → 25": 10}) == "param steps: 12 → 25"


def test_page_draws_devices_and_tells_what_was_planned_and_ran(flow):
    page = parsed(html_report(make_run(), None, flow))
    assert "ngd" in [attrs.get("class") for tag, attrs in page.tags if tag == "svg"]
    assert "DevicesDevices over time" in page.text
    assert "animatecuda:0resident160602:24 minestimated" in page.text
    assert "Out of memory" not in page.text


def test_page_lists_calls_that_ran_out_of_memory(out_of_memory):
    page = parsed(html_report(make_run(), None, out_of_memory))
    assert "5.00 supscaleb/0cuda:19.0 GiB8.0 GiBwhat is not in use is freed" in page.text


def test_long_list_of_calls_that_ran_out_of_memory_is_cut_and_counted(out_of_memory):
    shortages = [event for event in out_of_memory if isinstance(event, OutOfMemory)]
    assert "and 200 more" in html_report(make_run(), None, shortages * 100)


def test_page_of_a_run_without_devices_says_nothing_of_them():
    page = html_report(make_run(), None, [])
    assert "Devices" not in page
    assert "Placement" not in page

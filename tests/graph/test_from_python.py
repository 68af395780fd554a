"""Graphs run from Python: with overlays, and showing themselves in a notebook."""

from __future__ import annotations

import json
from pathlib import Path

from nodegraph import Graph, node


@node("notebook.double", version=1)
def double(x: int) -> int:
    """Twice a number."""
    if x == 3:
        raise ValueError("not <three>")
    return 2 * x


def test_a_graph_shows_its_picture() -> None:
    graph = Graph("numbers")
    graph.output("twice", graph.add(double, id="twice", x=2))
    picture = graph._repr_html_()
    assert picture.startswith("<svg")
    assert "twice" in picture


def test_a_run_shows_how_it_ended_and_escapes_what_nodes_say(tmp_path: Path) -> None:
    graph = Graph("numbers")
    graph.output("twice", graph.add(double, id="twice", x=3))
    page = graph.run(store=tmp_path / "store")._repr_html_()
    assert page is not None
    assert "failed" in page
    assert "not &lt;three&gt;" in page


def test_a_graph_runs_with_overlays_as_on_the_command_line(tmp_path: Path) -> None:
    graph = Graph("numbers")
    graph.output("twice", graph.add(double, id="twice", x=2))
    overlay = tmp_path / "values.json"
    overlay.write_text(json.dumps({"params": {"twice": {"x": 20}}}))
    assert graph.plan(store=tmp_path / "store", values=[overlay]).nodes["twice"].run == 1
    assert graph.run(store=tmp_path / "store", values=[overlay]).value("twice") == 40

"""The combinations of a sweep as a table, in a terminal and in a notebook."""

from __future__ import annotations

from nodegraph.report.sweep import combinations_html, sweep_headline, sweep_table


def test_table_has_a_line_per_combination_with_values_outputs_and_state(chain):
    swept = chain.sweep(["add.fails=false,true", "total.scale=1,2"], sets=["times.bad=0"], targets=["total"])
    lines = sweep_table(swept).splitlines()
    assert lines[0].split() == ["add.fails", "total.scale", "low", "result", "state"]
    assert [line.split()[-1] for line in lines[1:]] == ["failed"] * 4
    assert [line.split()[:2] for line in lines[1:]] == [
        [fails, scale] for fails in ("false", "true") for scale in ("1.0", "2.0")
    ]
    assert lines[1].split()[2:4] == ["2", "items,"]


def test_table_that_is_too_wide_becomes_a_list_per_combination(chain):
    swept = chain.sweep(["times.by=1,2"], targets=["total"])
    assert sweep_table(swept, width=200) == sweep_table(swept)
    listed = sweep_table(swept, width=40).splitlines()
    assert listed[0] == "times.by=1.0: done"
    assert listed[2].split() == ["result", "3.0"]
    assert listed[3] == "times.by=2.0: done"


def test_headline_counts_the_combinations_that_are_done(chain):
    assert sweep_headline(chain.sweep(["add.fails=false,true"])) == "1 of 2 combinations done"
    assert sweep_headline(chain.sweep(["add.plus=7"])) == "1 of 1 combination done"


def test_long_values_are_cut_and_control_characters_escaped(bench):
    bench.set({"any": ("sw.any",)}, {"text": "any"})
    swept = bench.sweep({"any.name": ["x" * 100, "\x1b[31m"]})
    text = sweep_table(swept)
    assert "x" * 47 + "…" in text
    assert "\x1b" not in text


def test_sweep_without_outputs_still_says_how_each_combination_ended(bench):
    bench.set({"add": ("sw.add", {}, {"number": 1})})
    assert sweep_table(bench.sweep(["add.plus=1,2"])).splitlines() == [
        "add.plus  state",
        "       1  done",
        "       2  done",
    ]


def test_report_of_the_run_holds_the_table(chain):
    swept = chain.sweep(["times.by=1,2"])
    assert (swept.run.folder / "report.txt").read_text().endswith(sweep_table(swept) + "\n")
    page = (swept.run.folder / "report.html").read_text()
    table = page.index(f"<h2>Combinations</h2>{combinations_html(swept)}")
    assert page.index("</h1>") < table < page.index("<h2>Outputs</h2>")


def test_report_of_a_run_that_is_no_sweep_has_no_combinations(chain):
    run = chain.run()
    assert "Combinations" not in (run.folder / "report.html").read_text()


def test_sweep_shows_itself_in_a_notebook_with_all_text_escaped(bench):
    bench.set({"any": ("sw.any",)}, {"text": "any"})
    page = bench.sweep({"any.name": ["<b>", "c"]})._repr_html_()
    assert "2 of 2 combinations done" in page
    assert "<th>any.name</th><th>text</th><th>state</th>" in page
    assert "<td>&lt;b&gt;</td>" in page
    assert "<b>'" not in page

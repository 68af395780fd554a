"""`evaluate.experiment`: what synthetic pictures are worth to a detector, as a table and a plot."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from io import StringIO
from math import isfinite
from typing import Annotated, Any, NamedTuple

from nodegraph import Artifact, Collected, Context, Drop, Param, node
from nodes.evaluate.experiment_plot import draw_scores, encoded
from nodes.evaluate.experiment_statistics import Estimate, Row, Run, compare


class Experiment(NamedTuple):
    """The report and its numbers.

    Attributes:
        out: `report.md` (the tables), `runs.csv`, `summary.csv`, `results.json`, `plot.png`, `plot.svg`.
        gains: per augmented arm and fraction, as `arm/fraction`, the mean difference to the baseline.
        clear: of these, those whose interval does not hold 0.
        report: the text of `report.md`.
    """

    out: Artifact
    gains: dict[str, float]
    clear: list[str]
    report: str


@node("evaluate.experiment", version=2)
def experiment(
    arms: Collected[str],
    fractions: Collected[float],
    repeats: Collected[int],
    scores: Collected[float],
    tracked_spatial: float | None = None,
    tracked_temporal: float | None = None,
    segmented_spatial: float | None = None,
    segmented_temporal: float | None = None,
    *,
    baseline: Annotated[str, Param(help="the arm that the others are compared with")] = "none",
    confidence: Annotated[float, Param(gt=0, lt=1, help="of the intervals")] = 0.95,
    measure: Annotated[str, Param(help="what the scores are, for table and plot")] = "mAP@[.50:.95]",
    title: Annotated[str, Param(help="headline of the plot")] = "",
    ctx: Context,
) -> Experiment:
    """Compare arms of an experiment over shares of the real data: means, paired differences, a plot.

    Per arm and fraction: the mean over repetitions with its interval by Student's t, and the mean
    difference to the baseline, paired by repetition, with its interval. A difference whose interval holds 0
    is called unclear. A few repetitions give wide intervals: that is what they say. Trainings that failed
    are left out and counted.

    Args:
        arms, fractions, repeats: the fields of `experiment.settings`.
        scores: one per setting, such as `map` of `evaluate.detector`.
        tracked_spatial, tracked_temporal: how well labels lie that were tracked through the clips of the two
            axes, such as `mean` of `evaluate.mean` over `evaluate.track_iou`; for a second table.
        segmented_spatial, segmented_temporal: the same for labels found by segmentation alone.

    Raises:
        Drop: if there are no scores.
        ValueError: if the baseline is no arm, or a score is no number.
        RuntimeError: if matplotlib is not installed.
    """
    if find_spec("matplotlib") is None:
        raise RuntimeError("matplotlib is not installed; install it with: pip install 'nodegraph[train]'")
    runs = [
        Run(arms[key].value, fractions[key].value, repeats[key].value, scores[key].value)
        for key in scores.keys()  # noqa: SIM118 -- a stream yields items
    ]
    if not runs:
        raise Drop("no scores to compare")
    _require_baseline(baseline, arms)
    _require_numbers(runs)
    rows = compare(runs, baseline, confidence)
    labels = {
        "tracking": {"spatial": tracked_spatial, "temporal": tracked_temporal},
        "segmentation alone": {"spatial": segmented_spatial, "temporal": segmented_temporal},
    }
    report = _report(rows, labels, baseline, confidence, measure, len(arms) - len(runs))
    folder = ctx.new_folder()
    figure = draw_scores(rows, runs, measure=measure, title=title)
    results = {
        "measure": measure,
        "baseline": baseline,
        "confidence": confidence,
        "runs": [asdict(run) for run in runs],
        "rows": [asdict(row) for row in rows],
        "labels": labels,
    }
    files: dict[str, bytes] = {
        "report.md": report.encode(),
        "runs.csv": _csv([asdict(run) for run in runs]),
        "summary.csv": _csv([_flat(row) for row in rows]),
        "results.json": (json.dumps(results, indent=1) + "\n").encode(),
        "plot.png": encoded(figure, "png"),
        "plot.svg": encoded(figure, "svg"),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    gained = [row for row in rows if row.gain is not None]
    return Experiment(
        Artifact(folder, made_from={name: list(scores.keys()) for name in files}),
        {f"{row.arm}/{row.fraction:g}": row.gain.mean for row in gained if row.gain is not None},
        [f"{row.arm}/{row.fraction:g}" for row in gained if _is_clear(row.gain)],
        report,
    )


def _require_baseline(baseline: str, arms: Collected[str]) -> None:
    known = list(dict.fromkeys(arms[key].value for key in arms.keys()))  # noqa: SIM118 (as above)
    if baseline not in known:
        raise ValueError(
            f"baseline {baseline!r} is no arm of this experiment: give one of {', '.join(known)}; what is "
            "trained stays as it is"
        )


def _require_numbers(runs: Sequence[Run]) -> None:
    for run in runs:
        if not isfinite(run.score):
            raise ValueError(
                f"the score of {run.arm}, fraction {run.fraction:g}, repetition {run.repeat} is {run.score}: "
                "link scores that are numbers"
            )


def _is_clear(gain: Estimate | None) -> bool:
    """Whether an interval does not hold 0."""
    return gain is not None and gain.low is not None and gain.high is not None and gain.low * gain.high > 0


def _report(
    rows: Sequence[Row],
    labels: dict[str, dict[str, float | None]],
    baseline: str,
    confidence: float,
    measure: str,
    failed: int,
) -> str:
    interval = f"{confidence:.0%} interval"
    lines = [
        f"| real data | arm | {measure} | {interval} | gain over {baseline} | {interval} | runs |",
        "| ---: | --- | ---: | --- | ---: | --- | ---: |",
        *(_table_row(row) for row in rows),
    ]
    if failed:
        lines += ["", f"{failed} settings have no score: their training or evaluation failed."]
    if any(value is not None for entry in labels.values() for value in entry.values()):
        lines += ["", "| labels by | spatial clips | temporal clips |", "| --- | ---: | ---: |"]
        lines += [
            f"| {name} | {_number(entry['spatial'])} | {_number(entry['temporal'])} |"
            for name, entry in labels.items()
        ]
        lines += ["", "Labels: mean overlap (IoU) of the propagated boxes with the true ones."]
    return "\n".join(lines) + "\n"


def _table_row(row: Row) -> str:
    gain = ["", ""]
    if row.gain is not None:
        unclear = "" if _is_clear(row.gain) else " (unclear)"
        gain = [f"{row.gain.mean:+.3f}", _interval(row.gain, "+.3f") + unclear]
    score = [_number(row.score.mean), _interval(row.score, ".3f")]
    return "| " + " | ".join([f"{row.fraction:.0%}", row.arm, *score, *gain, str(row.score.count)]) + " |"


def _interval(given: Estimate, form: str) -> str:
    return "–" if given.low is None or given.high is None else f"{given.low:{form}} to {given.high:{form}}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _flat(row: Row) -> dict[str, Any]:
    """A row of the table with its estimates in columns."""
    flat: dict[str, Any] = {"arm": row.arm, "fraction": row.fraction}
    for name, given in (("score", row.score), ("gain", row.gain)):
        for field in ("mean", "low", "high", "count"):
            flat[f"{name}_{field}"] = None if given is None else getattr(given, field)
    return flat


def _csv(rows: Sequence[dict[str, Any]]) -> bytes:
    stream = StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()

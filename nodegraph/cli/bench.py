"""`nodegraph bench`: what a recorded run would have taken on other devices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nodegraph.cli.edge import DONE, command
from nodegraph.cli.groups import Common, grouped
from nodegraph.cli.options import UsageError

if TYPE_CHECKING:
    from nodegraph.place.problem import Device
    from nodegraph.place.replay import Replay
    from nodegraph.store import RunRecord, Store

_SHOWN_RUNS = 8
_LOG = "events.jsonl"

app = typer.Typer(help="Compare placements of what a run did.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def bench() -> None:
    """Compare placements of what a run did."""


@grouped
def placement(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN|GRAPH", help="A run's number, or a graph file: its last run.", show_default=False
        ),
    ],
    *,
    devices: Annotated[
        str | None,
        typer.Option("--devices", metavar="SPEC", help="As sim:24GiB,sim:8GiB; else those of the run."),
    ] = None,
    common: Common,
) -> int:
    """Place what a run did on other devices, beside what it took and beside loading models on demand.

    Computes nothing. Needs neither the graph nor the models, only the store.
    """
    from nodegraph.place.equipment import equipment
    from nodegraph.place.record import RecordError
    from nodegraph.place.replay import ReplayError
    from nodegraph.store import Store

    terminal = common.terminal()
    wanted = () if devices is None else equipment(devices, uses_models=False, is_run=False).devices
    with Store.open(common.store_folder(), read_only=True) as store:
        record = _record(run, store.runs(), store.folder)
        try:
            replayed = _replayed(record, store, wanted)
        except (ReplayError, RecordError) as error:
            raise UsageError(f"run {record.id} of {record.graph}: {error}") from None
    if common.json:
        terminal.result_json({"run": record.id, "graph": record.graph} | replay_json(replayed))
    else:
        terminal.result("\n".join(replay_lines(replayed, f"run {record.id} of {record.graph}")))
    return DONE


app.command("placement")(command(placement))


def replay_lines(replayed: Replay, title: str) -> Iterator[str]:
    """A replay as text: a table of the run, its placement and loading on demand, then the factors."""
    from nodegraph.show.wording import counted, printable, table

    stages = [stage for stage in replayed.problem.stages if stage.models and stage.count]
    calls = counted(sum(stage.count for stage in stages), "call")
    models = counted(len({model for stage in stages for model in stage.models}), "model")
    yield printable(f"{title}: {calls} in {counted(len(stages), 'stage')} with {models}")
    told = replay_json(replayed)
    run, baseline = told["measured"], told["on_demand"]
    rows = [
        ("", "policy", "time", "loads", "peak per device"),
        ("measured", "", *_figures(run), _peaks(run["devices"])),
    ]
    if told["refused"]:
        # What is left of the calls is no measure for the run.
        yield table(rows)
        for message in told["refused"]:
            yield printable(f"refused: {message}")
        return
    rows.append(("planned", told["policy"], *_figures(told), _peaks(told["devices"])))
    rows.append(("on demand", "item by item", *_figures(baseline), ""))
    yield table(rows)
    factors = told["factor"]
    yield (
        f"loading on demand takes {_factor(factors['seconds'])} the time of the plan "
        f"and {_factor(factors['loads'])} its loads"
    )


def replay_json(replayed: Replay) -> dict[str, Any]:
    """What `bench placement --json` prints besides the run and its graph.

    Sizes in bytes, times in seconds; `seconds` of `measured` is null where the run was killed before its
    end, a factor (on demand over planned) where it would be over 0.
    """
    from nodegraph.place.stages import HOST
    from nodegraph.place.table import placement_json

    schedule, measured, baseline = replayed.schedule, replayed.measured, replayed.baseline
    budgets = {device.name: device.budget for device in replayed.problem.devices if device.name != HOST}
    used = {name: measured.device_loads.get(name, 0) for name in measured.budgets}
    return {
        "policy": schedule.policy,
        "seconds": schedule.seconds,
        "loads": replayed.loads,
        "devices": {
            name: {
                "budget": budget,
                "peak": schedule.devices[name].peak,
                "loads": schedule.devices[name].loads,
            }
            for name, budget in budgets.items()
        },
        "measured": {
            "seconds": measured.seconds,
            "loads": sum(used.values()),
            "devices": {
                name: {"budget": measured.budgets[name], "peak": measured.peaks[name], "loads": loads}
                for name, loads in used.items()
            },
        },
        "on_demand": {"seconds": baseline.seconds, "loads": baseline.loads},
        "factor": {
            "seconds": baseline.seconds / schedule.seconds if schedule.seconds > 0 else None,
            "loads": baseline.loads / replayed.loads if replayed.loads else None,
        },
        "refused": [refusal.message for refusal in schedule.refused],
        **placement_json(replayed.problem, schedule),
    }


def _figures(told: Mapping[str, Any]) -> tuple[str, str]:
    """Time and loads."""
    from nodegraph.show.wording import seconds_text

    return "?" if told["seconds"] is None else seconds_text(told["seconds"]), f"{told['loads']:,}"


def _peaks(devices: Mapping[str, Mapping[str, int]]) -> str:
    from nodegraph.show.wording import size_text

    return ", ".join(
        f"{name}: {size_text(device['peak'])} of {size_text(device['budget'])}"
        for name, device in devices.items()
    )


def _factor(factor: float | None) -> str:
    return "?" if factor is None else f"{factor:,.2f} ×"


def _replayed(record: RunRecord, store: Store, devices: Sequence[Device]) -> Replay:
    """Place a run again.

    Raises:
        ReplayError: if it made no calls with models, or was killed before it wrote down what it placed.
        RecordError: if what it wrote down is damaged.
    """
    from nodegraph.place.record import RECORD, unpack_problem
    from nodegraph.place.replay import LOGGED, ReplayError, measured_by, replay, require_calls
    from nodegraph.report.recorded import recorded_events

    measured = measured_by(recorded_events(record.folder / _LOG, LOGGED))
    require_calls(measured)
    try:
        packed = (record.folder / RECORD).read_bytes()
    except FileNotFoundError:
        raise ReplayError(f"{_why_missing(record)}; name another run, or run the graph again") from None
    return replay(unpack_problem(packed), measured, store, devices)


def _why_missing(record: RunRecord) -> str:
    if record.alive:
        return "it is still going on, and what it placed is written down at its end"
    if record.finished is None:
        return "it was killed before it wrote down what it placed"
    return "the record of what it placed is gone"


def _record(named: str, runs: Sequence[RunRecord], store: Path) -> RunRecord:
    """The run of a number, or the last run of a graph file: of those, the last one that used models.

    Raises:
        UsageError: if the store has no such run.
    """
    from nodegraph.graph.paths import absolute_path
    from nodegraph.plan.history import graph_file

    if is_number := named.isascii() and named.isdigit():
        found = [record for record in runs if record.id == int(named)]
    else:
        file = absolute_path(Path(), named)
        found = [record for record in runs if graph_file(record.graph, store) == file]
    if not found:
        latest = ", ".join(str(record.id) for record in runs[-_SHOWN_RUNS:])
        raise UsageError(
            f"the store at {store} has no run {'' if is_number else 'of '}{named}; "
            + (f"its latest runs are {latest}" if runs else "it has none at all: run a graph first")
        )
    return next((record for record in reversed(found) if _used_models(record)), found[-1])


def _used_models(record: RunRecord) -> bool:
    from nodegraph.events.types import CallPlaced
    from nodegraph.report.recorded import recorded_events

    return next(recorded_events(record.folder / _LOG, (CallPlaced,)), None) is not None

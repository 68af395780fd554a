"""A run placed again: counts and times from its log, working memory from profiles, the rest as reckoned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from nodegraph.events.types import (
    CallPlaced,
    CallStarted,
    MemoryTracked,
    ModelLoaded,
    NodeFinished,
    RunFinished,
)
from nodegraph.place.problem import Cost, Device, Mode, Model, Problem, Stage
from nodegraph.place.replay import ReplayError, measured_by, replay
from nodegraph.place.stages import HOST
from nodegraph.store.profiles import LoadRate, Sample, Setting, Subject

GIB = 1 << 30
MODELS = {
    name: Model(name, name, {"resident": 2 * GIB, "swap": GIB}, load_seconds=2.0, move_seconds=0.5)
    for name in ("m", "n")
}
RECKONED: Mapping[Mode, Cost] = {"resident": Cost(0, GIB, 3.0, 1.0), "swap": Cost(0, GIB, 4.0, 1.0)}
GUESS = {"cuda": RECKONED}
ENDED = {"items": 9, "cached": 0, "failed": 0, "skipped": 0, "dropped": 0}


def stage(id_, model, *feeds, **given):
    return Stage(id_, 5, (model,), feeds, (), GUESS, 8, **given)


PLACED = Problem(
    devices=(Device("cuda:0", "cuda", 8 * GIB), Device(HOST, HOST, 0, 4)),
    models=MODELS,
    stages=(
        stage("paint", "m"),
        stage("score", "n", 0),
        Stage("write", 5, (), (1,), (), {HOST: {"resident": Cost(0, 0, 0.0, 9.0)}}),
    ),
    host_bytes=64 * GIB,
)


def finished(node, type_, executed, seconds=0.0, **given):
    return NodeFinished(9.0, node, type_, **ENDED | {"executed": executed} | given, seconds=seconds)


def called(node, batch, seconds, mode="resident"):
    return CallPlaced(1.0, node, "a", "cuda:0", mode, batch, seconds)


LOG = [
    CallStarted(0.0, "paint", "a", "new"),
    ModelLoaded(1.0, "cuda:0", "m", "m", "resident", "disk", 4.0, 2 * GIB),
    ModelLoaded(1.0, "cuda:0", "m", "m", "resident", "disk", 6.0, 2 * GIB),
    ModelLoaded(1.0, "cuda:0", "n", "n", "swap", "disk", 0.1, GIB),
    MemoryTracked(1.0, "cuda:0", 3 * GIB, 8 * GIB),
    MemoryTracked(2.0, "cuda:0", 2 * GIB, 8 * GIB),
    called("paint", 4, 6.0),
    called("paint", 4, 10.0),
    called("score", 1, 2.0),
    called("score", 3, 4.0),
    finished("paint", "x.paint", 8, failed=1),
    finished("score", "x.score", 4),
    finished("write", "x.write", 4, seconds=2.0),
    RunFinished(10.0, True, False, 10.0),
]


class Known:
    """Profiles that hold what is given; loads are not looked at."""

    def __init__(self, **profiles):
        self.profiles = profiles

    def profile(self, subject: Subject):
        return self.profiles.get(subject.type_id.removeprefix("x."), {})

    def load_rate(self, device_kind, source):
        return LoadRate()


def replayed(*devices, log=LOG, known=None, problem=PLACED):
    return replay(problem, measured_by(log), known or Known(), devices)


def test_log_tells_what_the_run_took():
    measured = measured_by(LOG)
    assert measured.seconds == 10.0
    assert measured.device_loads == {"cuda:0": 3}
    assert (measured.peaks, measured.budgets) == ({"cuda:0": 3 * GIB}, {"cuda:0": 8 * GIB})


def test_stages_have_as_many_calls_as_the_run_made():
    counts = {stage.id: stage.count for stage in replayed().problem.stages}
    assert counts == {"paint": 9, "score": 4, "write": 4}


def test_node_that_the_run_did_not_come_to_has_no_calls():
    log = [event for event in LOG if not (isinstance(event, NodeFinished) and event.node == "score")]
    assert replayed(log=log).problem.stages[1].count == 0


def test_batches_of_one_size_keep_the_reckoned_share_that_does_not_grow():
    cost = replayed().problem.stages[0].costs["cuda"]["resident"]
    assert cost.seconds(4) == pytest.approx(8.0)
    assert cost.fixed_seconds / cost.item_seconds == pytest.approx(3.0)
    assert cost.time_basis == "measured"


def test_batches_of_several_sizes_give_a_line():
    cost = replayed().problem.stages[1].costs["cuda"]["resident"]
    assert (cost.fixed_seconds, cost.item_seconds) == (pytest.approx(1.0), pytest.approx(1.0))


def test_mode_that_was_not_used_takes_as_much_more_as_was_reckoned():
    costs = replayed().problem.stages[1].costs["cuda"]
    assert costs["swap"].fixed_seconds == pytest.approx(costs["resident"].fixed_seconds + 1.0)
    assert costs["swap"].time_basis == "estimated"


def test_calls_without_models_take_what_they_took():
    assert replayed().problem.stages[2].costs == {
        HOST: {"resident": Cost(0, 0, 0.0, 0.5, "measured", "measured")}
    }


def test_loads_take_what_they_took_and_as_reckoned_where_the_run_made_none():
    models = replayed().problem.models
    assert (models["m"].load_seconds, models["m"].move_seconds) == (5.0, 0.5)
    assert models["n"].load_seconds == 2.0


def test_working_memory_comes_from_the_latest_profile_of_the_mode():
    known = Known(
        paint={
            Setting("2", "cuda", "resident", "u1[9]", 4): Sample(800, 800, 2.0, 3, run=7),
            Setting("1", "cuda", "resident", "u1[9]", 1): Sample(9000, 9000, 2.0, 3, run=2),
        }
    )
    costs = replayed(known=known).problem.stages[0].costs["cuda"]
    assert (costs["resident"].working(4), costs["resident"].memory_basis) == (800, "measured")
    assert costs["swap"].working(4) == RECKONED["swap"].working(4)


def test_devices_of_another_kind_are_as_fast_as_those_of_the_run():
    told = replayed(Device("sim:0", "mps", 8 * GIB)).problem
    assert [device.name for device in told.devices] == ["sim:0", HOST]
    assert told.stages[0].costs == {"mps": replayed().problem.stages[0].costs["cuda"]}


def test_cpu_beside_an_accelerator_takes_no_calls_that_use_models():
    told = replayed(Device("sim:0", "cuda", 8 * GIB), Device("cpu", "cpu", 64 * GIB))
    assert set(told.problem.stages[0].costs) == {"cuda"}
    assert told.schedule.devices["cpu"].loads == 0


def test_devices_with_room_for_one_model_load_each_once_where_loading_on_demand_does_for_each_item():
    problem = replace(PLACED, stages=tuple(replace(one, max_batch=1) for one in PLACED.stages))
    log = [*LOG[:-4], *(finished(name, f"x.{name}", 100) for name in ("paint", "score", "write"))]
    told = replayed(Device("sim:0", "cuda", 3 * GIB), log=log, problem=problem)
    assert told.loads == 2
    assert told.baseline.loads == 200
    assert told.baseline.seconds > told.schedule.seconds


def test_run_without_calls_that_use_models_is_refused():
    with pytest.raises(ReplayError, match="made no call that uses models"):
        replayed(log=[event for event in LOG if not isinstance(event, CallPlaced)])

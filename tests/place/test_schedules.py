"""Plain problems, whose schedules are known: modes, batches, overlap, prefetch, windows, several devices."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nodegraph.place.planner import plan_placement
from nodegraph.place.problem import Cost, Device, Mode, Model, Problem, Stage
from nodegraph.place.schedule import Schedule
from nodegraph.place.verify import check_schedule

GB = 10**9
CARD = Device("cuda:0", "cuda", 24 * GB)
HOST = Device("cpu", "cpu", 64 * GB, 4)


def model(name: str, weights: float, **modes: float) -> Model:
    sizes: dict[Mode, int] = {"resident": int(weights * GB)}
    sizes.update({mode: int(size * GB) for mode, size in modes.items()})  # type: ignore[misc]
    return Model(name, name, sizes, load_seconds=10.0, move_seconds=1.0)


def cost(seconds: float, fixed: float = 0.0, item_bytes: float = 1.0) -> Cost:
    return Cost(0, int(item_bytes * GB), fixed, seconds)


def stage(
    name: str, count: int, models: tuple[str, ...], *feeds: int, batch: int = 1, **costs: Cost
) -> Stage:
    """A stage; costs are those of mode resident per kind of device, or of a mode on CUDA."""
    kinds: dict[str, dict[Mode, Cost]] = {}
    for key, one in costs.items():
        if key in ("swap", "offload"):
            kinds.setdefault("cuda", {})[key] = one
        else:
            kinds.setdefault(key, {})["resident"] = one
    return Stage(name, count, models, feeds, (), kinds, batch)


def planned(
    devices: tuple[Device, ...],
    models: tuple[Model, ...],
    *stages: Stage,
    host: float = 0,
    in_flight: int = 4096,
) -> Schedule:
    problem = Problem(devices, {one.id: one for one in models}, stages, int(host * GB), in_flight)
    schedule = plan_placement(problem)
    assert check_schedule(problem, schedule) == []
    return schedule


def modes(schedule: Schedule, index: int) -> Mapping[str, Mode]:
    placement = schedule.stages[index]
    assert placement is not None
    return placement.mode


def test_models_that_fit_together_are_loaded_once_and_items_flow():
    draw, refine = stage("draw", 50, ("a",), cuda=cost(1)), stage("refine", 50, ("b",), 0, cuda=cost(1))
    schedule = planned((CARD,), (model("a", 8), model("b", 8)), draw, refine)
    assert schedule.policy == "flow"
    assert len(schedule.loads) == 2
    assert schedule.seconds == pytest.approx(20 + 100)
    assert schedule.devices["cuda:0"].peak == 17 * GB


def test_models_that_do_not_fit_together_are_loaded_once_each_stage_after_stage():
    draw, refine = stage("draw", 50, ("a",), cuda=cost(1)), stage("refine", 50, ("b",), 0, cuda=cost(1))
    schedule = planned((CARD,), (model("a", 15), model("b", 15)), draw, refine)
    assert schedule.policy == "staged"
    assert [load.model for load in schedule.loads] == ["a", "b"]
    assert [(one.model, one.to) for one in schedule.evictions] == [("a", "dropped")]


def test_model_that_two_stages_share_is_kept_for_the_second():
    stages = (
        stage("draw", 20, ("a",), cuda=cost(1)),
        stage("check", 20, ("b",), 0, cuda=cost(1)),
        stage("redraw", 20, ("a",), 1, cuda=cost(1)),
    )
    assert len(planned((CARD,), (model("a", 12), model("b", 8)), *stages).loads) == 2


def test_model_needed_latest_is_the_one_to_go():
    names = ("a", "b", "c", "b", "a")
    stages = [
        stage(f"s{i}", 4, (name,), *range(max(0, i - 1), i), cuda=cost(1)) for i, name in enumerate(names)
    ]
    schedule = planned((CARD,), (model("a", 10), model("b", 10), model("c", 10)), *stages)
    assert [one.model for one in schedule.evictions if one.at < schedule.seconds / 2 + 20][:1] == ["a"]
    assert len(schedule.loads) == 4


def test_evicted_model_goes_to_host_memory_and_comes_back_from_there():
    names = ("a", "b", "a")
    stages = [
        stage(f"s{i}", 4, (name,), *range(max(0, i - 1), i), cuda=cost(1)) for i, name in enumerate(names)
    ]
    schedule = planned((CARD,), (model("a", 15), model("b", 15)), *stages, host=40)
    assert [(load.model, load.source) for load in schedule.loads] == [
        ("a", "disk"),
        ("b", "host"),
        ("a", "host"),
    ]
    assert [one.to for one in schedule.evictions] == ["host", "dropped"]


def test_next_model_is_prefetched_while_the_first_works():
    draw, refine = stage("draw", 50, ("a",), cuda=cost(1)), stage("refine", 50, ("b",), 0, cuda=cost(1))
    schedule = planned((CARD,), (model("a", 15), model("b", 15)), draw, refine, host=16)
    assert [one.model for one in schedule.prefetches] == ["b"]
    assert schedule.seconds == pytest.approx(10 + 50 + 1 + 50)


def test_model_too_large_for_the_device_is_swapped_by_component():
    draw = stage("draw", 3, ("a",), cuda=cost(1), swap=cost(1.5), offload=cost(4))
    schedule = planned((CARD,), (model("a", 40, swap=16, offload=2),), draw)
    assert modes(schedule, 0) == {"cuda:0": "swap"}
    assert schedule.devices["cuda:0"].peak == 17 * GB


def test_model_whose_components_do_not_fit_either_is_offloaded_by_layer():
    draw = stage("draw", 3, ("a",), cuda=cost(1), swap=cost(1.5), offload=cost(4))
    schedule = planned((CARD,), (model("a", 60, swap=30, offload=2),), draw)
    assert modes(schedule, 0) == {"cuda:0": "offload"}


def test_leaner_mode_is_taken_where_it_leaves_room_for_more_calls_at_a_time():
    host = Device("cpu", "cpu", 16 * GB, 8)
    kinds: dict[str, dict[Mode, Cost]] = {"cpu": {"resident": cost(1), "offload": cost(2)}}
    draw = Stage("draw", 80, ("a",), (), (), kinds)
    schedule = planned((host,), (model("a", 14, offload=2),), draw)
    assert modes(schedule, 0) == {"cpu": "offload"}
    assert schedule.seconds == pytest.approx(10 + 80 * 2 / 8)


def test_batch_is_the_largest_that_fits_beside_the_weights():
    draw = stage("draw", 100, ("a",), batch=32, cuda=cost(1, fixed=5, item_bytes=2))
    schedule = planned((CARD,), (model("a", 9),), draw)
    placement = schedule.stages[0]
    assert placement is not None
    assert placement.batch == {"cuda:0": 7}


def test_batch_that_saves_no_time_is_one():
    draw = stage("draw", 100, ("a",), batch=32, cuda=cost(1, fixed=0))
    placement = planned((CARD,), (model("a", 9),), draw).stages[0]
    assert placement is not None
    assert placement.batch == {"cuda:0": 1}


def test_decoding_and_encoding_overlap_with_the_device():
    stages = (
        stage("decode", 200, (), cpu=cost(0.5)),
        stage("draw", 200, ("a",), 0, cuda=cost(1)),
        stage("encode", 200, (), 1, cpu=cost(1)),
    )
    schedule = planned((CARD, HOST), (model("a", 9),), *stages)
    assert schedule.seconds < 1.06 * (10 + 200)


def test_equal_devices_share_the_calls_of_a_stage():
    cards = tuple(Device(f"cuda:{i}", "cuda", 24 * GB) for i in range(4))
    schedule = planned(cards, (model("a", 15),), stage("draw", 400, ("a",), cuda=cost(1)))
    assert schedule.policy == "replicated"
    assert 110 <= schedule.seconds < 112


def test_few_items_of_models_slow_to_load_are_split_over_devices():
    cards = tuple(Device(f"cuda:{i}", "cuda", 24 * GB) for i in range(2))
    draw, refine = stage("draw", 5, ("a",), cuda=cost(1)), stage("refine", 5, ("b",), 0, cuda=cost(1))
    schedule = planned(cards, (model("a", 15), model("b", 15)), draw, refine)
    assert schedule.policy == "split"
    assert len(schedule.loads) == 2
    assert schedule.seconds == pytest.approx(10 + 5 + 1)


def test_stage_runs_on_the_one_device_that_it_fits_on():
    cards = (Device("cuda:0", "cuda", 8 * GB), CARD_OF_80)
    schedule = planned(cards, (model("a", 30),), stage("draw", 5, ("a",), cuda=cost(1)))
    assert {block.device for block in schedule.blocks} == {"cuda:1"}


CARD_OF_80 = Device("cuda:1", "cuda", 80 * GB)


def test_items_pass_in_windows_where_more_would_wait_than_may():
    draw, refine = stage("draw", 1000, ("a",), cuda=cost(1)), stage("refine", 1000, ("b",), 0, cuda=cost(1))
    schedule = planned((CARD,), (model("a", 15), model("b", 15)), draw, refine, in_flight=400)
    assert [load.model for load in schedule.loads] == ["a", "b"] * 3


def test_gathering_stage_waits_for_all_items():
    frames = stage("frames", 10, (), cpu=cost(1))
    export = Stage("export", 1, (), (), (0,), {"cpu": {"resident": cost(2)}})
    schedule = planned((HOST,), (), frames, export)
    assert schedule.seconds == pytest.approx(3 + 2)


def test_stage_without_items_is_neither_placed_nor_refused():
    huge = stage("huge", 0, ("a",), cuda=cost(1))
    schedule = planned((CARD,), (model("a", 500),), huge, stage("next", 1, (), 0, cuda=cost(1)))
    assert schedule.stages[0] is None
    assert schedule.refused == ()
    assert schedule.seconds == pytest.approx(1)


def test_problem_without_stages_takes_no_time():
    assert planned((CARD,), ()).seconds == 0

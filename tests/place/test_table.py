"""A schedule as lines for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nodegraph.place.problem import Cost, Device, Model, Problem, Stage
from nodegraph.place.schedule import (
    Block,
    DeviceForecast,
    Eviction,
    Load,
    Prefetch,
    Refusal,
    Schedule,
    StagePlacement,
)
from nodegraph.place.table import placement_json, placement_lines, residences

GIB = 1 << 30


@pytest.fixture
def problem():
    """Frames are decoded by worker threads and pass two models; the last stage fits nowhere."""
    models = {
        "a": Model("a", "sam2.1", {"resident": 5 * GIB}, 4.0, 1.0),
        "b": Model("b", "svd-xt", {"resident": 9 * GIB, "swap": 6 * GIB}, 8.0, 2.0),
    }
    segment = Cost(GIB, GIB // 2, 0.0, 0.5, "measured", "measured")
    animate = Cost(GIB, GIB, 0.5, 1.0, "estimated", "assumed")
    decode = Cost(0, 0, 0.0, 0.1, "measured", "measured")
    stages = (
        Stage("decode", 100, (), (), (), {"host": {"resident": decode}}),
        Stage("segment", 100, ("a",), (0,), (), {"cuda": {"resident": segment}}, 8),
        Stage("animate", 100, ("b",), (1,), (), {"cuda": {"swap": animate}}, 4),
        Stage("cached", 0, ("b",), (1,), (), {"cuda": {"swap": animate}}),
        Stage("upscale", 7, ("b",), (2,), (), {"cuda": {"resident": Cost(40 * GIB, 0, 0.0, 1.0)}}),
    )
    devices = (Device("cuda:0", "cuda", 12 * GIB), Device("host", "host", 0, 4))
    return Problem(devices, models, stages, host_bytes=8 * GIB)


@pytest.fixture
def schedule():
    """The models take turns; the second is read ahead while the first works."""
    return Schedule(
        policy="staged",
        stages=(
            StagePlacement(("host",), {"host": "resident"}, {"host": 1}, 0),
            StagePlacement(("cuda:0",), {"cuda:0": "resident"}, {"cuda:0": 8}, 3),
            StagePlacement(("cuda:0",), {"cuda:0": "swap"}, {"cuda:0": 4}, 7),
            None,
            None,
        ),
        blocks=(
            Block(0, "host", 0, 100, 0.0, 10.0, 4),
            Block(1, "cuda:0", 0, 60, 4.0, 34.0),
            Block(1, "cuda:0", 60, 40, 34.0, 54.0),
            Block(2, "cuda:0", 0, 100, 56.0, 168.5),
        ),
        loads=(
            Load("a", "cuda:0", "resident", "disk", 0.0, 4.0),
            Load("b", "cuda:0", "swap", "host", 54.0, 56.0),
        ),
        prefetches=(Prefetch("b", 4.0, 10.0),),
        evictions=(Eviction("a", "cuda:0", "dropped", 54.0),),
        refused=(Refusal(4, 46 * GIB, "cuda:0", 12 * GIB, "one item of upscale takes 46 GiB"),),
        devices={"cuda:0": DeviceForecast(11 * GIB, 2, 162.5), "host": DeviceForecast(0, 0, 10.0)},
        seconds=168.5,
    )


def test_lines_are_these(problem, schedule):
    assert "\n".join(placement_lines(problem, schedule)) == (
        """\
staged: the stages take turns, about 2:48 min
stage    calls  device  order  mode      batch  weights  working memory  which is       time  which is
decode     100  cpu                          1                                          10 s  measured
segment    100  cuda:0      1  resident      8  5.0 GiB         5.0 GiB  measured       50 s  measured
animate    100  cuda:0      2  swap          4  6.0 GiB         5.0 GiB  estimated  1:52 min  assumed

cuda:0: peak 11.0 GiB of 12.0 GiB, 2 model loads, at work for 2:42 min
    from  until  model   mode      weights  loaded from                          then
  0.00 s  54 s   sam2.1  resident  5.0 GiB  disk                                 dropped
    54 s  end    svd-xt  swap      6.0 GiB  host memory, read ahead from 4.00 s  stays

refused: one item of upscale takes 46 GiB"""
    )


def test_nothing_is_said_where_nothing_is_to_run(problem):
    idle = replace(problem, stages=tuple(replace(stage, count=0) for stage in problem.stages))
    empty = Schedule("flow", (None,) * 5, (), (), (), (), (), {}, 0.0)
    assert list(placement_lines(idle, empty)) == []


def test_stage_on_two_devices_has_a_line_for_each_with_its_calls(problem, schedule):
    devices = (*problem.devices, Device("cuda:1", "cuda", 24 * GIB))
    names = ("cuda:0", "cuda:1")
    both = StagePlacement(names, dict.fromkeys(names, "swap"), {"cuda:0": 2, "cuda:1": 4}, 7)
    parts = (Block(2, "cuda:0", 0, 35, 56.0, 99.0), Block(2, "cuda:1", 35, 65, 8.0, 90.0))
    shared = replace(
        schedule,
        policy="split",
        stages=(*schedule.stages[:2], both, None, None),
        blocks=(*schedule.blocks[:3], *parts),
    )
    lines = list(placement_lines(replace(problem, devices=devices), shared))
    assert lines[0].startswith("split: each device has stages of its own")
    animate = [line.split() for line in lines if line.startswith("animate")]
    assert [(row[1], row[2], row[5]) for row in animate] == [("35", "cuda:0", "2"), ("65", "cuda:1", "4")]


def test_last_batch_counts_with_the_items_that_are_left_for_it(problem, schedule):
    shares = placement_json(problem, schedule)["schedule"]["stages"][2]["devices"]
    assert shares[0]["seconds"] == 25 * 4.5
    fewer = (*schedule.blocks[:3], Block(2, "cuda:0", 0, 10, 56.0, 68.0))
    shares = placement_json(problem, replace(schedule, blocks=fewer))["schedule"]["stages"][2]["devices"]
    assert shares[0]["seconds"] == 2 * 4.5 + 2.5


def test_model_that_comes_back_has_a_stay_for_each_time(schedule):
    again = replace(
        schedule,
        loads=(*schedule.loads, Load("a", "cuda:0", "resident", "disk", 170.0, 174.0)),
        evictions=(*schedule.evictions, Eviction("b", "cuda:0", "host", 170.0)),
    )
    stays = residences(again, "cuda:0")
    assert [(stay.load.model, stay.until, stay.to) for stay in stays] == [
        ("a", 54.0, "dropped"),
        ("b", 170.0, "host"),
        ("a", None, None),
    ]


def test_long_lists_are_cut_and_counted(problem, schedule):
    loads = tuple(Load("a", "cuda:0", "resident", "disk", 10.0 * n, 10.0 * n + 1) for n in range(60))
    gone = tuple(Eviction("a", "cuda:0", "dropped", 10.0 * n + 9) for n in range(60))
    many = replace(schedule, loads=loads, evictions=gone, refused=schedule.refused * 25)
    lines = list(placement_lines(problem, many))
    assert "  ... and 36 more stays" in lines
    assert lines[-1] == "... and 1 more refused stage"


def test_json_holds_stages_stays_and_refusals(problem, schedule):
    told = json.loads(json.dumps(placement_json(problem, schedule)))
    assert list(told) == ["schedule"]
    assert told["schedule"]["policy"] == "staged"
    stages = {stage["stage"]: stage for stage in told["schedule"]["stages"]}
    assert stages["decode"]["devices"][0]["device"] == "cpu"
    assert stages["upscale"]["devices"] == []
    assert stages["segment"]["devices"] == [
        {
            "device": "cuda:0",
            "calls": 100,
            "order": 1,
            "mode": "resident",
            "batch": 8,
            "weights": 5 * GIB,
            "working": 5 * GIB,
            "memory_basis": "measured",
            "seconds": 50.0,
            "time_basis": "measured",
        }
    ]
    assert [(stay["model"], stay["until"], stay["read_ahead"]) for stay in told["schedule"]["models"]] == [
        ("sam2.1", 54.0, None),
        ("svd-xt", None, 4.0),
    ]
    assert told["schedule"]["refused"] == [
        {
            "stage": "upscale",
            "need": 46 * GIB,
            "device": "cuda:0",
            "budget": 12 * GIB,
            "message": "one item of upscale takes 46 GiB",
        }
    ]


def test_names_from_files_cannot_steer_the_terminal(problem, schedule):
    evil = tuple(replace(stage, id=f"{stage.id}\x1b[2J") for stage in problem.stages)
    lines = "\n".join(placement_lines(replace(problem, stages=evil), schedule))
    assert "\x1b" not in lines

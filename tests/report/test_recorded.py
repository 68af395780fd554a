"""What is read back of a run's log."""

from __future__ import annotations

import json

import pytest

from nodegraph.events.types import CallDone, RunStarted
from nodegraph.report.recorded import device_events


@pytest.fixture
def write_log(tmp_path):
    def write(events, tail=""):
        path = tmp_path / "events.jsonl"
        lines = [json.dumps(event.as_json(), ensure_ascii=False) for event in events]
        path.write_text("\n".join([*lines, tail]), encoding="utf-8")
        return path

    return write


@pytest.mark.parametrize("log", ["flow", "staged", "out_of_memory"])
def test_events_of_devices_come_back_as_they_were_written(log, request, write_log):
    events = request.getfixturevalue(log)
    assert list(device_events(write_log(events))) == events


def test_other_events_are_left_out(flow, write_log):
    other = [RunStarted(0.0, 1, "g", (("a", "t"),), 2), CallDone(1.0, "call-placed", "x", 0.5)]
    assert list(device_events(write_log([*other, *flow[:3]]))) == flow[:3]


@pytest.mark.parametrize(
    "tail",
    ['{"event": "call-placed", "time": 1.0, "no', '{"event": "memory-tracked", "time": "soon"}', "\x00"],
)
def test_damaged_line_is_left_out(tail, flow, write_log):
    assert list(device_events(write_log(flow[:3], tail))) == flow[:3]


def test_log_that_is_not_there_holds_nothing(tmp_path):
    assert list(device_events(tmp_path / "events.jsonl")) == []

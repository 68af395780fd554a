"""What a run placed, written and read back."""

from __future__ import annotations

import json

import pytest

from nodegraph.place.problem import Cost, Device, Model, Problem, Stage
from nodegraph.place.record import RecordError, pack_problem, unpack_problem

PROBLEM = Problem(
    devices=(Device("cuda:0", "cuda", 8 << 30), Device("host", "host", 0, 4)),
    models={"m": Model("m", "a model", {"resident": 9, "swap": 4}, 0.1, 0.01)},
    stages=(
        Stage("one", 3, ("m",), (), (), {"cuda": {"swap": Cost(1, 2, 0.3, 0.4, "measured", "estimated")}}, 8),
        Stage("two", 3, (), (0,), (0,), {"host": {"resident": Cost(0, 0, 0.0, 0.5)}}),
    ),
    host_bytes=77,
    in_flight=5,
)


def test_problem_comes_back_as_it_was():
    assert unpack_problem(pack_problem(PROBLEM)) == PROBLEM


def edited(**given):
    return json.dumps(json.loads(pack_problem(PROBLEM)) | given).encode()


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"[]",
        pack_problem(PROBLEM)[:-9],
        edited(host_bytes="much"),
        edited(models={}),
        edited(in_flight=0),
    ],
)
def test_damaged_record_is_refused(packed):
    with pytest.raises(RecordError, match=r"its placement.json is damaged: .*; run the graph again"):
        unpack_problem(packed)

"""Nodes that take batches get as many items as fit, and results do not depend on how many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodegraph.events import CallPlaced
from tests.placement.conftest import MIB, Bench, Spec, accelerator, named, placed_first

SAID = 3 * MIB
"""Bytes that an item works in, as the node says."""


def batched(
    matrices: list[Path], items: int, *, said: int = SAID, bad: list[int] | None = None
) -> dict[str, Spec]:
    return {
        "numbers": ("placement.numbers", {}, {"count": items}),
        "model": named(matrices[0], "placement.matrix"),
        "times": (
            "placement.multiply_all",
            {"numbers": "numbers", "model": "model"},
            {"item_bytes": said, "bad": bad or []},
        ),
    }


@pytest.mark.parametrize(("room", "fits"), [(1, 1), (2, 2), (5, 5), (9, 9)])
def test_a_batch_is_as_large_as_the_budget_lets_it_be(
    bench: Bench, matrices: list[Path], room: int, fits: int
) -> None:
    budget = 16 * MIB + room * SAID + MIB
    ran = bench.run(batched(matrices, 18), devices=[accelerator(budget)])
    assert ran.run.ok, ran.run.errors
    planned = next(stage for stage in placed_first(ran).stages if stage.node == "times")
    assert planned.batch == fits
    assert max(ran.batches("times")) == fits
    assert sum(ran.batches("times")) == 18
    assert ran.did("batch") == ran.batches("times")


def test_a_batch_is_no_larger_than_the_items_there_are(bench: Bench, matrices: list[Path]) -> None:
    ran = bench.run(batched(matrices, 5, said=1), devices=[accelerator(64 * MIB)])
    assert sum(ran.batches("times")) == 5
    assert max(ran.batches("times")) <= 5


def painted(pipelines: list[Path], seeds: list[int]) -> dict[str, Spec]:
    return {
        "pictures": ("placement.pictures", {}, {"seeds": seeds, "side": 48}),
        "model": named(pipelines[0], "placement.pipeline"),
        "paint": ("placement.paint", {"image": "pictures", "model": "model"}, {"side": 128}),
    }


def test_pictures_come_out_equal_to_the_bit_whatever_shares_their_batch_in_every_mode(
    bench: Bench, pipelines: list[Path]
) -> None:
    # A picture works in 0.56 MiB, and 0.19 MiB besides; weights take 12, 4 or 1 MiB.
    nodes = painted(pipelines, list(range(9)))
    found: list[dict[str, np.ndarray]] = []
    ways: list[tuple[str, int]] = []
    for place, mib in enumerate((2, 7, 40)):
        ran = bench.run(nodes, devices=[accelerator(mib * MIB)], store=f"store{place}")
        assert ran.run.ok, ran.run.errors
        ways.append(max((call.mode, call.batch) for call in ran.of(CallPlaced)))
        found.append({item.key: item.value.pixels for item in ran.run.items("paint")})
    assert ways[0] == ("offload", 1)
    assert ways[1][0] == "swap"
    assert 1 < ways[1][1] < 9
    assert ways[2] == ("resident", 9)
    for others in found[1:]:
        assert others.keys() == found[0].keys()
        for key, pixels in others.items():
            np.testing.assert_array_equal(pixels, found[0][key])


def test_pictures_of_a_batch_are_remembered_one_by_one(bench: Bench, pipelines: list[Path]) -> None:
    budget = [accelerator(32 * MIB)]
    bench.run(painted(pipelines, [0, 1, 2, 3]), devices=budget)
    ran = bench.run(painted(pipelines, [9, 3, 1, 8]), devices=budget)
    assert ran.counts("paint") == "2 executed 2 cached"
    assert sum(ran.did("batch")) == 2


def test_a_bad_item_in_a_batch_fails_alone(bench: Bench, matrices: list[Path]) -> None:
    ran = bench.run(
        batched(matrices, 12, bad=[7]),
        {"times": "times"},
        devices=[accelerator(16 * MIB + 13 * SAID)],
        jobs=1,
    )
    assert not ran.run.ok
    assert [(error.node, error.item, error.message) for error in ran.run.errors] == [
        ("times", "7", "7 is bad")
    ]
    assert ran.counts("times") == "11 executed 1 failed"
    values = {item.key: item.value for item in ran.run.items("times")}
    assert values == {str(number): 2 * number for number in range(12) if number != 7}
    again = bench.run(batched(matrices, 12, bad=[7]), devices=[accelerator(16 * MIB + 13 * SAID)], jobs=1)
    assert again.counts("times") == "11 cached 1 failed"
    assert again.did("batch") == [1]

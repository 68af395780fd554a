"""Tiny real models on the CPU under a budget of 60 % of their sum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nodegraph import Context
from nodegraph.events import MemoryTracked
from nodes.tiny import restyle
from nodes.types import Image
from tests.placement.conftest import MIB, Bench, Ran, Spec, named, placed_first

SEEDS = list(range(6))
LARGE = "cpu=256MiB"


def chain(folders: list[Path], seeds: list[int]) -> dict[str, Spec]:
    """Pictures pass one model after the other."""
    nodes: dict[str, Spec] = {"pictures": ("placement.pictures", {}, {"seeds": seeds})}
    last = "pictures"
    for folder in folders:
        name = folder.name
        nodes[name] = named(folder, "placement.pipeline")
        nodes[f"paint_{name}"] = ("placement.paint", {"image": last, "model": name}, {})
        last = f"paint_{name}"
    return nodes


def small(models: int) -> str:
    """A budget of 60 % of the sum of so many pipelines of 12 MiB."""
    return f"cpu={int(0.6 * models * 12 * MIB)}"


def pixels(ran: Ran, node: str) -> Mapping[str, np.ndarray]:
    return {item.key: item.value.pixels for item in ran.run.items(node)}


def require_equal(left: Mapping[str, np.ndarray], right: Mapping[str, np.ndarray]) -> None:
    assert left.keys() == right.keys()
    for key, array in left.items():
        np.testing.assert_array_equal(array, right[key])


def test_three_models_under_sixty_percent_of_their_sum_complete_with_one_load_each(
    bench: Bench, pipelines: list[Path]
) -> None:
    ran = bench.run(chain(pipelines, SEEDS), devices=small(3))
    assert ran.run.ok, ran.run.errors
    assert ran.loads() == {"a": 1, "b": 1, "c": 1}
    assert sum(ran.batches("paint_c")) == len(SEEDS)
    forecast = placed_first(ran)
    assert [device.loads for device in forecast.devices if device.name == "cpu"] == [3]


def test_results_are_those_of_a_large_budget_and_of_the_functions_called_directly(
    bench: Bench, pipelines: list[Path]
) -> None:
    nodes = chain(pipelines[:2], SEEDS)
    tight = bench.run(nodes, devices=small(2))
    ample = bench.run(nodes, devices=LARGE, store="other")
    for node in ("paint_a", "paint_b"):
        require_equal(pixels(tight, node), pixels(ample, node))
    seed_of = dict(tight.did("seed"))
    assert seed_of == dict(ample.did("seed"))
    inputs = pixels(tight, "pictures")
    for name, folder in zip("ab", pipelines, strict=False):
        ref = Context.for_test().find_model("placement.pipeline", folder)
        seeds = [seed_of[array.tobytes()] for array in inputs.values()]
        context = Context.for_test(seed=seeds)
        made = restyle([Image(array) for array in inputs.values()], ref, side=32, ctx=context)
        outputs = pixels(tight, f"paint_{name}")
        require_equal(outputs, {key: image.pixels for key, image in zip(inputs, made, strict=True)})
        inputs = outputs


def test_second_run_executes_nothing_and_a_new_picture_runs_one_item_a_node(
    bench: Bench, pipelines: list[Path]
) -> None:
    first = bench.run(chain(pipelines[:2], SEEDS), devices=small(2))
    again = bench.run(chain(pipelines[:2], SEEDS), devices=small(2))
    assert again.did("batch") == []
    assert again.loads() == {}
    assert [again.counts(node) for node in ("paint_a", "paint_b")] == [f"{len(SEEDS)} cached"] * 2
    more = bench.run(chain(pipelines[:2], [*SEEDS, 99]), devices=small(2))
    assert more.did("batch") == [1, 1]
    assert [more.counts(node) for node in ("paint_a", "paint_b")] == [f"1 executed {len(SEEDS)} cached"] * 2
    assert more.loads() == {"a": 1, "b": 1}
    before = pixels(first, "paint_b")
    require_equal(before, {key: array for key, array in pixels(more, "paint_b").items() if key in before})


def test_a_model_that_cannot_be_loaded_is_tried_once_and_fails_every_item_by_name(
    bench: Bench, matrices: list[Path]
) -> None:
    nodes: dict[str, Spec] = {
        "numbers": ("placement.numbers", {}, {"count": 5}),
        "model": named(matrices[0], "placement.broken"),
        "times": ("placement.multiply", {"number": "numbers", "model": "model"}, {}),
    }
    ran = bench.run(nodes, devices="cpu=100MiB")
    assert ran.counts("times") == "5 failed"
    assert len(ran.did("load")) == 1
    for error in ran.run.errors:
        assert "placement.broken" in error.message
        assert "RuntimeError: no such layer" in error.message


def test_differing_estimates_of_items_are_each_reckoned_with(bench: Bench, matrices: list[Path]) -> None:
    nodes: dict[str, Spec] = {
        "numbers": ("placement.numbers", {}, {"count": 4}),
        "model": named(matrices[0], "placement.matrix"),
        "times": ("placement.grow", {"number": "numbers", "model": "model"}, {}),
    }
    ran = bench.run(nodes, devices="cpu=100MiB", jobs=1)
    assert ran.run.ok, ran.run.errors
    tracked = {event.tracked // MIB for event in ran.of(MemoryTracked)}
    assert {16 + number for number in range(4)} <= tracked

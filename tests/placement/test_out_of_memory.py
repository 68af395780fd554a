"""Devices that run out of memory, or are lost, with the errors of torch: what is tried, what is learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodegraph.events import OutOfMemory, Warned
from nodegraph.place.problem import Device
from tests.placement.conftest import MIB, Bench, Ran, Spec, accelerator, named, placed_first, ran_out
from tests.run.fake_allocator import FakeDevice

MakeFake = Callable[[str, int], FakeDevice]


def guzzling(
    folder: Path, items: int, *, said: int, real: int, large: list[int] | None = None
) -> dict[str, Spec]:
    """Numbers through a node that says it takes `said` MiB an item, and takes `real`."""
    return {
        "numbers": ("placement.numbers", {}, {"count": items}),
        "model": named(folder, "placement.counted"),
        "guzzle": (
            "placement.guzzle",
            {"numbers": "numbers", "model": "model"},
            {"said": said, "real": real, "large": large or []},
        ),
    }


def tried(ran: Ran) -> list[Any]:
    """(device, batch) of each attempt."""
    return ran.did("try")


@pytest.mark.parametrize("name", ["fake:0", "cpu"])
def test_a_batch_that_runs_out_is_halved_until_it_fits_and_the_next_run_begins_there(
    bench: Bench, counted: list[Path], fake: MakeFake, name: str
) -> None:
    fake(name, 100)
    devices = [Device(name, "fake", 100 * MIB)]
    # 36 MiB beside the weights: 8 items as it is said, 3 as it is.
    nodes = guzzling(counted[0], 8, said=4, real=10)
    first = bench.run(nodes, {"out": "guzzle"}, devices=devices, jobs=1)
    assert first.run.ok, first.run.errors
    assert {item.value for item in first.run.items("guzzle")} == set(range(1, 9))
    assert tried(first)[0] == (name, 8)
    assert "4 at a time" in ran_out(first)
    assert "2 at a time" in ran_out(first)
    events = first.of(OutOfMemory)
    assert all(event.budget == 100 * MIB < event.need and event.device == name for event in events)
    second = bench.run(guzzling(counted[0], 16, said=4, real=10), {"out": "guzzle"}, devices=devices, jobs=1)
    assert second.run.ok
    assert ran_out(second) == []
    assert second.counts("guzzle") == "8 executed 8 cached"
    planned = next(stage for stage in placed_first(second).stages if stage.node == "guzzle")
    assert 1 <= planned.batch <= 3


def test_making_room_keeps_the_model_that_the_calls_use(
    bench: Bench, counted: list[Path], fake: MakeFake
) -> None:
    fake("fake:0", 100)
    nodes = guzzling(counted[0], 12, said=4, real=10)
    ran = bench.run(nodes, devices=[accelerator(100 * MIB)], jobs=1)
    assert ran_out(ran)
    assert ran.loads() == {"c64": 1}


def test_models_that_are_not_in_use_make_room_first(
    bench: Bench, counted: list[Path], fake: MakeFake
) -> None:
    fake("fake:0", 100)
    # Both models fit, with what the second node says; not with what it takes.
    nodes = guzzling(counted[1], 1, said=1, real=1) | {
        "other": named(counted[1].parent / "c64", "placement.counted"),
        "second": ("placement.guzzle", {"numbers": "guzzle", "model": "other"}, {"said": 1, "real": 30}),
    }
    ran = bench.run(nodes, {"out": "second"}, devices=[accelerator(100 * MIB)], jobs=1)
    assert ran.run.ok, ran.run.errors
    assert ran_out(ran) == ["again, with everything else off the device"]


def test_one_item_that_does_not_fit_beside_the_weights_runs_in_a_leaner_mode(
    bench: Bench, counted: list[Path], fake: MakeFake
) -> None:
    fake("fake:0", 100)
    # 64, 32 and 8 MiB of weights.
    ran = bench.run(
        guzzling(counted[0], 3, said=1, real=60), {"out": "guzzle"}, devices=[accelerator(100 * MIB)], jobs=1
    )
    assert ran.run.ok, ran.run.errors
    assert any("in mode swap" in then for then in ran_out(ran))
    assert not any("offload" in then for then in ran_out(ran))
    assert ("fake:0", "swap") in ran.did("load")
    again = bench.run(
        guzzling(counted[0], 5, said=1, real=60), {"out": "guzzle"}, devices=[accelerator(100 * MIB)], jobs=1
    )
    assert again.run.ok
    assert ran_out(again) == []


def test_what_fits_in_no_mode_of_a_device_runs_on_another(
    bench: Bench, counted: list[Path], fake: MakeFake
) -> None:
    fake("fake:0", 100)
    fake("fake:1", 400)
    devices = [accelerator(100 * MIB), Device("fake:1", "slow", 400 * MIB)]
    ran = bench.run(guzzling(counted[0], 4, said=1, real=150), {"out": "guzzle"}, devices=devices, jobs=2)
    assert ran.run.ok, ran.run.errors
    assert ran.counts("guzzle") == "4 executed"
    assert {device for device, _ in ran.did("done")} == {"fake:1"}


@pytest.mark.parametrize("name", ["fake:0", "cpu"])
def test_an_item_that_fits_nowhere_fails_with_numbers_and_remedies_and_the_others_are_done(
    bench: Bench, counted: list[Path], fake: MakeFake, name: str
) -> None:
    fake(name, 100)
    nodes = guzzling(counted[0], 12, said=4, real=4, large=[5])
    ran = bench.run(nodes, {"out": "guzzle"}, devices=[Device(name, "fake", 100 * MIB)], jobs=2)
    assert not ran.run.ok
    assert ran.counts("guzzle") == "11 executed 1 failed"
    (error,) = ran.run.errors
    assert (error.node, error.item) == ("guzzle", "5")
    for told in (
        f"out of memory on {name}",
        "mode offload",
        "100.0 MiB",
        "8.0 MiB",
        "what would help",
        "--devices",
    ):
        assert told in error.message
    assert "the item fails" in ran_out(ran)


def test_a_device_that_is_lost_hands_its_calls_to_the_other(
    bench: Bench, counted: list[Path], fake: MakeFake
) -> None:
    fake("fake:0", 100)
    fake("fake:1", 100)
    nodes = breaking(counted[0], 40)
    devices = [accelerator(100 * MIB), accelerator(100 * MIB, "fake:1")]
    ran = bench.run(nodes, {"out": "break"}, devices=devices, jobs=2)
    assert ran.run.ok, ran.run.errors
    assert ran.counts("break") == "40 executed"
    lost = [event.message for event in ran.of(Warned) if "lost" in event.message]
    assert lost
    assert all("fake:0" in message for message in lost)


def test_the_only_device_that_is_lost_fails_its_calls_by_name_and_the_rest_completes(
    bench: Bench, counted: list[Path], fake: MakeFake
) -> None:
    fake("fake:0", 100)
    nodes = breaking(counted[0], 12) | {
        "ranks": ("placement.rank", {"number": "numbers"}, {}),
        "total": ("placement.total", {"numbers": "ranks"}, {}),
    }
    ran = bench.run(nodes, {"out": "break", "sum": "total"}, devices=[accelerator(100 * MIB)], jobs=2)
    assert not ran.run.ok
    assert ran.run.value("total") == sum(range(12))
    assert {error.node for error in ran.run.errors} == {"break"}
    assert all("fake:0" in error.message or "device" in error.message for error in ran.run.errors)
    report = ran.run.nodes["break"]
    assert report.failed
    assert report.executed + report.failed == 12


def breaking(folder: Path, items: int) -> dict[str, Spec]:
    """Numbers through a node during which the first device is lost."""
    return {
        "numbers": ("placement.numbers", {}, {"count": items}),
        "model": named(folder, "placement.counted"),
        "break": (
            "placement.break_device",
            {"numbers": "numbers", "model": "model"},
            {"said": 8, "device": "fake:0"},
        ),
    }

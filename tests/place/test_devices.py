"""What `--devices` says, and what is refused."""

from __future__ import annotations

import re

import pytest

from nodegraph.place.devices import (
    DeviceError,
    names_only_host,
    read_devices,
    refuse_simulated,
    warnings_of,
)
from nodegraph.place.found import GIB, Found, Process
from nodegraph.place.problem import Device
from nodegraph.place.sizes import parse_size

CPU = Found("cpu", "cpu", "x86_64", 16 * GIB, 12 * GIB, others=4 * GIB, lanes=8)
FIRST = Found(
    "cuda:0", "cuda", "H100", 80 * GIB, 60 * GIB, others=20 * GIB, processes=(Process(7, 19 * GIB),)
)
SECOND = Found("cuda:1", "cuda", "H100", 80 * GIB, 80 * GIB)
FULL = Found("cuda:1", "cuda", "H100", 80 * GIB, GIB // 4, others=80 * GIB - GIB // 4)
USELESS = Found("cuda:0", "cuda", "H100", 80 * GIB, 80 * GIB, unusable="torch is not installed")
MACHINE = (FIRST, SECOND, CPU)
CPU_BUDGET = 12 * GIB - 16 * GIB // 10


def budgets(spec: str, *found: Found) -> dict[str, int]:
    return {device.name: device.budget for device in read_devices(spec, found or MACHINE)}


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [
        ("1024", 1024),
        ("4GiB", 4 * GIB),
        ("1.5GiB", 3 * GIB // 2),
        ("500MB", 500_000_000),
        ("2k", 2000),
        ("2ki", 2048),
        (" 7 b ", 7),
    ],
)
def test_sizes_are_read(text: str, nbytes: int) -> None:
    assert parse_size(text) == nbytes


@pytest.mark.parametrize(
    "text", ["", "GiB", "-1", "0", "0.4", "4 parsecs", "1e9", "4iB", "4\u212a", "\u0664GiB", "9" * 400, "nan"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_auto_takes_what_is_free_of_every_device_less_a_reserve() -> None:
    assert read_devices("auto", MACHINE) == (
        Device("cuda:0", "cuda", 60 * GIB - GIB // 2, 1),
        Device("cuda:1", "cuda", 80 * GIB - GIB // 2, 1),
        Device("cpu", "cpu", CPU_BUDGET, 8),
    )


def test_auto_leaves_out_what_is_full_or_cannot_be_used_and_says_so() -> None:
    found = (USELESS, FULL, CPU)
    devices = read_devices("auto", found)
    assert [device.name for device in devices] == ["cpu"]
    useless, full = warnings_of(devices, found, "auto")
    assert useless == "device 'cuda:0' is not used: torch is not installed"
    assert full.startswith("device 'cuda:1' is not used: 256.0 MiB of 80.0 GiB free, 79.8 GiB used by others")


def test_auto_of_a_machine_that_is_full_is_refused() -> None:
    with pytest.raises(DeviceError, match="no device has memory left for calls; cuda:1 are full"):
        read_devices("auto", [FULL])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("cpu", {"cpu": CPU_BUDGET}),
        ("cpu=4GiB", {"cpu": 4 * GIB}),
        ("cuda:1", {"cuda:1": 80 * GIB - GIB // 2}),
        ("cuda", {"cuda:0": 60 * GIB - GIB // 2, "cuda:1": 80 * GIB - GIB // 2}),
        ("cuda=10GiB", {"cuda:0": 10 * GIB, "cuda:1": 10 * GIB}),
        (
            "cuda:0=10GiB,cuda:1,cpu=4GiB",
            {"cuda:0": 10 * GIB, "cuda:1": 80 * GIB - GIB // 2, "cpu": 4 * GIB},
        ),
        (" cpu = 4GiB", None),
        (" cpu , cuda:0=1GiB ", {"cpu": CPU_BUDGET, "cuda:0": GIB}),
        ("sim:24GiB,sim:8GiB", {"sim:0": 24 * GIB, "sim:1": 8 * GIB}),
        ("sim:24GiB,cpu=1GiB,sim:8 GiB", {"sim:0": 24 * GIB, "cpu": GIB, "sim:1": 8 * GIB}),
    ],
)
def test_devices_are_read_in_the_order_written(spec: str, expected: dict[str, int] | None) -> None:
    if expected is None:
        with pytest.raises(DeviceError, match="is not a device"):
            budgets(spec)
    else:
        assert list(budgets(spec).items()) == list(expected.items())


def test_simulated_devices_cost_what_cuda_costs() -> None:
    assert read_devices("sim:1GiB", MACHINE) == (Device("sim:0", "cuda", GIB),)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cuda:7", "this machine has no device 'cuda:7'; it has cuda:0, cuda:1, cpu. nodegraph doctor says"),
        ("tpu", "this machine has no device 'tpu'; it has cuda:0, cuda:1, cpu"),
        ("cpu,cpu=1GiB", "device 'cpu' is named twice in 'cpu,cpu=1GiB'"),
        ("cuda,cuda:1", "device 'cuda:1' is named twice"),
        ("cpu=lots", "device 'cpu': 'lots' is not a size; write it like 50GiB"),
        ("cpu=0", "device 'cpu': '0' is not a size"),
        ("cpu=", "'cpu=' is not a device; write auto, or names"),
        ("", "'' is not a device"),
        ("cpu,", "'' is not a device"),
        ("CPU", "'CPU' is not a device"),
        ("auto,cpu", "'auto': auto stands alone"),
        ("sim", "'sim': sim needs a size, such as sim:24GiB"),
        ("sim:0", "'sim:0' is not a simulated device: '0' is not a size"),
        ("sim:", "'sim:' is not a simulated device: '' is not a size"),
        (
            "cpu=32GiB",
            "device 'cpu' has 16.0 GiB (17,179,869,184 bytes) in all, and a budget of 32GiB is more than",
        ),
    ],
)
def test_wrong_specification_is_refused_with_what_there_is(spec: str, message: str) -> None:
    with pytest.raises(DeviceError, match=re.escape(message)):
        read_devices(spec, MACHINE)


def test_named_device_that_is_full_is_refused_with_who_fills_it() -> None:
    crowded = Found(
        "cuda:0",
        "cuda",
        "H100",
        80 * GIB,
        0,
        others=80 * GIB,
        processes=(Process(7, 79 * GIB), Process(8, None)),
    )
    with pytest.raises(DeviceError) as refused:
        read_devices("cuda:0", [crowded, CPU])
    assert str(refused.value) == (
        "device 'cuda:0': 0 B of 80.0 GiB free, 80.0 GiB used by others (pid 7: 79.0 GiB, pid 8) leave no "
        "budget beside a reserve of 512.0 MiB; end what uses it, or write a budget: cuda:0=SIZE"
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cuda:0", "device 'cuda:0' cannot be used: torch is not installed"),
        ("cuda", "no device 'cuda' can be used: torch is not installed"),
    ],
)
def test_device_that_cannot_be_used_is_refused_with_the_reason(spec: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        read_devices(spec, [USELESS, CPU])


def test_budget_above_what_is_free_now_is_taken_with_a_warning() -> None:
    devices = read_devices("cuda:0=70GiB,cpu=12GiB", MACHINE)
    assert [device.budget for device in devices] == [70 * GIB, 12 * GIB]
    (warning,) = warnings_of(devices, MACHINE, "cuda:0=70GiB,cpu=12GiB")
    assert warning == (
        "device 'cuda:0': the budget of 70.0 GiB (75,161,927,680 bytes) is more than the 60.0 GiB "
        "(64,424,509,440 bytes) that can be had now, 20.0 GiB used by others (pid 7: 19.0 GiB); "
        "calls may run out of memory"
    )


def test_what_this_process_holds_already_can_be_had() -> None:
    mine = Found("cuda:0", "cuda", "H100", 80 * GIB, 20 * GIB, own=50 * GIB, others=10 * GIB)
    devices = read_devices("cuda:0=70GiB", [mine])
    assert warnings_of(devices, [mine], "cuda:0=70GiB") == ()
    assert read_devices("auto", [mine])[0].budget == 70 * GIB - GIB // 2


def test_simulated_devices_are_refused_where_calls_run() -> None:
    refuse_simulated(read_devices("cpu", MACHINE), MACHINE)
    with pytest.raises(
        DeviceError, match=r"sim:0, sim:1: simulated .* run no calls; this machine has cuda:0"
    ):
        refuse_simulated(read_devices("sim:1GiB,cpu,sim:2GiB", MACHINE), MACHINE)


@pytest.mark.parametrize(
    ("spec", "only"),
    [
        ("cpu", True),
        ("cpu=4GiB, sim:8GiB", True),
        ("auto", False),
        ("cpu,cuda:0", False),
        ("cpuset", False),
        ("tpu", False),
    ],
)
def test_other_devices_are_looked_for_only_where_they_may_be_named(spec: str, only: bool) -> None:
    assert names_only_host(spec) is only

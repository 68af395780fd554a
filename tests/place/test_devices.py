"""What `--devices` says, and what is refused."""

from __future__ import annotations

import pytest

from nodegraph.place.devices import DeviceError, available, parse_devices
from nodegraph.place.sizes import parse_size

GIB = 1 << 30
MACHINE = {"cpu": 16 * GIB}


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [("1024", 1024), ("4GiB", 4 * GIB), ("1.5GiB", 3 * GIB // 2), ("500MB", 500_000_000), ("2k", 2000)],
)
def test_sizes_are_read(text: str, nbytes: int) -> None:
    assert parse_size(text) == nbytes


@pytest.mark.parametrize("text", ["", "GiB", "-1", "0", "4 parsecs", "1e9"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        parse_size(text)


def test_auto_takes_every_device_whole() -> None:
    assert parse_devices("auto", MACHINE) == MACHINE


def test_a_budget_limits_a_device() -> None:
    assert parse_devices("cpu=4GiB", MACHINE) == {"cpu": 4 * GIB}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cuda:0", "this machine has no device 'cuda:0'; it has cpu"),
        ("cpu,cpu=1GiB", "named twice"),
        ("cpu=lots", "'lots' is not a size"),
        ("cpu=32GiB", "is more than that"),
        ("", "is not a device"),
        ("CPU", "is not a device"),
    ],
)
def test_a_wrong_specification_is_refused_with_what_there_is(spec: str, message: str) -> None:
    with pytest.raises(DeviceError, match=message):
        parse_devices(spec, MACHINE)


def test_this_machine_has_a_cpu_with_memory() -> None:
    assert available()["cpu"] > 0

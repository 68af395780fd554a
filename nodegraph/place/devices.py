"""Devices and their budgets: what `--devices` says, checked against what the machine has."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from nodegraph.place.sizes import parse_size

_ENTRY = re.compile(r"(?P<name>[a-z]+(?::\d+)?)(?:=(?P<budget>.+))?")


class DeviceError(ValueError):
    """A device specification that cannot be followed; the message says what there is."""


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available() -> Mapping[str, int]:
    """The devices of this machine and their memory in bytes."""
    return {"cpu": memory_bytes()}


def parse_devices(spec: str, available: Mapping[str, int]) -> Mapping[str, int]:
    """The devices that calls may use, with their budgets in bytes.

    Args:
        spec: `auto`, or names with optional budgets: `cpu`, `cpu=4GiB`.
        available: what the machine has, with its memory in bytes.

    Raises:
        DeviceError: if a device is unknown or named twice, or a budget is no size or more than there is.
    """
    if spec == "auto":
        return dict(available)
    budgets: dict[str, int] = {}
    for entry in spec.split(","):
        match = _ENTRY.fullmatch(entry.strip())
        if match is None:
            raise DeviceError(f"{entry!r} is not a device; write auto, cpu, or cpu=4GiB")
        name, budget = match["name"], match["budget"]
        if name not in available:
            raise DeviceError(f"this machine has no device {name!r}; it has {', '.join(available)}")
        if name in budgets:
            raise DeviceError(f"device {name!r} is named twice in {spec!r}")
        budgets[name] = available[name] if budget is None else _budget(name, budget, available[name])
    return budgets


def _budget(name: str, text: str, there: int) -> int:
    try:
        budget = parse_size(text)
    except ValueError as error:
        raise DeviceError(f"device {name!r}: {error}") from None
    if budget > there:
        raise DeviceError(f"device {name!r} has {there} bytes; a budget of {text} is more than that")
    return budget

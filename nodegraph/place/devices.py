"""Devices and their budgets: what `--devices` says, checked against what the machine has."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from nodegraph.place.found import Found
from nodegraph.place.problem import Device
from nodegraph.place.sizes import parse_size
from nodegraph.show.wording import size_text

GRAMMAR = "auto, or names with or without a budget, such as cuda:0=10GiB,cuda:1,cpu=4GiB"
_SIMULATED = "sim:"
_ENTRY = re.compile(r"(?P<name>[a-z]+(?::\d+)?)(?:=(?P<budget>.+))?", re.ASCII)


class DeviceError(ValueError):
    """A device specification that cannot be followed; the message says what there is."""


def read_devices(spec: str, found: Sequence[Found]) -> tuple[Device, ...]:
    """The devices that calls may use, with their budgets, in the order written.

    `auto` takes every device of the machine that can be used. Otherwise the specification lists, with commas:

    - `cpu`, `mps`, `cuda:0`: a device; `cuda`: every CUDA device that can be used;
    - `cuda:0=10GiB`: with a limit to what weights and working memory take together. Without one it is what is
      free now less a reserve (`Found.auto_budget`);
    - `sim:24GiB`: a CUDA device with that budget which is not there. They are named `sim:0`, `sim:1` and on.

    Raises:
        DeviceError: if a device is unknown, unusable, full or named twice, or a budget is no size or more
            than the device has in all.
    """
    if spec.strip() == "auto":
        usable = tuple(_device(device) for device in found if not _left_out(device))
        if not usable:
            raise DeviceError(f"no device has memory left for calls; {_names(found)} are full")
        return usable
    devices: list[Device] = []
    simulated = 0
    for entry in map(str.strip, spec.split(",")):
        if entry.startswith(_SIMULATED):
            devices.append(Device(f"{_SIMULATED}{simulated}", "cuda", _simulated_budget(entry)))
            simulated += 1
        else:
            devices += _named(entry, found)
    names = [device.name for device in devices]
    for name in names:
        if names.count(name) > 1:
            raise DeviceError(f"device {name!r} is named twice in {spec!r}")
    return tuple(devices)


def names_only_host(spec: str) -> bool:
    """Whether a specification names only the cpu and simulated devices, so that no other need be found."""
    return all(re.match(r"cpu\b|sim:", entry.strip()) for entry in spec.split(","))


def warnings_of(devices: Sequence[Device], found: Sequence[Found], spec: str) -> tuple[str, ...]:
    """What a user should know before a run: budgets above what is free now, and what `auto` left out."""
    return tuple(_warnings(devices, found, spec))


def is_simulated(device: Device) -> bool:
    """Whether a device is one that is only planned for."""
    return device.name.startswith(_SIMULATED)


def refuse_simulated(devices: Sequence[Device], found: Sequence[Found]) -> None:
    """Refuse devices that are not there, for what runs calls.

    Raises:
        DeviceError: if one is simulated.
    """
    simulated = [device.name for device in devices if is_simulated(device)]
    if simulated:
        raise DeviceError(
            f"{', '.join(simulated)}: simulated devices are for plan and bench placement and run no calls; "
            f"this machine has {_names(found)}"
        )


def _warnings(devices: Sequence[Device], found: Sequence[Found], spec: str) -> Iterator[str]:
    budgets = {device.name: device.budget for device in devices}
    for device in found:
        budget, room = budgets.get(device.name, 0), device.free + device.own
        if budget > room:
            yield (
                f"device {device.name!r}: the budget of {_exact(budget)} is more than the {_exact(room)} "
                f"that can be had now{used_by(device)}; calls may run out of memory"
            )
        if spec.strip() == "auto" and (reason := _left_out(device)):
            yield f"device {device.name!r} is not used: {reason}"


def used_by(device: Found) -> str:
    """Who else uses a device, as the rest of a sentence; "" if nobody does."""
    if not device.others:
        return ""
    told = [
        f"pid {process.pid}" + ("" if process.nbytes is None else f": {size_text(process.nbytes)}")
        for process in device.processes
    ]
    return f", {size_text(device.others)} used by others" + (f" ({', '.join(told)})" if told else "")


def _left_out(device: Found) -> str:
    """Why `auto` does not take a device, or ""."""
    if device.unusable:
        return device.unusable
    if device.auto_budget:
        return ""
    return (
        f"{size_text(device.free)} of {size_text(device.total)} free{used_by(device)} leave no budget "
        f"beside a reserve of {size_text(device.reserve)}"
    )


def _named(entry: str, found: Sequence[Found]) -> list[Device]:
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise DeviceError(f"{entry!r} is not a device; write {GRAMMAR}")
    name, budget = match["name"], match["budget"]
    if name in ("auto", "sim"):
        stands = "stands alone" if name == "auto" else "needs a size, such as sim:24GiB"
        raise DeviceError(f"{entry!r}: {name} {stands}; write {GRAMMAR}")
    if name == "cuda":
        usable = [device for device in found if device.kind == "cuda" and not device.unusable]
    else:
        usable = [device for device in found if device.name == name]
    if not usable:
        raise DeviceError(_unknown(name, found))
    return [_device(device, budget) for device in usable]


def _unknown(name: str, found: Sequence[Found]) -> str:
    reasons = {device.unusable for device in found if device.kind == name and device.unusable}
    if reasons:
        return f"no device {name!r} can be used: {'; '.join(sorted(reasons))}"
    return (
        f"this machine has no device {name!r}; it has {_names(found)}. nodegraph doctor says what was found; "
        f"plan takes sim:24GiB for a device that is not there"
    )


def _device(device: Found, budget: str | None = None) -> Device:
    if device.unusable:
        raise DeviceError(f"device {device.name!r} cannot be used: {device.unusable}")
    if budget is not None:
        nbytes = _written_budget(device, budget)
    elif reason := _left_out(device):
        raise DeviceError(
            f"device {device.name!r}: {reason}; end what uses it, or write a budget: {device.name}=SIZE"
        )
    else:
        nbytes = device.auto_budget
    return Device(device.name, device.kind, nbytes, device.lanes)


def _written_budget(device: Found, text: str) -> int:
    try:
        budget = parse_size(text)
    except ValueError as error:
        raise DeviceError(f"device {device.name!r}: {error}") from None
    if budget > device.total:
        raise DeviceError(
            f"device {device.name!r} has {_exact(device.total)} in all, and a budget of {text} is more than "
            f"that; {_exact(device.free + device.own)} can be had now"
        )
    return budget


def _simulated_budget(entry: str) -> int:
    try:
        return parse_size(entry.removeprefix(_SIMULATED))
    except ValueError as error:
        raise DeviceError(f"{entry!r} is not a simulated device: {error}; such as sim:24GiB") from None


def _names(found: Sequence[Found]) -> str:
    return ", ".join(device.name for device in found)


def _exact(nbytes: int) -> str:
    return f"{size_text(nbytes)} ({nbytes:,} bytes)"

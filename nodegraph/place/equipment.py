"""What a run may use of the machine: devices with budgets, and host memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nodegraph.place.problem import Device


@dataclass(frozen=True, slots=True)
class Equipment:
    """What a run may use.

    Attributes:
        devices: where calls that use models may run; none if there are no such calls.
        host_bytes: host memory for models that are on no device.
        held_bytes: host memory for values that wait for later nodes at most; None is not limited here.
        warnings: what a user should know of the devices.
    """

    devices: tuple[Device, ...] = ()
    host_bytes: int = 0
    held_bytes: int | None = None
    warnings: tuple[str, ...] = ()


def equipment(spec: str, *, uses_models: bool, is_run: bool) -> Equipment:
    """Find what `--devices` names on this machine.

    Calls that use models run one at a time on each device, on the cpu too: each uses all of it.

    Args:
        spec: see `nodegraph.place.devices.read_devices`.
        uses_models: whether there are calls that need a device; a run without them asks for none.
        is_run: for a run, which simulated devices cannot make.

    Raises:
        DeviceError: if a device is not there, or a budget is more than it has.
    """
    if is_run and not uses_models and spec == "auto":
        return Equipment()
    from nodegraph.place.devices import names_only_host, read_devices, refuse_simulated, warnings_of
    from nodegraph.place.discovery import find_devices, this_machine
    from nodegraph.place.host import find_cpu, this_host

    if names_only_host(spec):
        found = (find_cpu(this_host()),)
    else:
        found = find_devices(this_machine(may_import_torch=uses_models))
    devices = read_devices(spec, found)
    if is_run:
        refuse_simulated(devices, found)
    host = found[-1].auto_budget
    return Equipment(
        devices=tuple(replace(device, lanes=1) for device in devices),
        host_bytes=host // 2,
        held_bytes=next((device.budget for device in devices if device.kind == "cpu"), host),
        warnings=warnings_of(devices, found, spec),
    )

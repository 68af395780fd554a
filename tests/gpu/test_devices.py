"""What the driver tells about real devices, beside what torch tells."""

from __future__ import annotations

from nodegraph.place.discovery import discover, find_devices, this_machine
from nodegraph.place.found import CONTEXT_BYTES, GIB


def test_driver_and_torch_agree_on_devices_and_memory(cuda_devices: int) -> None:
    import torch

    torch.cuda.init()
    machine = this_machine()
    assert machine.nvml is not None, "NVML is there wherever CUDA is, but for boards and AMD cards"
    devices = [device for device in find_devices(machine) if device.kind == "cuda"]
    assert [device.name for device in devices] == [f"cuda:{index}" for index in range(cuda_devices)]
    for index, device in enumerate(devices):
        free, total = torch.cuda.mem_get_info(index)
        assert device.product == torch.cuda.get_device_properties(index).name
        assert abs(device.total - total) <= 0.02 * total
        assert abs(device.free - free) <= max(CONTEXT_BYTES, 0.02 * total)
        assert device.unusable == ""


def test_memory_that_this_process_takes_is_not_that_of_others(cuda_devices: int) -> None:
    import torch

    torch.zeros(1, device="cuda:0")
    before = next(device for device in find_devices(this_machine()) if device.name == "cuda:0")
    taken = torch.empty(GIB, dtype=torch.uint8, device="cuda:0")
    after = next(device for device in find_devices(this_machine()) if device.name == "cuda:0")
    del taken
    torch.cuda.empty_cache()
    assert before.free - after.free >= GIB - GIB // 8
    assert after.own - before.own >= GIB - GIB // 8
    assert abs(after.others - before.others) <= GIB // 8
    assert abs(after.auto_budget - before.auto_budget) <= GIB // 8


def test_driver_says_its_version(cuda_devices: int) -> None:
    driver = discover(this_machine()).cuda.driver
    assert driver is not None
    assert driver.version
    assert len(driver.cards) >= cuda_devices

"""What a machine has that calls can run on."""

from __future__ import annotations

import contextlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass

from nodegraph.place.cuda import CudaDevices, find_cuda
from nodegraph.place.found import Found
from nodegraph.place.host import Host, find_cpu, this_host
from nodegraph.place.nvml import NvmlLibrary, driver_may_be_there, load_nvml
from nodegraph.place.torch_devices import TorchBuild, TorchDevices, import_torch, loaded_torch, torch_build


@dataclass(frozen=True, slots=True)
class Machine:
    """Whom to ask about a machine.

    Attributes:
        host: about its memory.
        driver: whether there is a trace of an NVIDIA driver.
        nvml: about its NVIDIA cards; None asks nobody.
        torch: about what torch sees; None asks nobody.
        build: the torch that is installed, if any.
        environ: the variables that choose among the cards.
        pid: of this process.
    """

    host: Host
    driver: bool
    nvml: NvmlLibrary | None
    torch: TorchDevices | None
    build: TorchBuild | None
    environ: Mapping[str, str]
    pid: int


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found; `found` has devices that are not the cpu first, the cpu last."""

    found: tuple[Found, ...]
    cuda: CudaDevices


def this_machine(*, may_import_torch: bool = False) -> Machine:
    """The machine that this process runs on.

    A torch that is imported already is asked as well. Where it alone can tell (a build for AMD cards, a Mac,
    a driver that NVML does not reach), it is imported if that is allowed, which takes seconds.
    """
    build = torch_build()
    driver = driver_may_be_there()
    nvml = load_nvml() if driver else None
    torch = loaded_torch()
    if torch is None and may_import_torch and build is not None and _torch_alone_tells(build, driver, nvml):
        with contextlib.suppress(ImportError, OSError):
            torch = import_torch()
    return Machine(this_host(), driver, nvml, torch, build, os.environ, os.getpid())


def find_devices(machine: Machine) -> tuple[Found, ...]:
    """The devices of a machine: CUDA, Apple's GPU, and at last the cpu."""
    return discover(machine).found


def discover(machine: Machine) -> Discovered:
    """The devices of a machine, and what its driver says."""
    cuda = find_cuda(machine.nvml, machine.torch, machine.build, machine.environ, machine.pid)
    cpu = find_cpu(machine.host)
    return Discovered((*cuda.found, *_find_mps(machine.torch), cpu), cuda)


def _torch_alone_tells(build: TorchBuild, driver: bool, nvml: NvmlLibrary | None) -> bool:
    return (
        platform.system() == "Darwin"
        or build.accelerator.startswith("ROCm")
        or (bool(build.accelerator) and driver and nvml is None)
    )


def _find_mps(torch: TorchDevices | None) -> tuple[Found, ...]:
    card = None if torch is None else torch.mps()
    if card is None:
        return ()
    others = max(0, card.total - card.free - card.held)
    return (Found("mps", "mps", card.product, card.total, card.free, card.held, others),)

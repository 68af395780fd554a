"""What a person should know about a machine's devices: what is there, and what keeps it from being used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nodegraph.place.cuda import ORDER, VISIBLE, visible_cards
from nodegraph.place.devices import used_by
from nodegraph.place.discovery import Discovered, Machine
from nodegraph.place.found import Found
from nodegraph.place.nvml import Driver
from nodegraph.place.torch_devices import TorchBuild
from nodegraph.show.wording import counted, size_text


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that was looked at: what, what was found, and what is wrong with it (or "")."""

    topic: str
    found: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class TorchSight:
    """How many CUDA devices torch says there are, or why it could not be imported to say so (else "")."""

    devices: int
    error: str = ""


def remarks(machine: Machine, discovered: Discovered, sight: TorchSight | None) -> tuple[Remark, ...]:
    """What there is to say about driver, torch and devices.

    Args:
        machine: who was asked.
        discovered: what was found.
        sight: what torch says itself; None if it was not asked.
    """
    driver = discovered.cuda.driver
    return (
        _driver(machine, discovered),
        *_choice(machine, driver),
        _torch(machine, driver, sight),
        *(Remark(f"device {device.name}", found_text(device), _full(device)) for device in discovered.found),
    )


def found_text(device: Found) -> str:
    """A device in one line: product, memory, who uses it, and the budget it has without one written out."""
    lanes = [counted(device.lanes, "core")] if device.kind == "cpu" else []
    parts = [
        *([device.product] if device.product else []),
        *lanes,
        f"{size_text(device.total)} memory",
        f"{size_text(device.free)} free{used_by(device)}",
    ]
    last = f"not used: {device.unusable}" if device.unusable else f"budget {size_text(device.auto_budget)}"
    return f"{', '.join(parts)}; {last}"


def device_json(device: Found) -> dict[str, Any]:
    """A device for programs; sizes in bytes, `budget` the one that it has without one written out."""
    return {
        "name": device.name,
        "kind": device.kind,
        "product": device.product,
        "total": device.total,
        "free": device.free,
        "others": device.others,
        "processes": [{"pid": process.pid, "bytes": process.nbytes} for process in device.processes],
        "budget": 0 if device.unusable else device.auto_budget,
        "unusable": device.unusable,
    }


def _driver(machine: Machine, discovered: Discovered) -> Remark:
    topic, driver = "NVIDIA driver", discovered.cuda.driver
    if driver is not None:
        return Remark(topic, f"{driver.version}, {counted(len(driver.cards), 'card')}")
    if not machine.driver:
        return Remark(topic, "none")
    if machine.nvml is None:
        return Remark(topic, "there, but nvidia-ml-py is not installed; pip install 'nodegraph[models]'")
    wrong = (
        f"{discovered.cuda.error}; see whether nvidia-smi works, and restart after an update of the driver"
    )
    return Remark(topic, "does not answer", wrong)


def _choice(machine: Machine, driver: Driver | None) -> Iterator[Remark]:
    """What the variables that choose among the cards do."""
    visible = machine.environ.get(VISIBLE)
    if visible is not None:
        yield Remark(VISIBLE, visible or '""', _hidden(driver, visible))
    if driver is not None and machine.environ.get(ORDER, "PCI_BUS_ID") != "PCI_BUS_ID":
        unlike = len({card.product for card in driver.cards}) > 1
        wrong = "CUDA may number these cards otherwise than nodegraph; unset it, or set it to PCI_BUS_ID"
        yield Remark(ORDER, machine.environ[ORDER], wrong if unlike else "")


def _hidden(driver: Driver | None, visible: str) -> str:
    if driver is None or not driver.cards:
        return ""
    cards = counted(len(driver.cards), "card")
    seen = len(visible_cards(driver.cards, visible))
    if not seen:
        return f"hides all of {cards}; unset it, or list the numbers of cards to use: {VISIBLE}=0"
    if seen < visible.count(",") + 1:
        return f"names what is not there: of {cards}, {seen} can be seen; CUDA stops at the first wrong name"
    return ""


def _torch(machine: Machine, driver: Driver | None, sight: TorchSight | None) -> Remark:
    build = machine.build
    if build is None:
        return Remark("torch", "not installed")
    cards = 0 if driver is None else len(visible_cards(driver.cards, machine.environ.get(VISIBLE)))
    found = f"{build.version}, {f'built for {build.accelerator}' if build.accelerator else 'without CUDA'}"
    if sight is not None and not sight.error:
        found = f"{found}, sees {counted(sight.devices, 'CUDA device')}"
    return Remark("torch", found, _torch_wrong(build, cards, sight, driver))


def _torch_wrong(build: TorchBuild, cards: int, sight: TorchSight | None, driver: Driver | None) -> str:
    if sight is not None and sight.error:
        return f"does not load: {sight.error}; install it anew"
    if cards and not build.accelerator:
        return f"is built without CUDA, so {counted(cards, 'card')} cannot be used; install a build with CUDA"
    if sight is not None and driver is not None and sight.devices < cards:
        return (
            f"sees {sight.devices} of {counted(cards, 'card')}; the driver {driver.version} may be too old "
            f"for {build.accelerator}: update it, or install a torch that is built for an older CUDA"
        )
    return ""


def _full(device: Found) -> str:
    if device.unusable or device.auto_budget:
        return ""
    return f"no memory is left for calls{used_by(device)}; end what uses it"

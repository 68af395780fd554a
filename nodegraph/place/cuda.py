"""CUDA devices as CUDA numbers them: the driver's cards that `CUDA_VISIBLE_DEVICES` lets this process see."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from nodegraph.place.found import Found
from nodegraph.place.nvml import Card, Driver, NvmlError, NvmlLibrary, ask_driver
from nodegraph.place.torch_devices import TorchBuild, TorchCard, TorchDevices

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"


def number_by_address(environ: MutableMapping[str, str]) -> None:
    """Have CUDA number devices as the driver does; to be called before anything begins to use CUDA."""
    environ.setdefault(ORDER, "PCI_BUS_ID")


@dataclass(frozen=True, slots=True)
class CudaDevices:
    """CUDA on this machine.

    Attributes:
        driver: None where none answers.
        error: why none answers, in NVML's words, or "".
        found: the devices that this process sees.
    """

    driver: Driver | None
    error: str
    found: tuple[Found, ...]


def find_cuda(
    nvml: NvmlLibrary | None,
    torch: TorchDevices | None,
    build: TorchBuild | None,
    environ: Mapping[str, str],
    pid: int,
) -> CudaDevices:
    """The CUDA devices that this process sees.

    The driver is asked; torch, if it is handed in, where the driver does not answer, and for the numbers of
    the devices where it has begun to use CUDA. Otherwise cards are numbered by PCI address, as CUDA does with
    `CUDA_DEVICE_ORDER=PCI_BUS_ID`.

    Args:
        nvml: None if it is not to be asked.
        torch: an imported torch; None if there is none.
        build: the torch that is installed; without one built for CUDA, no device can be used.
        environ: of this process.
        pid: of this process, whose own use is not that of others.
    """
    driver, error = _ask(nvml)
    unusable = _unusable(build)
    if driver is None:
        found = () if torch is None or unusable else tuple(map(_from_torch, *_numbered(torch.cuda())))
        return CudaDevices(None, error, found)
    cards = visible_cards(driver.cards, environ.get(VISIBLE))
    if torch is not None and torch.cuda_begun():
        known = {_plain(card.uuid): card for card in cards}
        seen = torch.cuda()
        found = tuple(
            _joined(index, card, known.get(_plain(card.uuid)), pid) for index, card in enumerate(seen)
        )
    else:
        found = tuple(_from_driver(index, card, pid, 0, unusable) for index, card in enumerate(cards))
    return CudaDevices(driver, "", found)


def visible_cards(cards: Sequence[Card], visible: str | None) -> tuple[Card, ...]:
    """The cards that CUDA lets a process see, in its order.

    Args:
        cards: all there are, by PCI address.
        visible: `CUDA_VISIBLE_DEVICES`: numbers or beginnings of UUIDs, of which those after the first that
            names nothing are not seen, and none if one is named twice; None shows all. Of a divided card
            (MIG) CUDA shows the first instance, unless the UUID of another is given.
    """
    if visible is None:
        return tuple(map(_first_instance, cards))
    named = list(_named(cards, visible))
    return tuple(named) if len({card.uuid for card in named}) == len(named) else ()


def _named(cards: Sequence[Card], visible: str) -> Iterator[Card]:
    for entry in map(str.strip, visible.split(",")):
        if entry.startswith("MIG-"):
            fits = [part for card in cards for part in card.instances if part.uuid.startswith(entry)]
        elif entry.startswith("GPU-"):
            fits = [card for card in cards if card.uuid.startswith(entry)]
        else:
            number = re.match(r"\d+", entry, re.ASCII)
            fits = list(cards[int(number[0]) :][:1]) if number else []
        if len(fits) != 1:
            return
        yield _first_instance(fits[0])


def _first_instance(card: Card) -> Card:
    return card.instances[0] if card.instances else card


def _ask(nvml: NvmlLibrary | None) -> tuple[Driver | None, str]:
    if nvml is None:
        return None, ""
    try:
        return ask_driver(nvml), ""
    except NvmlError as error:
        return None, str(error)


def _unusable(build: TorchBuild | None) -> str:
    if build is None:
        return "torch is not installed; pip install 'nodegraph[models]'"
    if not build.accelerator:
        return f"torch {build.version} is built without CUDA; install a build of torch with CUDA"
    return ""


def _joined(index: int, seen: TorchCard, card: Card | None, pid: int) -> Found:
    """A device that torch uses already, with what the driver knows about it."""
    return _from_torch(index, seen) if card is None else _from_driver(index, card, pid, seen.held, "")


def _from_driver(index: int, card: Card, pid: int, held: int, unusable: str) -> Found:
    own = max(held, *(process.nbytes or 0 for process in card.processes if process.pid == pid), 0)
    return Found(
        f"cuda:{index}",
        "cuda",
        card.product,
        card.total,
        card.free,
        own,
        others=max(0, card.total - card.free - own),
        processes=tuple(process for process in card.processes if process.pid != pid),
        unusable=unusable,
    )


def _numbered(cards: Sequence[TorchCard]) -> tuple[range, Sequence[TorchCard]]:
    return range(len(cards)), cards


def _from_torch(index: int, card: TorchCard) -> Found:
    others = max(0, card.total - card.free - card.held)
    return Found(f"cuda:{index}", "cuda", card.product, card.total, card.free, card.held, others=others)


def _plain(uuid: str) -> str:
    return uuid.removeprefix("GPU-").lower()

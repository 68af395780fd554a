"""CUDA devices from what the driver and torch tell: numbers, memory, and who uses them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from nodegraph.place.cuda import find_cuda, number_by_address, visible_cards
from nodegraph.place.discovery import find_devices, this_machine
from nodegraph.place.found import GIB, Found, Process
from nodegraph.place.nvml import Card
from nodegraph.place.torch_devices import ImportedTorch, TorchBuild, TorchCard, read_build
from tests.place.recorded import (
    H100,
    MIB,
    OWN_PID,
    RTX,
    WITH_CUDA,
    WITHOUT_CUDA,
    RecordedCard,
    RecordedNvml,
    RecordedTorch,
    recorded_machine,
)

CARDS = (H100, RTX)


def found(
    *cards: RecordedCard,
    torch: RecordedTorch | None = None,
    build: TorchBuild | None = WITH_CUDA,
    old: bool = False,
    **environ: str,
) -> tuple[Found, ...]:
    return find_cuda(RecordedNvml(cards, old=old), torch, build, environ, OWN_PID).found


def test_cards_have_their_memory_without_what_the_driver_keeps_for_itself() -> None:
    first, second = found(*CARDS)
    assert (first.name, first.kind, first.product, first.lanes) == ("cuda:0", "cuda", H100.name, 1)
    assert (first.total, first.free) == ((81559 - 551) * MIB, (81559 - 551 - 9000) * MIB)
    assert (first.others, first.processes) == (9000 * MIB, (Process(100, 8000 * MIB),))
    assert (second.name, second.processes) == ("cuda:1", ())
    assert first.auto_budget == first.free - GIB // 2


def test_older_driver_tells_memory_with_what_it_keeps() -> None:
    (card,) = found(RTX, old=True)
    assert (card.total, card.free) == (RTX.total, RTX.total - RTX.reserved - RTX.used)


def test_what_this_process_holds_is_not_that_of_others_and_counts_for_the_budget() -> None:
    mine = replace(H100, compute=((100, 5000 * MIB), (OWN_PID, 4000 * MIB)))
    (card,) = found(mine)
    assert (card.own, card.others, card.processes) == (
        4000 * MIB,
        5000 * MIB,
        (Process(100, 5000 * MIB),),
    )
    assert card.auto_budget == card.free + 4000 * MIB - GIB // 2


def test_process_that_computes_and_draws_is_told_once_and_unknown_use_is_told_as_such() -> None:
    card = replace(H100, compute=((7, 300), (8, None)), graphics=((7, 500), (9, 10)))
    assert found(card)[0].processes == (Process(7, 500), Process(8, None), Process(9, 10))


def test_driver_that_tells_no_processes_still_tells_memory() -> None:
    (card,) = found(replace(H100, tells_processes=False))
    assert (card.processes, card.others) == ((), 9000 * MIB)


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, "abc"),
        ("", ""),
        ("-1", ""),
        ("NoDevFiles", ""),
        ("2,0", "ca"),
        (" 1 , 2", "bc"),
        ("0,9,1", "a"),
        ("0,-1,1", "a"),
        ("1,1", ""),
        ("GPU-b", "b"),
        ("GPU-c0,GPU-a0", "ca"),
        ("GPU-", ""),
        ("GPU-x,GPU-a0", ""),
        ("0,GPU-c", "ac"),
    ],
)
def test_cuda_visible_devices_chooses_and_orders_cards_as_cuda_does(visible: str | None, names: str) -> None:
    cards = [Card(f"GPU-{name}0", "card", 1, 1) for name in "abc"]
    assert "".join(card.uuid[4] for card in visible_cards(cards, visible)) == names


def test_divided_card_gives_its_first_instance_or_the_one_that_is_named() -> None:
    parts = tuple(RecordedCard(f"MIG-{n}", f"H100 MIG {n}", 10 * GIB, 0, n * GIB) for n in (1, 2))
    divided = replace(H100, instances=parts)
    (card,) = found(divided)
    assert (card.product, card.total, card.free) == ("H100 MIG 1", 10 * GIB, 9 * GIB)
    (named,) = found(divided, RTX, CUDA_VISIBLE_DEVICES="MIG-2")
    assert (named.name, named.product) == ("cuda:0", "H100 MIG 2")


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (WITHOUT_CUDA, "torch 2.13.0+cpu is built without CUDA"),
        (None, "torch is not installed; pip install 'nodegraph[models]'"),
    ],
)
def test_cards_that_torch_cannot_use_are_found_with_the_reason(build: TorchBuild | None, reason: str) -> None:
    (card,) = found(H100, build=build)
    assert reason in card.unusable


def test_torch_that_uses_cuda_settles_the_numbers_and_what_is_held() -> None:
    seen = tuple(
        TorchCard(card.uuid.upper(), card.name, card.total, GIB, held)
        for card, held in ((RTX, 3 * MIB), (H100, 0))
    )
    first, second = found(*CARDS, torch=RecordedTorch(seen, begun=True))
    assert (first.product, first.own, first.others) == (RTX.name, 3 * MIB, MIB)
    assert (second.product, second.processes) == (H100.name, (Process(100, 8000 * MIB),))


def test_torch_that_has_not_begun_with_cuda_is_not_asked() -> None:
    other = RecordedTorch((TorchCard("GPU-z", "other", GIB, GIB, 0),), begun=False)
    assert [card.product for card in found(*CARDS, torch=other)] == [H100.name, RTX.name]


def test_device_that_the_driver_does_not_know_is_taken_from_torch() -> None:
    seen = RecordedTorch((TorchCard("", "odd one", 8 * GIB, 5 * GIB, GIB),), begun=True)
    (card,) = found(H100, torch=seen)
    assert (card.product, card.total, card.own, card.others) == ("odd one", 8 * GIB, GIB, 2 * GIB)


def test_driver_that_does_not_answer_gives_its_error_and_what_torch_sees() -> None:
    nvml = RecordedNvml(trouble="Driver/library version mismatch")
    cuda = find_cuda(nvml, None, WITH_CUDA, {}, OWN_PID)
    assert (cuda.driver, cuda.error, cuda.found) == (None, "Driver/library version mismatch", ())
    torch = RecordedTorch((TorchCard("GPU-z", "AMD Instinct", 8 * GIB, 5 * GIB, 0),))
    (card,) = find_cuda(nvml, torch, WITH_CUDA, {}, OWN_PID).found
    assert (card.name, card.product, card.others) == ("cuda:0", "AMD Instinct", 3 * GIB)


def test_driver_is_let_go_of_after_it_was_asked() -> None:
    nvml = RecordedNvml(CARDS)
    find_cuda(nvml, None, WITH_CUDA, {}, OWN_PID)
    assert nvml.begun == 0


def test_machine_lists_cuda_then_apple_then_cpu(tmp_path: Path) -> None:
    apple = RecordedTorch(apple=TorchCard("", "Apple GPU", 12 * GIB, 10 * GIB, 2 * GIB))
    machine = recorded_machine(tmp_path, RecordedNvml([RTX]), torch=apple)
    devices = find_devices(machine)
    assert [(device.name, device.kind) for device in devices] == [
        ("cuda:0", "cuda"),
        ("mps", "mps"),
        ("cpu", "cpu"),
    ]
    assert devices[1].auto_budget == 12 * GIB - 12 * GIB // 10


def test_numbers_by_address_unless_the_user_says_otherwise() -> None:
    for environ, order in (({}, "PCI_BUS_ID"), ({"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}, "FASTEST_FIRST")):
        number_by_address(environ)
        assert environ == {"CUDA_DEVICE_ORDER": order}


def test_build_of_torch_is_read_and_not_run() -> None:
    text = "import os\nos.abort()\n__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\nhip = None\n"
    assert read_build(text) == TorchBuild("2.13.0+cu130", "CUDA 13.0")
    assert read_build("__version__ = '2.9'\ncuda = None\nhip = '6.4'") == TorchBuild("2.9", "ROCm 6.4")
    assert read_build("") == TorchBuild("", "")


def imported_torch(*, cuda: bool, mps: bool) -> ImportedTorch:
    """A module with the functions of torch that are asked."""
    properties = SimpleNamespace(name="NVIDIA L4", uuid="3333-cc")
    return ImportedTorch(
        SimpleNamespace(
            cuda=SimpleNamespace(
                is_available=lambda: cuda,
                is_initialized=lambda: cuda,
                device_count=lambda: 1,
                get_device_properties=lambda index: properties,
                mem_get_info=lambda index: (20 * GIB, 22 * GIB),
                memory_reserved=lambda index: GIB,
            ),
            backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: mps)),
            mps=SimpleNamespace(
                recommended_max_memory=lambda: 12 * GIB, driver_allocated_memory=lambda: 2 * GIB
            ),
        )
    )


def test_torch_is_asked_in_its_own_terms() -> None:
    torch = imported_torch(cuda=True, mps=True)
    assert torch.cuda_begun()
    assert torch.cuda() == (TorchCard("GPU-3333-cc", "NVIDIA L4", 22 * GIB, 20 * GIB, GIB),)
    assert torch.mps() == TorchCard("", "Apple GPU", 12 * GIB, 10 * GIB, 2 * GIB)
    without = imported_torch(cuda=False, mps=False)
    assert (without.cuda_begun(), without.cuda(), without.mps()) == (False, (), None)


def test_looking_for_devices_imports_no_torch() -> None:
    code = (
        "import sys\nfrom nodegraph.place.discovery import find_devices, this_machine\n"
        "assert find_devices(this_machine())[-1].name == 'cpu'\n"
        "print(*sorted({'torch', 'numpy', 'networkx'} & set(sys.modules)))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []


def test_this_machine_is_asked_with_its_own_variables_and_process() -> None:
    machine = this_machine()
    assert (machine.environ, machine.pid) == (os.environ, os.getpid())

"""What doctor says about driver, torch and devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodegraph.place.diagnosis import Remark, TorchSight, device_json, remarks
from nodegraph.place.discovery import Machine, discover
from tests.place.recorded import (
    GIB,
    H100,
    MIB,
    RTX,
    WITHOUT_CUDA,
    RecordedCard,
    RecordedNvml,
    recorded_machine,
)

FULL = RecordedCard("GPU-f", "Full", 8 * GIB, 0, 8 * GIB, ((100, 8 * GIB),))


def said(machine: Machine, sight: TorchSight | None = None) -> dict[str, Remark]:
    return {remark.topic: remark for remark in remarks(machine, discover(machine), sight)}


def wrongs(machine: Machine, sight: TorchSight | None = None) -> dict[str, str]:
    return {topic: remark.wrong for topic, remark in said(machine, sight).items() if remark.wrong}


def test_machine_that_is_well_has_every_device_in_a_line_and_nothing_wrong(tmp_path: Path) -> None:
    machine = recorded_machine(tmp_path, RecordedNvml([H100, RTX]))
    told = said(machine, TorchSight(2))
    assert {topic: remark.found for topic, remark in told.items()} == {
        "NVIDIA driver": "580.82.07, 2 cards",
        "torch": "2.13.0, built for CUDA 13.0, sees 2 CUDA devices",
        "device cuda:0": "NVIDIA H100 80GB HBM3, 79.1 GiB memory, 70.3 GiB free, 8.8 GiB used by others "
        "(pid 100: 7.8 GiB); budget 69.8 GiB",
        "device cuda:1": "NVIDIA GeForce RTX 4090, 23.6 GiB memory, 23.6 GiB free, 4.0 MiB used by others; "
        "budget 23.1 GiB",
        "device cpu": "x86_64, 8 cores, 16.0 GiB memory, 16.0 GiB free; budget 14.4 GiB",
    }
    assert wrongs(machine, TorchSight(2)) == {}


def test_machine_without_cards_and_torch_has_nothing_wrong(tmp_path: Path) -> None:
    told = said(recorded_machine(tmp_path, build=None))
    assert [(remark.topic, remark.found) for remark in told.values()][:2] == [
        ("NVIDIA driver", "none"),
        ("torch", "not installed"),
    ]
    assert not any(remark.wrong for remark in told.values())


def test_torch_without_cuda_beside_cards_is_wrong(tmp_path: Path) -> None:
    machine = recorded_machine(tmp_path, RecordedNvml([H100]), build=WITHOUT_CUDA)
    assert wrongs(machine) == {
        "torch": "is built without CUDA, so 1 card cannot be used; install a build with CUDA"
    }
    assert "not used: torch 2.13.0+cpu is built without CUDA" in said(machine)["device cuda:0"].found


def test_torch_that_sees_fewer_cards_than_the_driver_is_wrong(tmp_path: Path) -> None:
    machine = recorded_machine(tmp_path, RecordedNvml([H100, RTX]))
    assert (
        "sees 0 of 2 cards; the driver 580.82.07 may be too old for CUDA 13.0"
        in (wrongs(machine, TorchSight(0))["torch"])
    )


def test_torch_that_does_not_load_is_wrong_with_its_error(tmp_path: Path) -> None:
    sight = TorchSight(0, "libcudart.so.13: cannot open shared object file")
    assert wrongs(recorded_machine(tmp_path), sight) == {
        "torch": "does not load: libcudart.so.13: cannot open shared object file; install it anew"
    }


@pytest.mark.parametrize(
    ("visible", "wrong"),
    [
        ("", "hides all of 2 cards; unset it"),
        ("-1", "hides all of 2 cards; unset it"),
        ("1,5", "names what is not there: of 2 cards, 1 can be seen"),
        ("1,0", None),
    ],
)
def test_cards_that_are_hidden_are_told(tmp_path: Path, visible: str, wrong: str | None) -> None:
    machine = recorded_machine(tmp_path, RecordedNvml([H100, RTX]), CUDA_VISIBLE_DEVICES=visible)
    told = wrongs(machine).get("CUDA_VISIBLE_DEVICES")
    assert (told is None) if wrong is None else (told is not None and told.startswith(wrong))


def test_hidden_cards_are_no_fault_where_there_are_none(tmp_path: Path) -> None:
    assert wrongs(recorded_machine(tmp_path, CUDA_VISIBLE_DEVICES="")) == {}


def test_order_that_numbers_unlike_cards_otherwise_is_wrong(tmp_path: Path) -> None:
    def order(*cards: RecordedCard) -> dict[str, str]:
        return wrongs(recorded_machine(tmp_path, RecordedNvml(cards), CUDA_DEVICE_ORDER="FASTEST_FIRST"))

    assert list(order(H100, RTX)) == ["CUDA_DEVICE_ORDER"]
    assert order(RTX, RTX) == {}


def test_driver_that_does_not_answer_is_wrong_with_its_error(tmp_path: Path) -> None:
    machine = recorded_machine(tmp_path, RecordedNvml(trouble="Driver/library version mismatch"))
    assert wrongs(machine)["NVIDIA driver"].startswith(
        "Driver/library version mismatch; see whether nvidia-smi"
    )


def test_driver_that_cannot_be_asked_for_want_of_a_package_is_told(tmp_path: Path) -> None:
    told = said(recorded_machine(tmp_path, driver=True))["NVIDIA driver"]
    assert told.found == "there, but nvidia-ml-py is not installed; pip install 'nodegraph[models]'"
    assert told.wrong == ""


def test_card_that_others_fill_is_wrong(tmp_path: Path) -> None:
    assert wrongs(recorded_machine(tmp_path, RecordedNvml([FULL]))) == {
        "device cuda:0": "no memory is left for calls, 8.0 GiB used by others (pid 100: 8.0 GiB); "
        "end what uses it"
    }


def test_device_for_programs_has_its_sizes_in_bytes(tmp_path: Path) -> None:
    machine = recorded_machine(tmp_path, RecordedNvml([H100]))
    assert device_json(discover(machine).found[0]) == {
        "name": "cuda:0",
        "kind": "cuda",
        "product": "NVIDIA H100 80GB HBM3",
        "total": 81008 * MIB,
        "free": 72008 * MIB,
        "others": 9000 * MIB,
        "processes": [{"pid": 100, "bytes": 8000 * MIB}],
        "budget": 71496 * MIB,
        "unusable": "",
    }

"""How much memory the cpu has, from what Linux tells about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nodegraph.place.host import find_cpu, this_host
from tests.place.recorded import GIB, MIB, recorded_host

MEMINFO = "MemTotal:  16777216 kB\nMemFree:   1048576 kB\nMemAvailable:  8388608 kB\nHugePages_Total: 0\n"
STATUS = "Name:\tpython\nVmPeak:\t  999 kB\nVmRSS:\t  1048576 kB\n"


def test_memory_is_what_the_kernel_counts_as_available_not_what_is_free(tmp_path: Path) -> None:
    cpu = find_cpu(recorded_host(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/status": STATUS}))
    assert (cpu.name, cpu.kind, cpu.lanes, cpu.total, cpu.free) == ("cpu", "cpu", 8, 16 * GIB, 8 * GIB)
    assert cpu.others == 7 * GIB, "this process takes 1 GiB of what is not free itself"


def test_without_a_process_file_system_all_memory_counts_as_free(tmp_path: Path) -> None:
    cpu = find_cpu(recorded_host(tmp_path, memory=4 * GIB))
    assert (cpu.total, cpu.free, cpu.others) == (4 * GIB, 4 * GIB, 0)


def groups(folder: str, path: str, **files: object) -> dict[str, str]:
    where = f"cgroup/{folder}{path}".rstrip("/")
    return {f"{where}/{name.replace('__', '.')}": f"{text}\n" for name, text in files.items()}


V2_STAT = f"anon {2 * GIB}\nfile {GIB}\ninactive_file {512 * MIB}\n"
V1_STAT = f"inactive_file 1\ntotal_inactive_file {512 * MIB}\n"


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [
        pytest.param(
            "0::/job/step\n",
            groups("", "/job/step", memory__max=6 * GIB, memory__current=3 * GIB, memory__stat=V2_STAT),
            id="version 2, own group",
        ),
        pytest.param(
            "0::/job/step\n",
            groups("", "/job", memory__max=6 * GIB, memory__current=3 * GIB, memory__stat=V2_STAT)
            | groups("", "/job/step", memory__max="max", memory__high="max", memory__current=GIB),
            id="version 2, group around",
        ),
        pytest.param(
            "0::/job\n",
            groups(
                "",
                "/job",
                memory__max="max",
                memory__high=6 * GIB,
                memory__current=3 * GIB,
                memory__stat=V2_STAT,
            ),
            id="version 2, throttled above",
        ),
        pytest.param(
            "0::/../../outside\n",
            groups("", "", memory__max=6 * GIB, memory__current=3 * GIB, memory__stat=V2_STAT),
            id="version 2, container with the group as root",
        ),
        pytest.param(
            "9:name=systemd:/\n4:memory:/docker/1f\n0::/\n",
            groups(
                "memory",
                "/docker/1f",
                memory__limit_in_bytes=6 * GIB,
                memory__usage_in_bytes=3 * GIB,
                memory__stat=V1_STAT,
            )
            | groups("memory", "", memory__limit_in_bytes=9223372036854771712, memory__usage_in_bytes=GIB),
            id="version 1, own group",
        ),
        pytest.param(
            "4:memory:/docker/1f\n",
            groups(
                "memory",
                "",
                memory__limit_in_bytes=6 * GIB,
                memory__usage_in_bytes=3 * GIB,
                memory__stat=V1_STAT,
            ),
            id="version 1, container with the group as root",
        ),
    ],
)
def test_limit_of_a_control_group_holds_and_its_droppable_cache_counts_as_free(
    tmp_path: Path, cgroup: str, files: dict[str, str]
) -> None:
    told = {"proc/meminfo": MEMINFO, "proc/self/cgroup": cgroup, **files}
    cpu = find_cpu(recorded_host(tmp_path, told))
    assert (cpu.total, cpu.free) == (6 * GIB, 3 * GIB + 512 * MIB)


def test_control_group_wider_than_the_machine_changes_nothing(tmp_path: Path) -> None:
    files = groups("", "/job", memory__max=64 * GIB, memory__current=GIB)
    cpu = find_cpu(
        recorded_host(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/job\n", **files})
    )
    assert (cpu.total, cpu.free) == (16 * GIB, 8 * GIB)


def test_control_group_that_is_full_leaves_nothing_free(tmp_path: Path) -> None:
    files = groups("", "/job", memory__max=2 * GIB, memory__current=3 * GIB)
    cpu = find_cpu(
        recorded_host(tmp_path, {"proc/meminfo": MEMINFO, "proc/self/cgroup": "0::/job\n", **files})
    )
    assert (cpu.total, cpu.free, cpu.auto_budget) == (2 * GIB, 0, 0)


@pytest.mark.parametrize(
    ("total", "free", "budget"),
    [
        (64 * GIB, 50 * GIB, 50 * GIB - 64 * GIB // 10),
        (8 * GIB, 6 * GIB, 5 * GIB),
        (2 * GIB, GIB, GIB // 2),
    ],
    ids=["a tenth", "at least 1 GiB", "at most half of what is free"],
)
def test_budget_of_the_cpu_leaves_a_reserve(tmp_path: Path, total: int, free: int, budget: int) -> None:
    meminfo = f"MemTotal: {total // 1024} kB\nMemAvailable: {free // 1024} kB\n"
    assert find_cpu(recorded_host(tmp_path, {"proc/meminfo": meminfo})).auto_budget == budget


def test_this_machine_has_memory_and_cores() -> None:
    cpu = find_cpu(this_host())
    assert 0 < cpu.auto_budget < cpu.total
    assert cpu.free <= cpu.total
    assert cpu.lanes >= 1

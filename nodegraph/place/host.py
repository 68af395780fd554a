"""The memory of the cpu: what is free now, within the limits of the control groups of this process."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nodegraph.place.found import Found

_MEMINFO = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)


class _Files(NamedTuple):
    """Names of the files in which a version of control groups tells limits, use and details."""

    limits: tuple[str, ...]
    used: str
    cache: str


_V1 = _Files(("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_V2 = _Files(("memory.max", "memory.high"), "memory.current", "inactive_file")


@dataclass(frozen=True, slots=True)
class Host:
    """Where a machine tells about its memory.

    Attributes:
        proc: the folder of the process file system; empty or missing on systems that have none.
        cgroup: the folder where control groups are mounted.
        memory: bytes of physical memory as the system calls tell it, for where `proc` does not.
        cores: how many cores this process may use.
        product: the processor's name, or "".
    """

    proc: Path
    cgroup: Path
    memory: int
    cores: int
    product: str


def this_host() -> Host:
    """The machine that this process runs on."""
    return Host(
        proc=Path("/proc"),
        cgroup=Path("/sys/fs/cgroup"),
        memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        cores=usable_cores(),
        product=platform.machine(),
    )


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def find_cpu(host: Host) -> Found:
    """The cpu, with the memory that programs may take.

    `total` is the machine's memory or the lowest limit of a control group, `free` what the kernel counts as
    available (with caches that it can drop) or what is left below those limits. Where the system does not
    tell what is available, everything counts as free.
    """
    meminfo = {name: int(kib) * 1024 for name, kib in _MEMINFO.findall(_text(host.proc / "meminfo"))}
    total = meminfo.get("MemTotal", host.memory)
    free = min(meminfo.get("MemAvailable", total), total)
    for limit, used in _group_limits(host):
        total = min(total, limit)
        free = min(free, max(0, limit - used))
    resident = _resident(host.proc / "self/status")
    others = max(0, total - free - resident)
    return Found("cpu", "cpu", host.product, total, min(free, total), others=others, lanes=host.cores)


def _resident(status: Path) -> int:
    """Bytes of memory that this process takes."""
    told = dict(_MEMINFO.findall(_text(status)))
    return int(told.get("VmRSS", 0)) * 1024


def _group_limits(host: Host) -> Iterator[tuple[int, int]]:
    """Limit and use, without caches of files that can be dropped, of every control group around this process.

    Both versions may be there at the same time; in a container the group's own folder may be mounted in the
    place of the root, and its path then does not exist.
    """
    for line in _text(host.proc / "self/cgroup").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if not controllers:
            for root in (host.cgroup, host.cgroup / "unified"):
                yield from _limits_of(root, path, _V2)
        elif "memory" in controllers.split(","):
            for root in (host.cgroup / "memory", host.cgroup / controllers):
                yield from _limits_of(root, path, _V1)


def _limits_of(root: Path, path: str, files: _Files) -> Iterator[tuple[int, int]]:
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    for depth in range(len(parts) + 1):
        folder = root.joinpath(*parts[:depth])
        limits = [number for name in files.limits if (number := _number(folder / name)) is not None]
        if limits:
            cache = re.search(rf"^{files.cache} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
            used = _number(folder / files.used) or 0
            yield min(limits), max(0, used - (int(cache[1]) if cache else 0))


def _number(file: Path) -> int | None:
    """The number in a file; None for one that is missing or says `max`."""
    text = _text(file).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

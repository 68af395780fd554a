"""Where a module comes from: own code, an installed distribution, or what never counts.

Own code is the pack itself, wherever it lies, and every module outside of `site-packages`: a checkout
installed in editable mode changes without a new version, so its code counts and not its version.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

ENGINE = "nodegraph"
_PACKAGED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a top-level module comes from.

    Attributes:
        kind: "code" counts by its source; "distribution" by name and version; "missing" is not
            installed; "uncounted" is the standard library and the engine itself.
        label: of a distribution, name and version, such as `"numpy 2.4.1"`; else the module's name.
    """

    kind: Literal["code", "distribution", "missing", "uncounted"]
    label: str


_known: dict[str, Origin] = {}


def origin_of(top: str) -> Origin:
    """The origin of a top-level module; it is looked up, not imported."""
    if top not in _known:
        origin = _find_origin(top)
        if origin.kind == "missing":
            return origin
        _known[top] = origin
    return _known[top]


def _find_origin(top: str) -> Origin:
    if top == ENGINE:
        return Origin("uncounted", top)
    if top == "__main__":
        return Origin("code", top)
    places = _places(top)
    if places is None:
        return Origin("missing", top)
    if all(map(_is_standard, places)):
        return Origin("uncounted", top)
    packaged = next((place for place in places if not _PACKAGED.isdisjoint(place.parts)), None)
    if packaged is None:
        return Origin("code", top)
    return Origin("distribution", ", ".join(_distributions(top, packaged)) or top)


def module_file(name: str) -> Path | None:
    """The file of a module, imported or not, or None; nothing is imported to find it."""
    if (module := sys.modules.get(name)) is not None:
        file = module_attribute(module, "__file__")
        return Path(file) if file else None
    parent, _, leaf = name.rpartition(".")
    if not parent:
        spec = _find_spec(name)
        return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
    for folder in package_folders(parent):
        for candidate in (folder / leaf / "__init__.py", folder / f"{leaf}.py"):
            if candidate.is_file():
                return candidate
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            if (candidate := folder / f"{leaf}{suffix}").is_file():
                return candidate
    return None


def module_attribute(module: object, name: str) -> Any:
    """What a module holds under a name, or None; its `__getattr__` is not asked."""
    return getattr(module, "__dict__", {}).get(name)


def is_package(name: str) -> bool:
    """Whether a module is a package, with or without an `__init__.py`."""
    return bool(package_folders(name))


def package_folders(name: str) -> Sequence[Path]:
    """The folders in which the submodules of a package are looked for."""
    if (module := sys.modules.get(name)) is not None:
        return [Path(folder) for folder in module_attribute(module, "__path__") or ()]
    parent, _, leaf = name.rpartition(".")
    if not parent:
        spec = _find_spec(name)
        found = spec.submodule_search_locations if spec is not None else None
        return [Path(folder) for folder in found or ()]
    return [folder / leaf for folder in package_folders(parent) if (folder / leaf).is_dir()]


def _find_spec(top: str) -> importlib.machinery.ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


def _places(top: str) -> list[Path] | None:
    """The files or folders of a top-level module; empty if it is built in, None if there is none."""
    if top in sys.builtin_module_names:
        return []
    if (file := module_file(top)) is not None:
        return [file]
    if folders := package_folders(top):
        return list(folders)
    return [] if top in sys.modules or top in sys.stdlib_module_names else None


def _is_standard(place: Path) -> bool:
    return _PACKAGED.isdisjoint(place.parts) and any(
        place.is_relative_to(folder) for folder in _standard_folders()
    )


@lru_cache(maxsize=1)
def _standard_folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple({Path(paths[name]) for name in ("stdlib", "platstdlib")})


def _distributions(top: str, place: Path) -> list[str]:
    """Name and version of the distributions in the folder of `place` that ship a top-level module.

    `importlib.metadata.packages_distributions` parses every record, which takes a quarter of a second;
    here records are searched as text, and the distribution of the same name first.
    """
    depth = max(index for index, part in enumerate(place.parts) if part in _PACKAGED)
    folder = Path(*place.parts[: depth + 1])
    listed = sorted(folder.glob("*.dist-info"))
    named = [info for info in listed if _distribution_name(info) == _canonical(top)]
    return list(_shipping(top, named)) or list(_shipping(top, listed))


def _shipping(top: str, listed: Sequence[Path]) -> Iterator[str]:
    ships = re.compile(rb"^" + re.escape(top.encode()) + rb"[/.]", re.MULTILINE)
    for info in listed:
        record = info / "RECORD"
        if record.is_file() and ships.search(record.read_bytes()):
            yield f"{_distribution_name(info)} {info.stem.partition('-')[2]}"


def _distribution_name(info: Path) -> str:
    return _canonical(info.stem.partition("-")[0])


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

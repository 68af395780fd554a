"""Where the models of this process lie: from a fingerprint to the folder that it was taken from."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nodegraph.models.errors import ModelError
from nodegraph.models.layout import model_files
from nodegraph.types.builtin import ModelRef


@dataclass(frozen=True, slots=True)
class Source:
    """A place where a model lies.

    Attributes:
        source: the hub id or folder, as the user named it.
        revision: the hub's commit, or "".
        path: the folder or weight file.
        stats: size and modification time (ns) of each of its files, by relative name, as they were when the
            fingerprint was taken.
    """

    source: str
    revision: str
    path: Path
    stats: Mapping[str, tuple[int, int]]


_lock = threading.Lock()
_sources: dict[str, dict[Path, Source]] = {}


def register(fingerprint: str, source: Source) -> None:
    """Note where a model lies. Of several places with the same content, the last one noted comes first."""
    with _lock:
        places = _sources.setdefault(fingerprint, {})
        places.pop(source.path, None)
        places[source.path] = source


def locate(ref: ModelRef) -> Path:
    """The folder or weight file of a model.

    Raises:
        ModelError: if this process has not looked for the model, or its files were moved or changed since.
    """
    places = _places(ref)
    if not places:
        raise ModelError(
            f"model {described(ref)}: where it lies is not known in this process; make the ref by "
            f"ctx.find_model(...), in a node with @node(..., pure=False) that runs every time"
        )
    for place in places:
        if _is_unchanged(place, ref.variant):
            return place.path
    raise ModelError(
        f"model {described(ref)}: its files at {places[0].path} were moved or changed while the run went on; "
        f"run again"
    )


def named(ref: ModelRef) -> ModelRef:
    """The ref with `source` and `revision` where they are known in this process, else as it is."""
    places = _places(ref)
    return replace(ref, source=places[0].source, revision=places[0].revision) if places else ref


def described(ref: ModelRef) -> str:
    """A model for people: its kind, and its source or the beginning of its fingerprint."""
    source = named(ref).source
    return f"{ref.kind} {source or ref.fingerprint[:12] or '(no fingerprint)'}"


def file_stat(path: Path) -> tuple[int, int]:
    """Size and modification time (ns) of a file; links are followed."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


def _places(ref: ModelRef) -> list[Source]:
    """Newest first."""
    with _lock:
        return list(reversed(_sources.get(ref.fingerprint, {}).values()))


def _is_unchanged(place: Source, variant: str) -> bool:
    try:
        found = {name: file_stat(path) for name, path in model_files(place.path, variant).items()}
    except (OSError, ModelError):
        return False
    return found == place.stats

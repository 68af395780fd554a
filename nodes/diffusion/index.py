"""What `model_index.json` says of a pipeline: its class and its parts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from nodegraph.models import ModelError
from nodes.libraries import library

INDEX = "model_index.json"


@dataclass(frozen=True)
class Part:
    """A part of a pipeline.

    Attributes:
        name: such as "unet"; also the name of its folder.
        type: its class, of diffusers or transformers.
        folder: where it lies.
    """

    name: str
    type: type[Any]
    folder: Path


@dataclass(frozen=True)
class Index:
    """What a pipeline is built of.

    Attributes:
        class_name: of the pipeline.
        parts: by name, those that have a folder.
        absent: names of parts that the pipeline goes without.
        options: other arguments of the pipeline's class, such as `force_zeros_for_empty_prompt`.
    """

    class_name: str
    parts: tuple[Part, ...]
    absent: tuple[str, ...]
    options: dict[str, Any]


def read_index(folder: Path) -> Index:
    """Read the `model_index.json` of a folder. Nothing is loaded, and no code of the folder is run.

    Raises:
        ModelError: if there is none, or it names classes that neither diffusers nor transformers has.
    """
    file = folder / INDEX
    if not file.is_file():
        raise ModelError(
            f"{folder}: this is no pipeline of diffusers, it has no {INDEX}; name the folder that has it"
        )
    content = _json_object(file)
    class_name = content.get("_class_name")
    if not isinstance(class_name, str):
        raise ModelError(
            f"{file}: its _class_name is {class_name!r}; only classes of diffusers are run, never code that "
            "comes with a model"
        )
    entries = {name: entry for name, entry in content.items() if not name.startswith("_")}
    parts = {name: entry for name, entry in entries.items() if isinstance(entry, list)}
    absent = tuple(sorted(name for name, entry in parts.items() if not any(entry)))
    return Index(
        class_name,
        tuple(_part(file, name, entry) for name, entry in sorted(parts.items()) if name not in absent),
        absent,
        {name: entry for name, entry in entries.items() if name not in parts},
    )


def pipeline_class(class_name: str, *, where: str) -> type[Any]:
    """The class of a pipeline by its name.

    Raises:
        ModelError: if diffusers has no pipeline of that name; `where` says who named it.
    """
    diffusers = library("diffusers")
    found = _named(diffusers, class_name)
    if found is None or not issubclass(found, diffusers.DiffusionPipeline):
        raise ModelError(
            f"{where}: diffusers {diffusers.__version__} has no pipeline {class_name!r}; "
            "give the name of a class of diffusers such as StableVideoDiffusionPipeline, or install the "
            "version that brings it"
        )
    return found


def _part(file: Path, name: str, entry: list[Any]) -> Part:
    if len(entry) != 2 or not all(isinstance(word, str) for word in entry):
        raise ModelError(f"{file}: part {name!r} must be [library, class], not {entry!r}")
    library_name, class_name = entry
    found = _part_class(library_name, class_name)
    if found is None or not callable(getattr(found, "from_pretrained", None)) or _chooses_class(found):
        raise ModelError(
            f"{file}: part {name!r} is a {library_name}.{class_name}, which is no class of diffusers or "
            "transformers here; only these are loaded, never code that comes with a model"
        )
    if not (file.parent / name).is_dir():
        raise ModelError(f"{file.parent}: its part {name!r} is missing; fetch or copy the model again")
    return Part(name, found, file.parent / name)


def _part_class(library_name: str, class_name: str) -> type[Any] | None:
    """A class that can be a part; some are named by the module of the pipeline that they belong to."""
    if library_name in ("diffusers", "transformers"):
        return _named(library(library_name), class_name) or _renamed(library_name, class_name)
    module = getattr(library("diffusers").pipelines, library_name, None)
    return _named(module, class_name) if isinstance(module, ModuleType) else None


def _chooses_class(part: type[Any]) -> bool:
    """Whether a class builds others that the part's files name: models of any class, or whole pipelines."""
    diffusers, auto = library("diffusers"), "transformers.models.auto.modeling_auto"
    return part.__module__ == auto or issubclass(part, (diffusers.DiffusionPipeline, diffusers.AutoModel))


def _renamed(library_name: str, class_name: str) -> type[Any] | None:
    """A class that transformers has by another name since models were published with it."""
    from diffusers.utils.deprecation_utils import _maybe_remap_transformers_class

    new_name = _maybe_remap_transformers_class(class_name) if library_name == "transformers" else None
    return None if new_name is None else _named(library("transformers"), new_name)


def _named(module: Any, class_name: str) -> type[Any] | None:
    """A class by its name, if diffusers or transformers defines it itself."""
    if class_name.startswith("_") or not class_name.isidentifier():
        return None
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or found.__module__.partition(".")[0] not in ("diffusers", "transformers"):
        return None
    return found


def _json_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file}: cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{file}: it is not valid JSON; fetch or copy the model again") from None
    if not isinstance(content, dict):
        raise ModelError(f"{file}: it is not a JSON object; fetch or copy the model again")
    return content

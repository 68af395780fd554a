"""What the folder of a model says that it holds, read without the library that loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodegraph.models import PIPELINE, ModelError, read_json

_CONFIGURATION = "config.json"
_PREPROCESSOR = "preprocessor_config.json"


def require_network(path: Path, *, task: str, what: str) -> None:
    """Refuse what is no network of transformers for a task, as far as its `config.json` tells.

    A configuration that lists no architectures is let pass.

    Args:
        path: of the model.
        task: what the names of such architectures contain, such as "ForObjectDetection".
        what: what is expected, for the error, such as "an object detector".

    Raises:
        ModelError: if it is no folder of such a network, or has no `preprocessor_config.json`.
    """
    if (path / PIPELINE).is_file() or not (path / _CONFIGURATION).is_file():
        raise ModelError(
            f"{path}: {what} is a folder with {_CONFIGURATION}, and this is {_told(path)}; "
            "name the folder of one"
        )
    names = _architectures(read_json(path / _CONFIGURATION))
    if names and not any(task in name for name in names):
        raise ModelError(
            f"{path}: it holds a {', '.join(names)}, and {what} is expected; name the folder of one"
        )
    if not (path / _PREPROCESSOR).is_file():
        raise ModelError(f"{path}: it has no {_PREPROCESSOR}; fetch or copy the model again")


def pipeline_index(path: Path, *, what: str) -> dict[str, Any]:
    """The `model_index.json` of a pipeline of diffusers.

    Raises:
        ModelError: if there is none, or it is no JSON object; `what` is what is expected.
    """
    if not (path / PIPELINE).is_file():
        raise ModelError(
            f"{path}: {what} is a folder with {PIPELINE}, and this is {_told(path)}; name the folder of one"
        )
    return read_json(path / PIPELINE)


def _architectures(configuration: dict[str, Any]) -> list[str]:
    listed = configuration.get("architectures")
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []


def _told(path: Path) -> str:
    """What is in a place instead, for people."""
    if path.is_file():
        return "a file"
    if (path / PIPELINE).is_file():
        return f"a pipeline of diffusers, {read_json(path / PIPELINE).get('_class_name')}"
    if (path / _CONFIGURATION).is_file():
        content = read_json(path / _CONFIGURATION)
        if kind := content.get("model_type"):
            return f"a model of the type {kind}"
        if name := content.get("_class_name"):
            return f"a network of diffusers, {name}"
    return "no such folder"

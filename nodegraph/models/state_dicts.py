"""Weights out of checkpoints: safetensors, and pickles that hold nothing but weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nodegraph.models.errors import ModelError
from nodegraph.models.headers import read_header
from nodegraph.models.layout import weight_files
from nodegraph.models.pickles import CONVERT, is_pickle, pickle_bytes

if TYPE_CHECKING:
    from torch import Tensor

_NESTED = ("state_dict", "model")


def load_state_dict(path: Path, *, variant: str = "") -> dict[str, Tensor]:
    """The tensors of a checkpoint by name, on the CPU, in the dtype they are stored in.

    Nothing in the file is executed. Tensors may be views of the mapped file: a module takes them without a
    copy by its own `load_state_dict(tensors, assign=True)`.

    Args:
        path: a `.safetensors` file; a `.bin`, `.pt`, `.pth` or `.ckpt` file in torch's zip format; or a
            folder with the weights of one model, sharded or not.
        variant: which weights of a folder, such as `"fp16"`.

    Raises:
        ModelError: if the file is missing, truncated or damaged, or a pickle that is not plain weights.
    """
    files = weight_files(path, variant)
    if set(files) - {""}:
        raise ModelError(f"{path}: it has several components; load {', '.join(sorted(files))} one by one")
    tensors: dict[str, Tensor] = {}
    for file in files[""]:
        tensors |= _pickled(file) if is_pickle(file) else _safetensors(file)
    return tensors


def _safetensors(path: Path) -> dict[str, Tensor]:
    read_header(path)
    from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

    return load_file(path)


def _pickled(path: Path) -> dict[str, Tensor]:
    pickle_bytes(path)
    import torch

    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise ModelError(
            f"{path}: this pickle is not plain weights and was not loaded{_named(error)}; {CONVERT}"
        ) from None
    return _plain_weights(path, loaded)


def _named(error: Exception) -> str:
    """What a refused pickle names; the rest of torch's words tells how to run it all the same."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    return f": it names {found[1]}, which is no part of weights" if found else ""


def _plain_weights(path: Path, loaded: Any) -> dict[str, Tensor]:
    from torch import Tensor

    if not isinstance(loaded, dict):
        raise ModelError(f"{path}: it holds a {type(loaded).__name__}, no weights by name; {CONVERT}")
    entries = cast("dict[Any, Any]", loaded)
    for name in _NESTED:
        if isinstance(entries.get(name), dict):
            entries = cast("dict[Any, Any]", entries[name])
    for name, tensor in entries.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise ModelError(
                f"{path}: its entry {name!r} is a {type(tensor).__name__}, no tensor by name; {CONVERT}"
            )
    return dict(entries)

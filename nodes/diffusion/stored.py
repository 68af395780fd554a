"""The weights of a part of a pipeline as they lie on disk: read one by one, by the names in its class."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph.models import ModelError, load_state_dict, read_header, weight_files
from nodes.libraries import library

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Module

_AGAIN = "fetch or copy the model again"

_CACHE_LINE = 64
"""Bytes."""

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8",
    "BOOL": "bool",
}  # fmt: skip
"""Dtypes of safetensors, and what torch calls them."""


@dataclass(frozen=True)
class _Place:
    """Where a weight lies.

    Attributes:
        file: the weight file.
        name: of the weight, in the file.
        begin: of its first byte; -1 in a pickle.
        dtype: as safetensors writes it.
        shape: the lengths of its sides.
    """

    file: Path
    name: str
    begin: int
    dtype: str
    shape: tuple[int, ...]


class StoredWeights:
    """The weights of a part, by the names that they have in its class.

    Files are read, not mapped: pages of a file that is mapped count as memory of the process, even when they
    were read long ago.

    Args:
        folder: of the part.
        variant: of the weight files; a part without weights of it has its plain ones read, as in diffusers.
        module: the part, its weights not there.
        keep: hold what was read in host memory, page-locked, for the next time: a GPU gets it faster from
            there than from a disk.

    Raises:
        ModelError: if its files are missing or damaged.
    """

    def __init__(self, folder: Path, variant: str, module: Module, *, keep: bool) -> None:
        self._keep = keep
        self._kept: dict[tuple[str, torch.dtype], Tensor] = {}
        places = [place for file in files_of(folder, variant) for place in _places(file)]
        renamed = _as_in_class(module, [place.name for place in places])
        self._places = {renamed[place.name]: place for place in places}

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def shape(self, name: str) -> tuple[int, ...]:
        """The lengths of a weight's sides."""
        return self._places[name].shape

    def read(self, name: str, dtype: torch.dtype) -> Tensor:
        """A weight on the CPU, in a dtype; memory of its own unless it is kept.

        Raises:
            ModelError: if it cannot be read any more; names the file.
        """
        kept = self._kept.get((name, dtype))
        if kept is not None:
            return kept
        found = self._from_disk(name, dtype)
        if self._keep:
            found = self._kept[name, dtype] = found.pin_memory()
        return found

    def forget(self) -> None:
        """Let go of what is kept in host memory."""
        self._kept.clear()

    def _from_disk(self, name: str, dtype: torch.dtype) -> Tensor:
        place = self._places[name]
        if place.begin < 0:
            return load_state_dict(place.file)[place.name].to(dtype, copy=True)
        try:
            return _read(place).to(dtype)
        except OSError as error:
            raise ModelError(f"{place.file}: cannot be read: {error.strerror or error}") from None


def files_of(folder: Path, variant: str) -> tuple[Path, ...]:
    """The weight files of a part, in a variant or else the plain ones.

    Raises:
        ModelError: if there are none, or some are missing.
    """
    if variant:
        try:
            return weight_files(folder, variant)[""]
        except ModelError:
            pass
    return weight_files(folder)[""]


def _places(file: Path) -> Iterator[_Place]:
    """The weights of a file; of a safetensors file, its tensors lie in order and fill it to its end."""
    if file.suffix != ".safetensors":
        for name, tensor in load_state_dict(file).items():
            yield _Place(file, name, -1, "", tuple(tensor.shape))
        return
    tensors = read_header(file)
    begin = file.stat().st_size - sum(tensor.nbytes for tensor in tensors)
    for tensor in tensors:
        yield _Place(file, tensor.name, begin, tensor.dtype, tensor.shape)
        begin += tensor.nbytes


def _read(place: _Place) -> Tensor:
    import torch

    if place.dtype not in _DTYPES:
        raise ModelError(f"{place.file}: tensor {place.name!r} is of dtype {place.dtype}, which is not read")
    tensor = _room(place.shape, getattr(torch, _DTYPES[place.dtype]), place.begin)
    with place.file.open("rb") as file:
        file.seek(place.begin)
        if file.readinto(tensor.reshape(-1).view(torch.uint8).numpy().data) != tensor.nbytes:
            raise ModelError(f"{place.file}: it is truncated in tensor {place.name!r}; {_AGAIN}")
    return tensor


def _room(shape: tuple[int, ...], dtype: torch.dtype, begin: int) -> Tensor:
    """Memory for a weight, as far past a cache line's begin as the weight lies in its file.

    Models that are held whole have their files mapped, and the last bits of sums on a CPU depend on where in
    a cache line their weights begin.
    """
    import torch

    empty = torch.empty(shape, dtype=dtype, device="meta")
    room = torch.empty(empty.nbytes + _CACHE_LINE, dtype=torch.uint8)
    first = (begin - room.data_ptr()) % _CACHE_LINE
    if first % dtype.itemsize:
        first = -room.data_ptr() % _CACHE_LINE
    return room[first : first + empty.nbytes].view(dtype).view(shape)


def _as_in_class(module: Any, names: list[str]) -> dict[str, str]:
    """For each stored name that in the module: classes were rebuilt since models were published with them."""
    if isinstance(module, library("diffusers").ModelMixin):
        stored_as = OrderedDict((name, name) for name in names)
        # It renames the keys of a state dict; of this one the entries are the names before.
        module._fix_state_dict_keys_on_load(stored_as)  # noqa: SLF001 (what from_pretrained calls)
        return {name: new for new, name in stored_as.items()}
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightRenaming, rename_source_key

    renamings = [step for step in get_model_conversion_mapping(module) if isinstance(step, WeightRenaming)]
    own = module.state_dict()
    prefix = module.base_model_prefix
    renamed = {name: rename_source_key(name, renamings, [], prefix, own)[0] for name in names}
    return {name: new if new in own else name for name, new in renamed.items()}

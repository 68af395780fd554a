"""Checkpoints that torch pickled: told by their names, and measured without unpickling anything."""

from __future__ import annotations

from pathlib import Path

from nodegraph.models.errors import ModelError
from nodegraph.models.headers import StoredTensor, refuse_stand_in

PICKLES = (".bin", ".pt", ".pth", ".ckpt")
"""The suffixes of checkpoints that torch pickled."""

CONVERT = "convert it to safetensors where you trust its source"
"""What to do about a pickle that is refused."""

_AGAIN = "fetch or copy the file again"
_ZIP = b"PK\x03\x04"
"""What torch tells its zip format by; `zipfile` finds its way around a damaged beginning."""


def is_pickle(path: Path) -> bool:
    """Whether a checkpoint is one that torch pickled, by its suffix."""
    return path.suffix in PICKLES


def pickle_bytes(path: Path) -> StoredTensor:
    """All tensors of a pickled checkpoint as one of unknown dtype; nothing is unpickled.

    Raises:
        ModelError: if the file cannot be read, is damaged or is not in torch's zip format.
    """
    import zipfile

    try:
        _check_beginning(path)
        with zipfile.ZipFile(path) as archive:
            nbytes = sum(entry.file_size for entry in archive.infolist() if "/data/" in entry.filename)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError):
        raise ModelError(f"{path}: it is truncated or damaged; {_AGAIN}") from None
    return StoredTensor(path.name, "", (), nbytes)


def _check_beginning(path: Path) -> None:
    with path.open("rb") as file:
        refuse_stand_in(path, file)
        beginning = file.read(len(_ZIP))
    if not beginning:
        raise ModelError(f"{path}: it has 0 bytes; {_AGAIN}")
    if beginning != _ZIP:
        raise ModelError(
            f"{path}: it is damaged, or a checkpoint in torch's old format, which is not read; {_AGAIN}, or "
            f"{CONVERT}"
        )

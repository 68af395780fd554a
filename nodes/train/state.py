"""What a training that was killed needs to go on, in one file that is replaced at once."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

_FILE = "state.pt"


@dataclass(slots=True)
class State:
    """How far a training is; it holds nothing but tensors, numbers and texts.

    Attributes:
        step: steps that are done.
        tensors: state dicts by name: `network`, `optimizer`, and where they are used `average`, `scaler`,
            `best`.
        rows: of the log so far.
        pending: sums of what the next row of the log averages.
        recent: losses of the steps of the last epoch.
        best: the best validation mAP so far; -1 for none.
    """

    step: int = 0
    tensors: dict[str, Any] = field(default_factory=dict[str, Any])
    rows: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    pending: dict[str, float] = field(default_factory=dict[str, float])
    recent: list[float] = field(default_factory=list[float])
    best: float = -1.0


def save_state(folder: Path, state: State) -> None:
    """Write the state; a crash meanwhile leaves the one before."""
    import torch

    part = folder / f"{_FILE}.part"
    with part.open("wb") as file:
        torch.save({name: getattr(state, name) for name in State.__slots__}, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / _FILE)


def load_state(folder: Path, device: str) -> State | None:
    """The state that was written last, or None if there is none that can be read.

    It is read as plain weights: nothing in the file is executed.
    """
    import torch

    file = folder / _FILE
    if not file.is_file():
        return None
    try:
        return State(**torch.load(file, map_location=device, weights_only=True))
    except Exception as error:
        _log.warning("%s cannot be read (%s); the training begins anew", file, type(error).__name__)
        return None


def discard_state(folder: Path) -> None:
    """Remove what was written."""
    for name in (_FILE, f"{_FILE}.part"):
        (folder / name).unlink(missing_ok=True)

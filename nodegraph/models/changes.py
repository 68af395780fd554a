"""What happens to models in memory, as it is told to whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nodegraph.models.modes import Mode
from nodegraph.types.builtin import ModelRef

HOST = "host"
"""The name under which host memory is tracked."""

What = Literal["admitted", "released", "loaded", "evicted", "prefetched", "corrected", "lost", "closed"]
"""A call was given room, or gave it back (on the host: a model); a model came onto a device, or left it; it
was read into host memory; its size was not the expected one; a device failed; all is over."""


@dataclass(frozen=True, slots=True)
class ResidencyChange:
    """A change of what is loaded where, or of the bytes that are spoken for.

    Attributes:
        time: when it was complete, by the clock that was handed in.
        device: a device, or `host`.
        tracked: bytes that weights and working memory take on the device after the change.
        budget: bytes that they may take.
        model, mode: what it is about, if it is about one model.
        nbytes: bytes of that model.
        source: of a loaded model, where it came from.
        to: of an evicted model, where it went.
        seconds: how long loading or reading took.
        warning: what a user should know, or "".
    """

    time: float
    device: str
    what: What
    tracked: int
    budget: int
    model: ModelRef | None = None
    mode: Mode | None = None
    nbytes: int = 0
    source: Literal["disk", "host"] | None = None
    to: Literal["host", "dropped"] | None = None
    seconds: float = 0.0
    warning: str = ""

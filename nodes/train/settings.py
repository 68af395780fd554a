"""How a detector is trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, cos, pi
from typing import Literal

Schedule = Literal["cosine", "linear", "constant"]
Precision = Literal["no", "bf16", "fp16"]
IgnoredRegions = Literal["keep", "blank"]
Keep = Literal["last", "best"]


class TrainingError(ValueError):
    """A training that cannot go on; the message says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a training; `train.detector` describes each."""

    epochs: float
    steps: int | None
    batch_size: int
    accumulate: int
    learning_rate: float
    backbone_rate: float
    weight_decay: float
    warmup: int
    schedule: Schedule
    clip_norm: float
    precision: Precision
    ema: float
    image_size: int
    flip: float
    ignored: IgnoredRegions
    validate_every: float
    keep: Keep
    checkpoint_seconds: float
    cache_mib: int
    workers: int

    def total_steps(self, pictures: int) -> int:
        """Steps of the optimiser, for so many pictures."""
        if self.steps is not None:
            return self.steps
        return max(1, ceil(self.epochs * pictures / self.pictures_a_step))

    @property
    def pictures_a_step(self) -> int:
        """Pictures that one step of the optimiser sees."""
        return self.batch_size * self.accumulate

    def rate(self, step: int, total: int) -> float:
        """The share of the learning rate that applies in a step, 0 to 1.

        It rises linearly during the first `warmup` steps, then falls to 0 along half a cosine, or linearly,
        or stays.
        """
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        done = (step - self.warmup) / max(1, total - self.warmup)
        match self.schedule:
            case "cosine":
                return (1 + cos(pi * min(1.0, done))) / 2
            case "linear":
                return max(0.0, 1 - done)
            case "constant":
                return 1.0

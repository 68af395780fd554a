"""Calls whose inputs are known, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nodegraph.plan.program import Step
from nodegraph.run.frames import Frame
from nodegraph.run.results import Output
from nodegraph.run.states import StepState
from nodegraph.store import Key
from nodegraph.types.wire import Digest

Outcome = tuple[Output, ...] | BaseException
"""What came of a call: its outputs, or the `Drop` or other exception that it raised."""


@dataclass(slots=True)
class Call:
    """A call whose inputs are known.

    Attributes:
        inputs: the digests of its linked inputs.
        seed: the derived seed of a seeded node.
    """

    frame: Frame
    position: int
    step: Step
    state: StepState
    inputs: list[Digest]
    seed: int | None
    key: Key


@dataclass(frozen=True, slots=True)
class Job:
    """A call that is to be made on a device, with its arguments and why it runs."""

    call: Call
    arguments: dict[str, Any]
    reason: str

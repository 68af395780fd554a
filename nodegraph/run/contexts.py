"""The context of a call: what its function may ask of this run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from nodegraph.events import CallProgress
from nodegraph.models.errors import ModelError
from nodegraph.node.context import Context
from nodegraph.plan.naming import finder
from nodegraph.plan.program import Step
from nodegraph.run.frames import Frame
from nodegraph.run.machine import Machine, Use
from nodegraph.store import Key
from nodegraph.types.builtin import ModelRef


def context_of(
    machine: Machine,
    step: Step,
    frame: Frame,
    key: Key,
    seeds: Sequence[int] | None,
    device: str = "cpu",
    use: Use | None = None,
) -> Context:
    """The context of one call; on a device, and with what gives it models, if it is placed."""

    def progress(done: float, total: float | None) -> None:
        machine.emit(CallProgress(machine.clock(), step.id, frame.label, done, total))

    def use_alone(ref: ModelRef) -> AbstractContextManager[Any]:
        if machine.placement is None:
            raise ModelError("ctx.use needs an input of type ModelRef: only then is there room for the model")
        return machine.placement.use_alone(ref)

    return Context(
        device=device,
        seeds=seeds,
        workdir=lambda: machine.store.workdir(key),
        new_folder=machine.store.new_folder,
        progress=progress,
        cancelled=machine.cancelled,
        use=use or use_alone,
        find_model=finder(machine.store),
    )

"""What is told of a call that raised, and of which item it was."""

from __future__ import annotations

import traceback
from types import TracebackType

from nodegraph.plan.program import Step
from nodegraph.run.frames import Frame
from nodegraph.run.result import CallError


def failure_of(step: Step, frame: Frame, error: BaseException) -> CallError:
    """What to tell of an exception of a node."""
    return CallError(
        step.id,
        frame.label,
        type(error).__name__,
        str(error) or type(error).__name__,
        _own_frames(error.__traceback__, error),
    )


def place_of(frame: Frame) -> tuple[int, ...]:
    """The item's place along its origin."""
    indices: list[int] = []
    current: Frame | None = frame
    while current is not None and current.scope is not None:
        indices.append(current.index)
        current = current.parent
    return tuple(reversed(indices))


def _own_frames(trace: TracebackType | None, error: BaseException) -> str:
    """The traceback of an exception from where the engine called the node's function."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__", "").startswith("nodegraph.run."):
        trace = trace.tb_next
    lines = traceback.format_exception(type(error), error, trace)
    return "".join(lines).rstrip()

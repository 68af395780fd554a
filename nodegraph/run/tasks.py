"""What a flow gives its workers to do, and what bounds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from nodegraph.run.frames import Done, Frame, Scope

TaskKind = Literal["call", "advance", "batch", "inline"]


class Task(NamedTuple):
    """Something for a worker to do.

    A "call" of `frame` at `position`, made again if its result is known already; "advance": pull the next
    item of `scope`; "batch": run the calls `waiting` of step `position` together, on `device` if it is placed
    on one; "inline": make the plain calls that are ready.
    """

    kind: TaskKind
    frame: Frame | None
    position: int
    scope: Scope | None = None
    waiting: tuple[tuple[Frame, int], ...] = ()
    device: str = ""


Missing = tuple[Frame, int, Done]
"""A result whose bytes are gone: the frame, the position, and the result that was found there."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds on what is in flight: items, and bytes of values that are held for the nodes that read them."""

    items: int
    nbytes: int

"""How many calls each node will have, told before its source has ended: for progress displays only."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nodegraph.plan.identity import literal_arguments
from nodegraph.plan.producers import Selection
from nodegraph.plan.program import Program, Step


class Foresight:
    """Totals as far as they can be told.

    The items of a source are counted by listing it again in the background, which calls no `make`. Below
    the first level the total is an estimate: as many inner items per outer item as there were so far.
    """

    def __init__(self, program: Program, selection: Selection, cancelled: Callable[[], bool]) -> None:
        self._program = program
        self._selection = selection
        self._cancelled = cancelled
        self._listed: dict[int, int] = {}
        self._given: dict[int, tuple[int, int]] = {}

    def count_ahead(self) -> threading.Thread:
        """Begin to list the sources that are listed at every run anyway."""
        thread = threading.Thread(target=self._count, name="nodegraph-count", daemon=True)
        thread.start()
        return thread

    def _count(self) -> None:
        for step in self._program.steps:
            if step.is_source and not step.type.pure and not step.type.signature.wants_context:
                count = self._count_items(step)
                if count is not None:
                    self._listed[step.index] = count

    def _count_items(self, step: Step) -> int | None:
        count = 0
        limit = self._selection.limit
        try:
            for item in step.type.function(**literal_arguments(step)):
                if self._cancelled():
                    return None
                count += self._selection.takes(item.key)
                if limit is not None and count >= limit:
                    break
        except Exception:
            # The run lists the source itself, and tells what is wrong with it.
            return None
        return count

    def stream_ended(self, fan_out: int, items: int) -> None:
        """A stream of a fan-out step ended with so many items. Called under the lock of the run."""
        streams, given = self._given.get(fan_out, (0, 0))
        self._given[fan_out] = (streams + 1, given + items)

    def total(self, step: Step) -> int | None:
        """How many calls a step will have, its items where it fans out; None if nothing tells yet."""
        total = 1
        for depth, name in enumerate(step.node.output_chain):
            fan_out = self._program.step(name).index
            streams, given = self._given.get(fan_out, (0, 0))
            if streams:
                total = round(total * given / streams)
            elif depth == 0 and fan_out in self._listed:
                total = self._listed[fan_out]
            else:
                return None
        return total

"""The tally of a run: what was executed, found, failed and left out, per node, and the errors."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping

from nodegraph.plan.program import Program
from nodegraph.run.result import CallError, NodeReport


class Counts:
    """The calls of one node so far.

    Attributes:
        slow: those that took as long as what is committed at once.
        seconds: what those that were executed took; saved: what those that were found had taken.
        reasons: why calls were executed; drops: why items were left out. Both count.
        calls: the first bytes of their keys.
        made: of a fan-out node, the marks of the items that were executed.
    """

    __slots__ = (
        "cached", "calls", "dropped", "drops", "executed", "failed", "made", "reasons", "saved", "seconds",
        "skipped", "slow",
    )  # fmt: skip

    def __init__(self) -> None:
        self.executed = self.cached = self.failed = self.skipped = self.dropped = 0
        self.slow = 0
        self.seconds = self.saved = 0.0
        self.reasons: dict[str, int] = {}
        self.drops: dict[str, int] = {}
        self.calls = bytearray()
        self.made = array("q")

    def run(self, reason: str, seconds: float) -> None:
        """Count a call that was executed."""
        self.executed += 1
        self.seconds += seconds
        self.because(reason)

    def because(self, reason: str) -> None:
        """Count why a call was begun."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def drop(self, reason: str) -> None:
        """Count an item that was left out."""
        self.dropped += 1
        self.drops[reason] = self.drops.get(reason, 0) + 1

    @property
    def items(self) -> int:
        """All calls."""
        return self.executed + self.cached + self.failed + self.skipped

    def snapshot(self) -> tuple[int, int, int, int, int]:
        """The counts that a progress display shows."""
        return self.executed, self.cached, self.failed, self.skipped, self.dropped


class Tally:
    """Counts per step, and the errors with their place in the graph, so that they can be put in order."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.steps = [Counts() for _ in program.steps]
        self._errors: list[tuple[int, tuple[int, ...], CallError]] = []

    @property
    def failed(self) -> bool:
        """Whether any call failed."""
        return bool(self._errors)

    def failure(self, step: int, place: tuple[int, ...], error: CallError) -> None:
        """Count a failed call; `place` is the item's position along its origin."""
        self.steps[step].failed += 1
        self._errors.append((step, place, error))

    def by_type(self) -> dict[str, Counts]:
        """The calls of all nodes of each type, without reasons and keys."""
        totals: dict[str, Counts] = {}
        for step, counts in zip(self._program.steps, self.steps, strict=True):
            total = totals.get(step.type.id)
            if total is None:
                total = totals[step.type.id] = Counts()
            total.executed += counts.executed
            total.cached += counts.cached
            total.slow += counts.slow
            total.seconds += counts.seconds
            total.saved += counts.saved
        return totals

    def of_type(self, type_id: str) -> Iterator[Counts]:
        """The counts of all nodes of a type."""
        for step, counts in zip(self._program.steps, self.steps, strict=True):
            if step.type.id == type_id:
                yield counts

    def errors(self) -> tuple[CallError, ...]:
        """The failed calls in graph and item order."""
        return tuple(error for _, _, error in sorted(self._errors, key=lambda entry: entry[:2]))

    def reports(self) -> dict[str, NodeReport]:
        """The totals by node id."""
        return {
            step.id: NodeReport(
                type=step.type.id,
                items=counts.items,
                executed=counts.executed,
                cached=counts.cached,
                failed=counts.failed,
                skipped=counts.skipped,
                dropped=counts.dropped,
                seconds=counts.seconds,
                reasons=_most_common(counts.reasons),
                drop_reasons=_most_common(counts.drops),
            )
            for step, counts in zip(self._program.steps, self.steps, strict=True)
        }


def _most_common(counted: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counted.items(), key=lambda entry: (-entry[1], entry[0])))

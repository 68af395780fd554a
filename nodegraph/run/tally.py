"""The tally of a run: what was executed, found, failed and left out, per node, and the errors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nodegraph.plan.program import Program
from nodegraph.run.result import CallError, NodeReport


@dataclass(slots=True)
class Counts:
    """The calls of one node so far.

    Attributes:
        calls: the first bytes of their keys.
        made: of a fan-out node, the marks of the items that were executed.
    """

    executed: int = 0
    cached: int = 0
    failed: int = 0
    skipped: int = 0
    dropped: int = 0
    seconds: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter[str])
    drops: Counter[str] = field(default_factory=Counter[str])
    calls: bytearray = field(default_factory=bytearray)
    made: bytearray = field(default_factory=bytearray)

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
                reasons=dict(counts.reasons.most_common()),
                drop_reasons=dict(counts.drops.most_common()),
            )
            for step, counts in zip(self._program.steps, self.steps, strict=True)
        }

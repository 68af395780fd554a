"""What all calls of a step share while a run goes on."""

from __future__ import annotations

from dataclasses import dataclass

from nodegraph.plan.identity import StepIdentity


@dataclass(slots=True, eq=False)
class StepState:
    """What all calls of a step share.

    Attributes:
        identity: what the step is made of.
        forced: results in the store do not count.
        keeps: bytes of its results are kept in the store.
        spools: if not, they are kept until the run ends.
        recorded: the store has what `identity` says of type, version and params.
    """

    identity: StepIdentity
    forced: bool
    keeps: bool
    spools: bool
    recorded: bool = False

"""Events: what happens in a run, as one typed stream that progress, `--json` and reports all read."""

from __future__ import annotations

from nodegraph.events.types import (
    CallCached,
    CallDone,
    CallDropped,
    CallFailed,
    CallProgress,
    CallSkipped,
    CallStarted,
    Event,
    NodeAdvance,
    NodeFinished,
    NodesAdvanced,
    Output,
    RunFinished,
    RunStarted,
    SourceAdvanced,
    Warned,
)

__all__ = [
    "CallCached",
    "CallDone",
    "CallDropped",
    "CallFailed",
    "CallProgress",
    "CallSkipped",
    "CallStarted",
    "Event",
    "NodeAdvance",
    "NodeFinished",
    "NodesAdvanced",
    "Output",
    "RunFinished",
    "RunStarted",
    "SourceAdvanced",
    "Warned",
]

"""The answer to why a node would run: causes that lead to one another, down to those that have none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Cause:
    """Why some calls of a node would run, or give something else than in the last run.

    Attributes:
        node: the node's id.
        items: the keys of the items the calls are for, in source order; () for a node that is called once.
        why: in words; names the first of the files.
        files: that changed, or are read for new items.
        because: places of the causes behind it among all of an explanation.
    """

    node: str
    items: tuple[str, ...]
    why: str
    files: tuple[str, ...]
    because: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What the stored results of a node are made of.

    Attributes:
        run: the number of the run that computed the latest of them.
        started: when that run began, in seconds since the epoch; None if it is not on record any more.
        version: the author's version, else the parts of the code that count.
        links: by input, the output that it reads.
    """

    run: int
    started: float | None
    version: int | str | None
    code: tuple[str, ...]
    params: Mapping[str, Any]
    files: Mapping[str, str]
    seed: int | None
    links: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the calls of a node would run, or that they would not.

    Attributes:
        items: calls in all, or None where only running upstream can tell.
        cached, run: calls that are in the store, and that would run at most.
        reasons: as a plan gives them.
        causes: every cause once; those behind a cause stand before it.
        roots: places of the causes of the node's own calls, those of most calls first.
        waits_for: nodes that must run before it is known which items there are.
        gone: items of the last run that are no longer there.
        made: what its results are made of, if there are any in the store.
    """

    node: str
    type: str
    items: int | None
    cached: int
    run: int
    reasons: tuple[str, ...]
    causes: tuple[Cause, ...]
    roots: tuple[int, ...]
    waits_for: tuple[str, ...]
    gone: tuple[str, ...]
    made: Made | None

    def as_json(self) -> dict[str, Any]:
        """The object that `cache why --json` prints."""
        return {
            "node": self.node,
            "type": self.type,
            "items": self.items,
            "cached": self.cached,
            "run": self.run,
            "reasons": list(self.reasons),
            "causes": [
                {
                    "node": cause.node,
                    "items": list(cause.items),
                    "why": cause.why,
                    "files": list(cause.files),
                    "because": list(cause.because),
                }
                for cause in self.causes
            ],
            "roots": list(self.roots),
            "waits_for": list(self.waits_for),
            "gone": list(self.gone),
            "made": None if self.made is None else _made_json(self.made),
        }


def _made_json(made: Made) -> dict[str, Any]:
    return {
        "run": made.run,
        "started": made.started,
        "version": made.version,
        "code": list(made.code),
        "params": dict(made.params),
        "files": dict(made.files),
        "seed": made.seed,
        "links": dict(made.links),
    }

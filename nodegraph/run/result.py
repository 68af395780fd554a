"""What a run leaves: counts per node, failures, and the values behind its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from nodegraph.types.stream import Collected


@dataclass(frozen=True, slots=True)
class NodeReport:
    """The calls of one node: `executed + cached + failed + skipped == items`.

    Attributes:
        type: type id.
        dropped: calls that left their item out; part of executed or cached.
        seconds: time spent in its calls, summed over threads.
        reasons: why calls ran, with how many of them.
        drop_reasons: why items were left out, with how many of them.
    """

    type: str
    items: int
    executed: int
    cached: int
    failed: int
    skipped: int
    dropped: int
    seconds: float
    reasons: Mapping[str, int] = field(default_factory=dict[str, int])
    drop_reasons: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class CallError:
    """A call that failed.

    Attributes:
        item: the item key, "" for a node that is not mapped.
        error: the exception's type.
        traceback: the frames of the node's own code.
    """

    node: str
    item: str
    error: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class RunOutput:
    """One output of the graph: exactly the fields that apply are set.

    Attributes:
        value: a JSON value of up to 4 KiB; `has_value` tells None from absent.
        path: the published folder of an artifact, or of the artifacts of a stream.
        items: the number of items of a stream.
        digest: content hash (hex) of a value or a stream; the same for the same results.
        missing: the value could not be made because something failed.
    """

    value: Any = None
    has_value: bool = False
    path: Path | None = None
    items: int | None = None
    digest: str | None = None
    missing: bool = False

    def as_json(self) -> dict[str, Any]:
        """The object that `run --json` prints for it."""
        if self.missing:
            return {}
        if self.has_value:
            return {"value": self.value}
        if self.items is not None:
            return {"items": self.items, "digest": self.digest}
        if self.path is not None:
            return {"path": str(self.path)}
        return {"digest": self.digest}


@dataclass(frozen=True, slots=True)
class Run:
    """The result of a run; the folders of artifacts that it gives last as long as it does.

    Attributes:
        ok: nothing failed and nothing was interrupted.
        run: the run's number in its store.
        seconds: from the end of check to the last commit.
        nodes: by node id, in topological order.
        outputs: by output name.
        errors: the failed calls, in graph and item order, then the outputs that could not be published.
        warnings: what the user should know that is no failure.
        interrupted: stopped by Ctrl-C.
        folder: where the store keeps the run's events and reports.
    """

    graph: str
    ok: bool
    run: int
    seconds: float
    nodes: Mapping[str, NodeReport]
    outputs: Mapping[str, RunOutput]
    errors: tuple[CallError, ...]
    warnings: tuple[str, ...]
    interrupted: bool
    folder: Path
    _fetch: Callable[[str], Any] = field(repr=False, compare=False)
    _render: Callable[[Run], str] | None = field(default=None, repr=False, compare=False)

    def _repr_html_(self) -> str | None:
        """The run as it shows itself in a notebook."""
        return None if self._render is None else self._render(self)

    def value(self, name: str) -> Any:
        """The value of an output of the graph, or of any `"node.output"`; a stream as `Collected`.

        Raises:
            KeyError: if there is no such output.
            LookupError: if it was not made because something failed.
        """
        return self._fetch(name)

    def items(self, name: str) -> Collected[Any]:
        """The stream of an output of the graph, or of any `"node.output"`.

        Raises:
            TypeError: if the output carries no stream.
        """
        stream = self._fetch(name)
        if not isinstance(stream, Collected):
            raise TypeError(f"{name!r} carries a single value, not a stream; use run.value({name!r})")
        return cast("Collected[Any]", stream)

    def as_json(self) -> dict[str, Any]:
        """The object that `run --json` prints."""
        return {
            "ok": self.ok,
            "run": self.run,
            "seconds": round(self.seconds, 6),
            "nodes": {
                name: {
                    "type": node.type,
                    "items": node.items,
                    "executed": node.executed,
                    "cached": node.cached,
                    "failed": node.failed,
                    "skipped": node.skipped,
                    "dropped": node.dropped,
                    "seconds": round(node.seconds, 6),
                }
                for name, node in self.nodes.items()
            },
            "outputs": {name: output.as_json() for name, output in self.outputs.items()},
            "errors": [
                {"node": error.node, "item": error.item, "error": error.error, "message": error.message}
                for error in self.errors
            ],
        }

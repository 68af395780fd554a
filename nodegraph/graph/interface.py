"""The inputs and outputs of a node as it is written, be it a node type or a graph file."""

from __future__ import annotations

from collections.abc import Sequence


def only_output(outputs: Sequence[str]) -> str | None:
    """The output that a link names by the node alone: the only one, or the one called `out`; else None."""
    if len(outputs) == 1:
        return outputs[0]
    return "out" if "out" in outputs else None

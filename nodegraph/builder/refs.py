"""What `Graph.add` and `Graph.input` return: references to link other nodes to."""

from __future__ import annotations

from nodegraph.graph.document import INPUTS
from nodegraph.graph.interface import only_output
from nodegraph.graph.nearest import Suggestion
from nodegraph.graph.problem import GraphError, Problem


class UnknownOutputError(GraphError, AttributeError):
    """A node was asked for an output that it does not have."""


class OutputRef:
    """An output of a node in a graph."""

    __slots__ = ("_graph", "_link")

    def __init__(self, graph: object, link: str) -> None:
        self._graph = graph
        self._link = link

    def __str__(self) -> str:
        return self._link

    def __repr__(self) -> str:
        return f"<output {self._link}>"


class InputRef:
    """An input of a graph."""

    __slots__ = ("_graph", "_link")

    def __init__(self, graph: object, name: str) -> None:
        self._graph = graph
        self._link = f"{INPUTS}.{name}"

    def __str__(self) -> str:
        return self._link

    def __repr__(self) -> str:
        return f"<graph input {self._link}>"


class NodeRef:
    """A node in a graph: its outputs are its attributes; by itself it stands for its only output."""

    __slots__ = ("_graph", "_link", "_outputs")

    def __init__(self, graph: object, node: str, outputs: tuple[str, ...]) -> None:
        self._graph = graph
        self._link = node
        self._outputs = outputs

    def __getattr__(self, name: str) -> OutputRef:
        if name.startswith("__"):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> OutputRef:
        """The output of that name.

        Raises:
            UnknownOutputError: if the node has none.
        """
        if name in self._outputs:
            return OutputRef(self._graph, f"{self._link}.{name}")
        hint = str(Suggestion(name, self._outputs, "its outputs"))
        message = f"node {self._link!r} has no output {name!r}"
        raise UnknownOutputError([Problem("", f"/nodes/{self._link}", 0, 0, "unknown-output", message, hint)])

    def __dir__(self) -> list[str]:
        return list(self._outputs)

    def __str__(self) -> str:
        return self._link

    def __repr__(self) -> str:
        single = only_output(self._outputs)
        return f"<node {self._link}: {single or ', '.join(self._outputs)}>"


Ref = NodeRef | OutputRef | InputRef
"""What a node can be linked to."""


def graph_of(ref: Ref) -> object:
    """The graph that a reference belongs to."""
    return ref._graph  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

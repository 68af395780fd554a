"""A typed node-graph engine: what changed is computed, item by item, inside the memory there is."""

from typing import TYPE_CHECKING, Any

from nodegraph.models.kinds import model
from nodegraph.node.context import Context, Drop
from nodegraph.node.declare import node
from nodegraph.node.signature import Param, ReadsFile
from nodegraph.node.streams import Pair
from nodegraph.types.builtin import Artifact, ModelRef
from nodegraph.types.stream import Batch, Collected, Item, Stream
from nodegraph.types.values import DeclarationError, value

if TYPE_CHECKING:
    from nodegraph.builder.graph import Graph

__all__ = [
    "Artifact",
    "Batch",
    "Collected",
    "Context",
    "DeclarationError",
    "Drop",
    "Graph",
    "Item",
    "ModelRef",
    "Pair",
    "Param",
    "ReadsFile",
    "Stream",
    "model",
    "node",
    "value",
]


def __getattr__(name: str) -> Any:
    """Load `Graph` on first use: declaring nodes needs none of it."""
    if name == "Graph":
        from nodegraph.builder.graph import Graph

        return Graph
    raise AttributeError(f"module 'nodegraph' has no attribute {name!r}")

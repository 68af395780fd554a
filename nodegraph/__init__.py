"""A typed node-graph engine: what changed is computed, item by item, inside the memory there is."""

from nodegraph.node.context import Context, Drop
from nodegraph.node.declare import node
from nodegraph.node.signature import Param, ReadsFile
from nodegraph.node.streams import Pair
from nodegraph.types.builtin import Artifact, ModelRef
from nodegraph.types.stream import Batch, Collected, Item, Stream
from nodegraph.types.values import DeclarationError, value

__all__ = [
    "Artifact",
    "Batch",
    "Collected",
    "Context",
    "DeclarationError",
    "Drop",
    "Item",
    "ModelRef",
    "Pair",
    "Param",
    "ReadsFile",
    "Stream",
    "node",
    "value",
]

"""Where a node is called: the origin of its items, from the origins of the streams linked to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nodegraph.check.checked import Chain
from nodegraph.node.signature import Kind
from nodegraph.types.ports import Arity

JOINS = (
    "stream.zip (by order), stream.match (by key), stream.cross (every pair) "
    "or stream.concat (one after the other)"
)


@dataclass(frozen=True, slots=True)
class LinkLevel:
    """One link into a node.

    Attributes:
        input: the input's name.
        arity: how the input takes it.
        source: the output it reads, for messages.
        chain: the origin of that output; () for a plain value.
        levels: how many levels a stream input takes off.
    """

    input: str
    arity: Arity
    source: str
    chain: Chain
    levels: int

    @property
    def contribution(self) -> Chain:
        """Where the node must be called for this link; a stream input takes off the innermost levels."""
        return self.chain[: len(self.chain) - self.levels]

    @property
    def is_too_shallow(self) -> bool:
        """Whether there are fewer levels than the input takes off."""
        return len(self.chain) < self.levels


@dataclass(frozen=True, slots=True)
class LevelFault:
    """Why the link into `input` does not fit the others."""

    input: str
    code: str
    message: str
    hint: str


def call_chain(kind: Kind, links: Sequence[LinkLevel]) -> tuple[Chain, list[LevelFault]]:
    """The origin at which a node with these links is called, and what forbids it.

    It is called at the deepest linked level; every shallower level must be a beginning of that one's origin.
    """
    faults = [_not_a_stream(link) for link in links if link.is_too_shallow]
    sound = [link for link in links if not link.is_too_shallow]
    if not sound:
        return (), faults
    deepest = max(sound, key=lambda link: len(link.contribution))
    chain = deepest.contribution
    for link in sound:
        if kind == "batch" and link.arity != "batch" and link.chain:
            faults.append(_batch_needs_batch(link))
        elif link.contribution != chain[: len(link.contribution)]:
            faults.append(_different_origins(link, deepest))
    return chain, faults


def output_chain(kind: Kind, node: str, chain: Chain) -> Chain:
    """The origin of a node's outputs: where it is called, and for a fan-out node its own id at the end."""
    return (*chain, node) if kind == "stream" else chain


def _not_a_stream(link: LinkLevel) -> LevelFault:
    if link.chain:
        return LevelFault(
            link.input,
            "not-a-stream",
            f"input {link.input!r} takes a stream of streams; {link.source} is a single stream",
            f"it is flat already: link {link.source} to where the flattened stream goes",
        )
    return LevelFault(
        link.input,
        "not-a-stream",
        f"input {link.input!r} takes a stream; {link.source} is a single value",
        "link an output of a node that returns a stream, or one that is called for its items",
    )


def _batch_needs_batch(link: LinkLevel) -> LevelFault:
    return LevelFault(
        link.input,
        "batch-needs-batch",
        f"the node takes batches, so input {link.input!r} takes one value for all items; "
        f"{link.source} carries a stream ({_origin(link.chain)})",
        f"declare {link.input!r} as Batch[...] in the node type, or link a single value",
    )


def _different_origins(link: LinkLevel, deepest: LinkLevel) -> LevelFault:
    return LevelFault(
        link.input,
        "different-origins",
        f"streams of different origin meet in one node: input {link.input!r} reads {link.source} "
        f"({_origin(link.contribution)}), input {deepest.input!r} reads {deepest.source} "
        f"({_origin(deepest.contribution)})",
        f"join the two streams first: {JOINS}",
    )


def _origin(chain: Chain) -> str:
    return f"one per item of {' × '.join(chain)}"

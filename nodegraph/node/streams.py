"""The built-in nodes that join and cut streams. All pass values on by digest: nothing is loaded or copied."""

from __future__ import annotations

from typing import Annotated, Generic, NamedTuple, TypeVar

from nodegraph.node.context import Context
from nodegraph.node.declare import node
from nodegraph.node.signature import Param
from nodegraph.types.stream import Collected, Item, Stream

A = TypeVar("A")
B = TypeVar("B")


class Pair(NamedTuple, Generic[A, B]):
    """One item of each of two streams."""

    left: A
    right: B


def _pair(left: Item[A], right: Item[B]) -> Pair[A, B]:
    return Pair(left.carried, right.carried)


@node("stream.zip", version=1)
def stream_zip(left: Collected[A], right: Collected[B]) -> Stream[Pair[A, B]]:
    """Pair the items of two streams by order, under the keys of the left one.

    Raises:
        ValueError: if one stream is longer.
    """
    if len(left) != len(right):
        raise ValueError(
            f"the streams have {len(left)} and {len(right)} items; "
            "cut the longer one with stream.take, or pair by key with stream.match"
        )
    for one, other in zip(left, right, strict=True):
        yield Item(one.key, _pair(one, other))


@node("stream.match", version=1)
def stream_match(left: Collected[A], right: Collected[B]) -> Stream[Pair[A, B]]:
    """Pair the items of two streams that have the same key, in the left one's order; leave out the others."""
    keys = set(right.keys())
    for item in left:
        if item.key in keys:
            yield Item(item.key, _pair(item, right[item.key]))


@node("stream.cross", version=1)
def stream_cross(left: Collected[A], right: Collected[B]) -> Stream[Pair[A, B]]:
    """Pair every item of the left stream with every item of the right one; keys are `left/right`."""
    for one in left:
        for other in right:
            yield Item(f"{one.key}/{other.key}", _pair(one, other))


@node("stream.concat", version=1)
def stream_concat(
    first: Stream[A],
    second: Stream[A],
    *,
    prefix: Annotated[bool, Param(help="put first/ and second/ before the keys")] = False,
) -> Stream[A]:
    """One stream after the other; their keys must differ, or be told apart with `prefix`."""
    for name, stream in (("first", first), ("second", second)):
        for item in stream:
            yield Item(f"{name}/{item.key}" if prefix else item.key, item.carried)


@node("stream.repeat", version=1)
def stream_repeat(item: A, *, times: Annotated[int, Param(ge=0, help="how many copies")] = 2) -> Stream[A]:
    """Give an item several times, with the keys 0, 1, ...: each copy gets its own noise in seeded nodes."""
    for index in range(times):
        yield Item(str(index), item)


@node("stream.flatten", version=1)
def stream_flatten(stream: Stream[Stream[A]]) -> Stream[A]:
    """Make one stream of a stream of streams; keys are `outer/inner`."""
    for outer in stream:
        for inner in outer.value:
            yield Item(f"{outer.key}/{inner.key}", inner.carried)


@node("stream.flatten_pair", version=1)
def stream_flatten_pair(left: Collected[Collected[A]], right: Collected[Collected[B]]) -> Stream[Pair[A, B]]:
    """Make one stream of two streams of streams, paired by key on both levels; keys are `outer/inner`."""
    outer_keys = set(right.keys())
    for outer in left:
        if outer.key not in outer_keys:
            continue
        others = right[outer.key].value
        inner_keys = set(others.keys())
        for inner in outer.value:
            if inner.key in inner_keys:
                yield Item(f"{outer.key}/{inner.key}", _pair(inner, others[inner.key]))


@node("stream.take", version=1)
def stream_take(
    stream: Stream[A],
    *,
    count: Annotated[int, Param(ge=0, help="how many items")],
    skip: Annotated[int, Param(ge=0, help="how many to pass over first")] = 0,
) -> Stream[A]:
    """Keep the first items of a stream."""
    for index, item in enumerate(stream):
        if skip <= index < skip + count:
            yield Item(item.key, item.carried)


@node("stream.sample", version=1, seeded=True)
def stream_sample(
    stream: Collected[A], ctx: Context, *, count: Annotated[int, Param(ge=0, help="how many items")]
) -> Stream[A]:
    """Keep items drawn at random without replacement, in their order; all of them if there are fewer."""
    drawn = ctx.rng().permutation(len(stream))[:count]
    kept = {int(index) for index in drawn}
    for index, item in enumerate(stream):
        if index in kept:
            yield Item(item.key, item.carried)

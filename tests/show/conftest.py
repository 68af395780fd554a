"""Checked graphs for drawing, made without files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import pytest

from nodegraph import Batch, Item, Param, Stream, node, value
from nodegraph.check.checked import CheckedGraph, CheckedNode, Source
from nodegraph.node.declare import node_type_of


@value("show_test.picture")
@dataclass(frozen=True)
class Picture:
    width: int


@value("show_test.outline")
@dataclass(frozen=True)
class Outline:
    points: int


class Found(NamedTuple):
    picture: Picture
    outline: Outline


@node("show_test.load", version=1, pure=False)
def load(root: Path, split: str = "train") -> Stream[Found]:
    """Load pictures."""
    yield Item(split, Found(Picture(len(str(root))), Outline(1)))


@node("show_test.shapes", version=1)
def shapes(picture: Picture, *, least: Annotated[int, Param(ge=0)] = 1) -> Stream[Outline]:
    """Find the shapes in a picture."""
    yield Item("0", Outline(picture.width + least))


@node("show_test.turn", version=1)
def turn(
    picture: Picture,
    outline: Outline | None = None,
    *,
    angle: float = 0.0,
    name: str = "",
    a: int = 0,
    b: int = 0,
    c: int = 0,
    d: int = 0,
) -> Found:
    """Turn a picture."""
    return Found(picture, outline or Outline(int(angle) + len(name) + a + b + c + d))


@node("show_test.many", version=1)
def many(outline: Batch[Outline]) -> Batch[Outline]:
    """Many at a time."""
    return outline


@node("show_test.gather", version=1)
def gather(outlines: Stream[Outline]) -> int:
    """Count outlines."""
    return sum(1 for _ in outlines)


def checked(name, function, chain=(), links=None, **params):
    """A checked node: what checking would make of it."""
    type_ = node_type_of(function)
    links = {port: Source(*source.split(".")) for port, source in (links or {}).items()}
    defaults = {
        port.name: port.default
        for port in type_.signature.inputs
        if port.takes_literal and not port.required and port.name not in links
    }
    return CheckedNode(
        id=name,
        type=type_,
        links=links,
        params={**defaults, **params},
        chain=tuple(chain),
        output_chain=(*chain, name) if type_.signature.kind == "stream" else tuple(chain),
        output_types={port.name: port.type for port in type_.signature.outputs},
    )


def checked_graph(*nodes, name="drawn", outputs=None):
    """A checked graph of these nodes."""
    reads = {output: Source(*source.split(".")) for output, source in (outputs or {}).items()}
    return CheckedGraph(name, 7, {entry.id: entry for entry in nodes}, reads, None)


@pytest.fixture
def drawn_graph() -> CheckedGraph:
    """Nested streams, every arity, params that are set, two outputs."""
    photos = ("photos",)
    return checked_graph(
        checked("photos", load, root=Path("/data/sets/photos")),
        checked("turn", turn, photos, {"picture": "photos.picture", "outline": "photos.outline"}, angle=3.5),
        checked("shapes", shapes, photos, {"picture": "turn.picture"}),
        checked("many", many, ("photos", "shapes"), {"outline": "shapes.out"}),
        checked("gather", gather, photos, {"outlines": "many.out"}),
        outputs={"number": "gather.out", "turned": "turn.picture"},
    )


@pytest.fixture
def branching_graph() -> CheckedGraph:
    """One source read by three nodes, two of which a fourth joins."""
    photos = ("photos",)
    picture = {"picture": "photos.picture"}
    return checked_graph(
        checked("photos", load, root=Path("/x")),
        checked("left", turn, photos, picture),
        checked("right", turn, photos, picture),
        checked("join", turn, photos, {"picture": "left.picture", "outline": "right.outline"}),
        checked("last", turn, photos, picture),
    )


@pytest.fixture
def hostile_graph() -> CheckedGraph:
    """Text that would break out of a drawing that does not escape it."""
    return checked_graph(
        checked("photos", load, root=Path("/x"), split='<script>alert("&")</script>'),
        name='<svg onload="x">&\x1b[31m',
    )

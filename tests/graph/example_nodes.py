"""The node types that the graphs of these tests use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel

from nodegraph import Batch, Context, Item, Param, ReadsFile, Stream, node, value


@value("graph.picture")
@dataclass(frozen=True)
class Picture:
    name: str


@value("graph.boxes")
@dataclass(frozen=True)
class Boxes:
    count: int


class Labelled(NamedTuple):
    image: Picture
    boxes: Boxes


class Scored(NamedTuple):
    score: float
    out: Picture


class Fill(Enum):
    MEAN = "mean"
    BLUR = "blur"


class Camera(BaseModel):
    fov: float
    tilt: int = 0


@node("graph.load", version=1, pure=False)
def load_photos(
    root: Path,
    more: list[Path] | None = None,
    either: str | Path = "",
    limit: int | None = None,
) -> Stream[Labelled]:
    yield Item("a", Labelled(Picture("a"), Boxes(0)))


@node("graph.blank", version=1)
def blank(size: int = 8) -> Picture:
    return Picture(str(size))


@node("graph.labels", version=1, pure=False)
def labels(root: Path) -> Stream[Boxes]:
    yield Item("a", Boxes(1))


@node("graph.clip", version=1, aliases=["graph.old_clip"])
def clip(
    image: Picture,
    boxes: Boxes | None = None,
    *,
    frames: Annotated[int, Param(ge=1, help="length of the clip", unit="frames")] = 8,
    path: Literal["pan", "zoom"] = "pan",
    amplitude: float = 1.0,
    easing: float | None = None,
    fill: Fill = Fill.MEAN,
    camera: Camera | None = None,
    extra: Any = None,
) -> Picture:
    """Animate a picture."""
    return image


@node("graph.score", version=1)
def score(image: Picture) -> Scored:
    return Scored(0.0, image)


@node("graph.mix", version=1)
def mix(images: Batch[Picture]) -> Batch[Picture]:
    return images


@node("graph.count", version=1)
def count(images: Stream[Picture]) -> int:
    return len(list(images))


@node("graph.noise", version=1, seeded=True)
def noise(image: Picture, lut: Annotated[Path | None, ReadsFile()] = None, *, ctx: Context) -> Picture:
    return image

"""The node types that the graphs of these tests use."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import BaseModel

from nodegraph import Artifact, Batch, Context, Item, Param, Stream, node, value

T = TypeVar("T")


@value("check.picture")
@dataclass(frozen=True)
class Picture:
    name: str


@value("check.boxes")
@dataclass(frozen=True)
class Boxes:
    count: int


class Labelled(NamedTuple):
    image: Picture
    boxes: Boxes


class Halves(NamedTuple):
    left: Picture
    right: Picture


class Scored(NamedTuple):
    out: Picture
    score: float


class Fill(Enum):
    MEAN = "mean"
    BLUR = "blur"


class Camera(BaseModel):
    fov: float
    tilt: int = 0


@node("check.load", version=1, pure=False)
def load(root: Path, limit: int | None = None) -> Stream[Labelled]:
    yield Item("a", Labelled(Picture("a"), Boxes(limit or 0)))


@node("check.labels", version=1, pure=False)
def labels(root: Path) -> Stream[Boxes]:
    yield Item("a", Boxes(1))


@node("check.clip", version=1, aliases=["check.old_clip"])
def clip(
    image: Picture,
    boxes: Boxes | None = None,
    *,
    frames: Annotated[int, Param(ge=1, le=64, help="length", unit="frames")] = 8,
    path: Literal["pan", "zoom"] = "pan",
    amplitude: float = 1.0,
) -> Picture:
    """Animate a picture."""
    return image


@node("check.objects", version=1)
def objects(image: Picture) -> Stream[Picture]:
    yield Item("a", image)


@node("check.split", version=1)
def split(image: Picture) -> Halves:
    return Halves(image, image)


@node("check.score", version=1)
def score(image: Picture) -> Scored:
    return Scored(image, 1.0)


@node("check.describe", version=1)
def describe(image: Picture, threshold: float = 0.5) -> float:
    return threshold


@node("check.count", version=1)
def count(images: Stream[Picture]) -> int:
    return len(list(images))


@node("check.compare", version=1)
def compare(a: Stream[Picture], b: Stream[Picture]) -> int:
    return 0


@node("check.flatten", version=1)
def flatten(items: Stream[Stream[T]]) -> Stream[T]:
    yield Item("a", next(iter(next(iter(items)).value)).value)


@node("check.mix", version=1)
def mix(images: Batch[Picture], weight: float = 1.0) -> Batch[Picture]:
    return images


@node("check.export", version=1)
def export(images: Stream[Picture], boxes: Stream[Boxes] | None = None) -> Artifact:
    return Artifact()


@node("check.pair", version=1)
def pair(a: T, b: T | None = None) -> T:
    return a


@node("check.noise", version=1, seeded=True)
def noise(image: Picture, ctx: Context) -> Picture:
    return image


@node("check.options", version=1, pure=False)
def options(
    text: str,
    flag: bool = False,
    whole: int = 0,
    part: float = 0.0,
    fill: Fill = Fill.MEAN,
    sizes: Annotated[list[int], Param(max_length=3)] = [],  # noqa: B006
    table: dict[str, float] | None = None,
    camera: Camera | None = None,
    file: Path | None = None,
) -> Picture:
    return Picture(text)

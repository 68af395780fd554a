"""`dataset.mix`: real pictures and synthetic ones made of them, as one training set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, NamedTuple

from nodegraph import Collected, Context, Item, Param, Stream, node
from nodes.types import Boxes, Image

if TYPE_CHECKING:
    import numpy as np

_log = logging.getLogger(__name__)

Ratio = Annotated[float, Param(ge=0, le=1000, help="synthetic pictures of this source per real picture")]


class Mixed(NamedTuple):
    """A picture of the mix and the boxes of the objects in it."""

    image: Image
    boxes: Boxes


@dataclass(frozen=True)
class _Source:
    """Synthetic pictures with their boxes, and how many of them are wanted per real picture."""

    name: str
    images: Collected[Image] | None
    boxes: Collected[Boxes] | None
    ratio: float


@node("dataset.mix", version=1, seeded=True)
def mix(
    images: Collected[Image],
    boxes: Collected[Boxes],
    first_images: Collected[Image] | None = None,
    first_boxes: Collected[Boxes] | None = None,
    second_images: Collected[Image] | None = None,
    second_boxes: Collected[Boxes] | None = None,
    *,
    first_ratio: Ratio = 1.0,
    second_ratio: Ratio = 1.0,
    real_copies: Annotated[
        int, Param(ge=0, le=1000, help="how often each real picture is in the mix; 0 leaves them out")
    ] = 1,
    max_per_class: Annotated[
        int | None,
        Param(ge=0, help="at most so many synthetic objects of each class, over both sources; null = any"),
    ] = None,
    ctx: Context,
) -> Stream[Mixed]:
    """Mix real pictures with synthetic ones made of them, in a ratio, shuffled by the seed.

    Up to two sources of synthetic pictures, such as the spatial and the temporal axis, each with its ratio of
    synthetic to real pictures. Only pictures made of the given real ones are taken: a synthetic picture's
    item key begins with that of its photo, as fan-out and `stream.flatten_pair` make it (`photo/clip/frame`).
    So with the pictures of a training split linked, nothing that was made of a test picture gets in, and
    with a share of them (`dataset.fraction`) only what could be made of that share.

    Of each source, `ratio` times the number of real pictures are drawn, evenly over photos: each gives one
    before any gives a second. Where there are fewer, all are taken, with a warning. `max_per_class` leaves
    out, in the order in which they are drawn, pictures with which a class would have more objects; regions to
    ignore do not count. Item keys are `real/KEY`, `first/KEY` and `second/KEY`, those of copies `real-2/KEY`
    and so on. No picture is decoded for this, and nothing is copied. The paper (arXiv 2512.12508) states
    neither ratio nor caps; ten views of an image are among its first experiments.

    Raises:
        ValueError: if of a source only the pictures or only the boxes are linked, or pictures lack boxes.
    """
    sources = [
        _Source("first", first_images, first_boxes, first_ratio),
        _Source("second", second_images, second_boxes, second_ratio),
    ]
    _check(images, boxes, sources)
    rng = ctx.rng()
    entries: list[tuple[str, Item[Image], Item[Boxes]]] = []
    for copy in range(1, real_copies + 1):
        prefix = "real" if copy == 1 else f"real-{copy}"
        entries += [(f"{prefix}/{key}", images[key], boxes[key]) for key in images.keys()]  # noqa: SIM118
    photos = set(images.keys())
    counts: dict[str, int] = {}
    for source in sources:
        if source.images is None or source.boxes is None:
            continue
        wanted = round(source.ratio * len(photos))
        keys = _drawn(source.images.keys(), photos, wanted, rng)
        if len(keys) < wanted:
            _warn_of_too_few(source, len(source.images.keys()), len(photos), wanted, len(keys))
        for key in _within_caps(keys, source.boxes, counts, max_per_class):
            entries.append((f"{source.name}/{key}", source.images[key], source.boxes[key]))
    for index in rng.permutation(len(entries)):
        key, image, its_boxes = entries[int(index)]
        yield Item(key, Mixed(image.carried, its_boxes.carried))


def _check(images: Collected[Image], boxes: Collected[Boxes], sources: Sequence[_Source]) -> None:
    _check_boxes("images", images, boxes)
    for source in sources:
        if (source.images is None) != (source.boxes is None):
            raise ValueError(f"link both {source.name}_images and {source.name}_boxes, or neither")
        if source.images is not None and source.boxes is not None:
            _check_boxes(f"{source.name}_images", source.images, source.boxes)


def _check_boxes(name: str, images: Collected[Image], boxes: Collected[Boxes]) -> None:
    missing = sorted(set(images.keys()) - set(boxes.keys()))
    if missing:
        raise ValueError(
            f"{name} has {len(missing)} pictures without boxes, {missing[0]!r} for one: link boxes of the "
            "same items; a picture without objects has empty ones"
        )


def _warn_of_too_few(source: _Source, given: int, real: int, wanted: int, found: int) -> None:
    _log.warning(
        "%s_ratio %g asks for %d pictures made of the %d real ones, and %d of the %d in %s_images are: "
        "all are taken; make more of each picture or lower %s_ratio",
        source.name, source.ratio, wanted, real, found, given, source.name, source.name,
    )  # fmt: skip


def _drawn(keys: Sequence[str], photos: set[str], count: int, rng: np.random.Generator) -> list[str]:
    """At most `count` keys of pictures made of these photos, in random order, evenly over photos."""
    by_photo: dict[str, list[str]] = {}
    for key in keys:
        photo = _photo_of(key, photos)
        if photo is not None:
            by_photo.setdefault(photo, []).append(key)
    shuffled = [[group[int(index)] for index in rng.permutation(len(group))] for group in by_photo.values()]
    drawn: list[str] = []
    for turn in range(max(map(len, shuffled), default=0)):
        here = [group[turn] for group in shuffled if turn < len(group)]
        drawn += [here[int(index)] for index in rng.permutation(len(here))]
    return drawn[:count]


def _photo_of(key: str, photos: set[str]) -> str | None:
    """The photo that a synthetic picture was made of: the one whose key its own begins with, or is."""
    parts = key.split("/")
    beginnings = ("/".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((beginning for beginning in beginnings if beginning in photos), None)


def _within_caps(
    keys: Sequence[str], boxes: Collected[Boxes], counts: dict[str, int], cap: int | None
) -> Iterator[str]:
    """Those of the keys with which no class gets more than `cap` objects; `counts` goes on counting."""
    if cap is None:
        yield from keys
        return
    for key in keys:
        objects = _objects(boxes[key].value)
        if all(counts.get(name, 0) + count <= cap for name, count in objects.items()):
            for name, count in objects.items():
                counts[name] = counts.get(name, 0) + count
            yield key


def _objects(boxes: Boxes) -> dict[str, int]:
    """How many objects of each class there are."""
    import numpy as np

    ids, counts = np.unique(boxes.class_ids[~boxes.ignore], return_counts=True)
    return {boxes.categories.names[id]: int(count) for id, count in zip(ids, counts, strict=True)}

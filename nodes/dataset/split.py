"""`dataset.split` and `dataset.fraction`: parts of a data set that hold when pictures are added."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated, Literal

from nodegraph import Collected, Item, Param, Stream, node
from nodes.load.annotated import AnnotatedImage
from nodes.types import Boxes, Image

_log = logging.getLogger(__name__)

Part = Literal["train", "test"]

SplitSeed = Annotated[int, Param(ge=0, help="which pictures fall on which side; another number, other parts")]


@node("dataset.split", version=1)
def split(
    images: Collected[Image],
    boxes: Collected[Boxes],
    *,
    part: Annotated[Part, Param(help="which of the two parts to give")] = "train",
    test_share: Annotated[
        float, Param(ge=0, le=1, help="share of the pictures in the test part, on average")
    ] = 0.2,
    split_seed: SplitSeed = 0,
) -> Stream[AnnotatedImage]:
    """Take the training or the test part of a data set, always the same pictures for the same seed.

    A picture's part depends on its item key and the seed alone: two nodes with equal settings but for `part`
    share no picture and leave none out, and a picture that is added moves no other. Each falls into the test
    part with the probability `test_share` (by BLAKE3), so a small set may be off that share. A part that
    gets no picture at all is told as a warning.
    """
    keys = _in_both(images, boxes)
    chosen = [key for key in keys if (_place(key, split_seed, "split") < test_share) == (part == "test")]
    if keys and not chosen:
        change = "raise" if part == "test" else "lower"
        _log.warning(
            "none of the %d pictures are in the %s part: %s test_share (%g) or give another split_seed (%d), "
            "the same for both parts",
            len(keys), part, change, test_share, split_seed,
        )  # fmt: skip
    for key in chosen:
        yield _pass_on(images, boxes, key)


@node("dataset.fraction", version=1)
def fraction(
    images: Collected[Image],
    boxes: Collected[Boxes],
    *,
    share: Annotated[float, Param(ge=0, le=1, help="share of the pictures that is kept")] = 1.0,
    subset_seed: Annotated[int, Param(ge=0, help="which pictures a share holds")] = 0,
) -> Stream[AnnotatedImage]:
    """Keep a share of a data set, as an experiment with little data needs; at least one picture.

    Kept are the pictures whose BLAKE3 digests of seed and item key are smallest, in the order they came in.
    So a smaller share is part of a larger one of the same seed, and the order of the source does not
    matter. The number kept is rounded; share 0 keeps none.
    """
    keys = _in_both(images, boxes)
    count = max(1, round(share * len(keys))) if share > 0 else 0
    kept = set(sorted(keys, key=lambda key: (_place(key, subset_seed, "fraction"), key))[:count])
    for key in keys:
        if key in kept:
            yield _pass_on(images, boxes, key)


def _in_both(images: Collected[Image], boxes: Collected[Boxes]) -> Sequence[str]:
    """The keys of pictures that have boxes, in the order of the pictures."""
    annotated = set(boxes.keys())
    return [key for key in images.keys() if key in annotated]  # noqa: SIM118 -- a stream yields items


def _pass_on(images: Collected[Image], boxes: Collected[Boxes], key: str) -> Item[AnnotatedImage]:
    return Item(key, AnnotatedImage(images[key].carried, boxes[key].carried))


def _place(key: str, seed: int, purpose: str) -> float:
    """Where a key falls between 0 and 1, evenly; another purpose, another place."""
    from blake3 import blake3

    digest = blake3(f"{purpose}/{seed}/{key}".encode("utf-8", "surrogatepass")).digest(length=8)
    return int.from_bytes(digest) / 2**64

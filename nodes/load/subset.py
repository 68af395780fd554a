"""A part of a data set, drawn by a seed: the same pictures on every machine and in every order of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from nodegraph import Param

T = TypeVar("T")

Subset = Annotated[
    int | None, Param(ge=1, help="at most so many pictures, drawn by subset_seed; default: all")
]
SubsetSeed = Annotated[int, Param(ge=0, help="which pictures a subset holds")]


def drawn(
    entries: Sequence[T], name_of: Callable[[T], str], subset: int | None, subset_seed: int
) -> Sequence[T]:
    """Those of the entries that a subset of this size holds, in the order they came in.

    Taken are the entries with the smallest BLAKE3 digests of the seed and their name. So a smaller subset is
    part of a larger one of the same seed, the order of the entries does not matter, and one that is added
    displaces at most one. The rule is our choice: how the 5,000 pictures of the published COCO5k were picked
    is not known.
    """
    if subset is None or subset >= len(entries):
        return entries
    ranked = sorted(range(len(entries)), key=lambda index: _rank(name_of(entries[index]), subset_seed))
    return [entries[index] for index in sorted(ranked[:subset])]


def _rank(name: str, subset_seed: int) -> bytes:
    from blake3 import blake3

    return blake3(f"{subset_seed}/{name}".encode("utf-8", "surrogatepass")).digest()

"""Splitting a dataset into training and validation parts that share no source picture."""

from __future__ import annotations

import hashlib
from typing import Annotated

from nodegraph import Param

ValShare = Annotated[
    float,
    Param(ge=0, lt=1, help="share of the sources that go to 'val'; all items of one source stay together"),
]

SplitName = Annotated[
    str,
    Param(pattern="^[A-Za-z0-9_-]+$", max_length=64, help="name of what is not in the validation share"),
]


def split_of(key: str, split: str, val_share: float) -> str:
    """The split of an item: `"val"` for a share of the sources, else `split`.

    The source is the first part of the item key, so frames of one clip never straddle the parts. It is
    chosen by a hash of its name: a picture that is added moves no other one.
    """
    source = key.split("/", 1)[0].encode("utf-8", "surrogatepass")
    place = int.from_bytes(hashlib.blake2b(source, digest_size=8).digest(), "big") / 2**64
    return "val" if place < val_share else split

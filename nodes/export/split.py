"""Splitting a dataset into training and validation parts that share no source picture."""

from __future__ import annotations

import hashlib
from typing import Annotated

from nodegraph import Param
from nodes.export.names import source_of

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

    Frames of one clip have one source and never straddle the parts. A source is chosen by a hash of its name:
    a picture that is added moves no other one.
    """
    source = source_of(key).encode("utf-8", "surrogatepass")
    place = int.from_bytes(hashlib.blake2b(source, digest_size=8).digest(), "big") / 2**64
    return "val" if place < val_share else split

"""Sizes in bytes as people write them."""

from __future__ import annotations

import re
from fractions import Fraction

_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?)\s*(?:([KMGT])(i?))?B?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Bytes of a size such as `50GiB`, `500MB` or `1024`; part of a byte is left out.

    Raises:
        ValueError: if it is not a size above 0; says how to write one.
    """
    match = _SIZE.fullmatch(text.strip())
    nbytes = 0
    if match is not None:
        number, unit, binary = match.groups(default="")
        nbytes = int(Fraction(number) * (1024 if binary else 1000) ** _POWERS[unit.upper()])
    if nbytes <= 0:
        raise ValueError(f"{text!r} is not a size; write it like 50GiB, 500MB or 1048576")
    return nbytes

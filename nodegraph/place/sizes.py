"""Sizes in bytes as people write them."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)(B?)", re.IGNORECASE)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_size(text: str) -> int:
    """Bytes of a size such as `50GiB`, `500MB` or `1024`.

    Raises:
        ValueError: if it is not a size above 0; says how to write one.
    """
    match = _SIZE.fullmatch(text.strip())
    nbytes = 0
    if match is not None:
        number, unit, binary, _ = match.groups()
        nbytes = int(float(number) * (1024 if binary else 1000) ** _POWERS[unit.upper()])
    if nbytes <= 0:
        raise ValueError(f"{text!r} is not a size; write it like 50GiB, 500MB or 1048576")
    return nbytes

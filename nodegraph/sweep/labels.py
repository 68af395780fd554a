"""Short names of values and combinations that are legal in a file name, stable, and unlike each other."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from blake3 import blake3

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_LONGEST_VALUE = 32
_LONGEST_NAME = 160
_STEM = 16
_DIGITS = 12


def value_labels(values: Sequence[Any]) -> tuple[str, ...]:
    """A label for each JSON value of an axis; no two are equal if no two values are.

    A value that is short and has no awkward characters is its own label, whatever the others are. Others
    are told by the end of their text and a digest of the value.
    """
    texts = [value if isinstance(value, str) else _json(value) for value in values]
    often = Counter(texts)
    return tuple(
        text if often[text] == 1 and _is_safe(text) else _with_digest(text[-_STEM:], _json(value))
        for text, value in zip(texts, values, strict=True)
    )


def joined(parts: Iterable[str]) -> str:
    """The labels of a combination as one name; a long one is cut and told by its digest."""
    name = ",".join(parts)
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}~{_digest(name)}"


def _is_safe(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_VALUE and _UNSAFE.search(text) is None


def _with_digest(stem: str, content: str) -> str:
    return f"{_UNSAFE.sub('_', stem).strip('_.')}~{_digest(content)}"


def _digest(text: str) -> str:
    return blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))

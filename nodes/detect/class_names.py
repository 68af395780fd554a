"""From a detector's classes to those of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from nodes.types import Categories


def class_ids(
    labels: Sequence[str], mapping: Mapping[str, str] | None, categories: Categories
) -> dict[str, int]:
    """The class id of each of a detector's classes that a dataset has.

    Args:
        labels: the detector's classes.
        mapping: the dataset's class for each of those that are kept; None keeps what has the same name.
        categories: the dataset's classes.

    Raises:
        ValueError: if the mapping names a class that is not there; tells the nearest.
    """
    ids = {name: index for index, name in enumerate(categories.names)}
    if mapping is None:
        return {name: ids[name] for name in labels if name in ids}
    for given, valid, whose in (
        (mapping.keys(), labels, "detector"),
        (mapping.values(), categories.names, "linked boxes"),
    ):
        for name in given:
            if name not in valid:
                raise ValueError(_unknown(name, valid, whose))
    return {name: ids[target] for name, target in mapping.items()}


def own_categories(labels: Sequence[str], mapping: Mapping[str, str] | None) -> Categories:
    """The classes that detections have without a dataset: those mapped to, or all of the detector's."""
    return Categories.of(*dict.fromkeys(labels if mapping is None else mapping.values()))


def _unknown(name: str, valid: Sequence[str], whose: str) -> str:
    near = get_close_matches(name, valid, n=1)
    lower = next((other for other in valid if other.lower() == name.lower()), near[0] if near else None)
    hint = f"did you mean {lower!r}?" if lower else f"it has {', '.join(list(valid)[:12]) or 'none'}"
    return f"classes names {name!r}, which is no class of the {whose}: {hint}"

"""The nearest valid name to a misspelled one."""

from __future__ import annotations

from collections.abc import Collection, Iterable

_COMPARED = 400
_LISTED = 12


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, or None. Of many names only those of like length are compared."""
    from difflib import get_close_matches

    names = list(valid)
    if len(names) > _COMPARED:
        start = name[:1].lower()
        names = [other for other in names if abs(len(other) - len(name)) <= 1 and other[:1].lower() == start]
    names = names[:_COMPARED]
    lowered = {other.lower(): other for other in reversed(names)}
    if name.lower() in lowered:
        return lowered[name.lower()]
    found = get_close_matches(name, names, n=1)
    return found[0] if found else None


def suggest(name: str, valid: Collection[str], *, called: str) -> str:
    """A hint: the nearest valid name, and all of them if they are few.

    Args:
        called: what the names are, such as `"its inputs"`.
    """
    near = nearest(name, valid)
    parts = [f"did you mean {near!r}?"] if near else []
    if not valid:
        parts.append(f"{called}: none")
    elif len(valid) <= _LISTED:
        parts.append(f"{called}: {', '.join(valid)}")
    return " ".join(parts)

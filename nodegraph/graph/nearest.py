"""The nearest valid name to a misspelled one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

_COMPARED = 400
_LISTED = 12


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A hint that is worked out only if it is shown: comparing names takes time.

    Attributes:
        name: the name that is not valid.
        valid: the names that are.
        called: what these are, such as `"its inputs"`.
        after: what else to say.
    """

    name: str
    valid: Collection[str] = field(compare=False)
    called: str
    after: str = ""

    def __str__(self) -> str:
        """The nearest valid name, and all of them if they are few."""
        near = nearest(self.name, self.valid)
        parts = [f"did you mean {near!r}?"] if near else []
        if not self.valid:
            parts.append(f"{self.called}: none")
        elif len(self.valid) <= _LISTED:
            parts.append(f"{self.called}: {', '.join(self.valid)}")
        return " ".join([*parts, self.after] if self.after else parts)


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name most like `name`, or None.

    Of many names only those of like length are compared, first those that begin as `name` does.
    """
    from difflib import get_close_matches

    names = list(valid)
    same = next((other for other in names if other.lower() == name.lower()), None)
    if same is not None:
        return same
    if len(names) > _COMPARED:
        names = [other for other in names if abs(len(other) - len(name)) <= 1]
        names = sorted(names, key=lambda other: -_shared(name, other))[:_COMPARED]
    found = get_close_matches(name, names, n=1)
    return found[0] if found else None


def _shared(name: str, other: str) -> int:
    """How many characters two names begin with in common."""
    count = 0
    for mine, theirs in zip(name, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count

"""The fingerprint of the code behind a node type that has no version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blake3 import blake3

from nodegraph.node.code.reach import Reach

_TAG = b"nodegraph/code/2\0"


@dataclass(frozen=True, slots=True)
class CodeFingerprint:
    """What a function's behaviour depends on in its code.

    Attributes:
        parts: for each function, class member, constant, captured value and distribution that it uses,
            by qualified name such as `"mypack.helpers.lift"`: 32 bytes that change when it changes.
    """

    parts: Mapping[str, bytes]

    @property
    def digest(self) -> bytes:
        """32 bytes: BLAKE3 over all parts."""
        listed = (
            len(name.encode()).to_bytes(4, "little") + name.encode() + self.parts[name]
            for name in sorted(self.parts)
        )
        return blake3(_TAG + b"".join(listed)).digest()


def fingerprint(function: Callable[..., Any]) -> CodeFingerprint:
    """Fingerprint the code that a function uses, transitively through its own pack.

    It is read from source and nothing is run or imported. Comments, docstrings, layout, names of local
    variables and annotations of functions do not count; neither do the standard library and the
    engine. Other distributions count by version. A name that cannot be resolved from the source makes
    the whole module count. Equal in every process and on every machine.

    Raises:
        DeclarationError: if some of it has neither source nor a value that can be hashed; asks for
            `version=`.
    """
    return CodeFingerprint(Reach(function).parts())


def changed_parts(old: Mapping[str, bytes], new: Mapping[str, bytes]) -> list[str]:
    """Where the parts of two fingerprints differ: first those in both, then what came, then what went."""
    changed = [name for name in new if name in old and new[name] != old[name]]
    came = [name for name in new if name not in old]
    went = [name for name in old if name not in new]
    return [*sorted(changed), *sorted(came), *sorted(went)]

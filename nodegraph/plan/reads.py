"""How files that items were read from are named: without the place where they lie on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from nodegraph.plan.program import Step


def relative_name(path: Path, roots: Iterable[Path]) -> str:
    """How a file that was read is named: relative to the first root it is under, else by its bare name."""
    plain = Path(os.path.normpath(path))
    for root in roots:
        folder = Path(os.path.normpath(root))
        if plain != folder and plain.is_relative_to(folder):
            return plain.relative_to(folder).as_posix()
    return plain.name


def names_of(step: Step, paths: Iterable[Path]) -> tuple[str, ...]:
    """The files that a step has read, relative to the folders among its params."""
    roots = [value for value in step.node.params.values() if isinstance(value, Path)]
    return tuple(relative_name(path, roots) for path in paths)

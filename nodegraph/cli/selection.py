"""From the options of `run` and `plan` to what the engine takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nodegraph.cli.options import UsageError, parse_size

if TYPE_CHECKING:
    from nodegraph.api import Options


def options_of(
    *,
    store: Path | None = None,
    store_size: str | None = None,
    inputs: Sequence[str] | None = None,
    sets: Sequence[str] | None = None,
    values: Sequence[Path] | None = None,
    sweep: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    force: Sequence[str] | None = None,
    limit: int | None = None,
    items: str | None = None,
    out: Path | None = None,
    devices: str = "auto",
    jobs: int | None = None,
    fail_fast: bool = False,
) -> Options:
    """The engine's options; what was not given on the command line is its default.

    Raises:
        UsageError: if the size of the store is not a size, or a node is named as in the report of a sweep.
    """
    from nodegraph.api import Options

    for name in (*(targets or ()), *(force or ())):
        refuse_swept_name(name)

    return Options(
        store=store,
        store_size=None if store_size is None else parse_size(store_size),
        inputs=inputs or (),
        sets=sets or (),
        values=values or (),
        sweep=sweep or (),
        targets=targets or (),
        force=force or (),
        limit=limit,
        items=items,
        out=out,
        devices=devices,
        jobs=jobs,
        fail_fast=fail_fast,
    )


def refuse_swept_name(name: str) -> None:
    """Refuse what a report calls a node in one combination of a sweep: `blur[sigma=0.5]`.

    Raises:
        UsageError: if the name is one of those.
    """
    node, bracket, _ = name.partition("[")
    if bracket:
        raise UsageError(
            f"{name!r} is node {node!r} in one combination of a sweep; name {node!r}, and give the values "
            "of the combination by --set node.param=value, or --input"
        )

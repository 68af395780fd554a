"""From the options of `run` and `plan` to what the engine takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nodegraph.cli.options import parse_size

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
        UsageError: if the size of the store is not a size.
    """
    from nodegraph.api import Options

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

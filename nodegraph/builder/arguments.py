"""What running, planning and sweeping a graph in Python take, and what the engine makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

if TYPE_CHECKING:
    from nodegraph.api import Options
    from nodegraph.sweep.given import SweepLike


class RunArguments(TypedDict, total=False):
    """What `Graph.run`, `Graph.plan` and `Graph.sweep` take alike; `Graph.run` tells what each one means."""

    store: str | Path | None
    inputs: Mapping[str, Any] | None
    values: Sequence[str | Path]
    targets: Sequence[str]
    force: Sequence[str]
    limit: int | None
    items: str | None
    out: str | Path | None
    devices: str
    jobs: int | None
    fail_fast: bool


def options_of(sweep: SweepLike = (), /, **arguments: Unpack[RunArguments]) -> Options:
    """The options of the engine; what was not given is its default there.

    Raises:
        TypeError: if an argument has a name that none of them has.
    """
    from nodegraph.api import Options

    given: dict[str, Any] = {**arguments}
    for name in ("store", "out"):
        if given.get(name) is not None:
            given[name] = Path(given[name])
    given["inputs"] = given.get("inputs") or {}
    given["values"] = [Path(overlay) for overlay in given.get("values", ())]
    return Options(sweep=sweep, **given)

"""Loading the node packs that a command needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nodegraph.cli.terminal import Terminal

if TYPE_CHECKING:
    from nodegraph.node.packs import Pack


def load(terminal: Terminal, extra: Sequence[str] | None) -> tuple[Pack, ...]:
    """Load the installed packs and those of `--nodes`; warn of installed ones that do not load.

    Raises:
        PackError: if a pack that was asked for does not load.
    """
    from nodegraph.node.packs import load_packs

    packs = load_packs(extra or ())
    for pack in packs:
        if pack.problem:
            terminal.warn(pack.problem)
    return packs

"""The version of nodegraph."""

from __future__ import annotations


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version as distribution_version

    return distribution_version("nodegraph")

"""Writing the files that a user named on the command line."""

from __future__ import annotations

from pathlib import Path

from nodegraph.cli.options import UsageError


def write_file(path: Path, content: bytes) -> None:
    """Write a file that the user asked for.

    Raises:
        UsageError: if it cannot be written there; says why.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"cannot write {path}: {error.strerror or error}; name another file with -o"
        ) from None

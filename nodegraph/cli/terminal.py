"""What the command line writes: results to stdout, all else to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from nodegraph.show.wording import printable

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where a command writes.

    Attributes:
        json: the result is one JSON object on stdout.
        quiet: nothing but results and errors is written.
    """

    json: bool = False
    quiet: bool = False

    def result(self, text: str) -> None:
        """Write a result to stdout."""
        _write(sys.stdout, text)

    def result_json(self, result: Mapping[str, Any]) -> None:
        """Write the one JSON object of `--json` to stdout; its floats must be finite."""
        _write(sys.stdout, json.dumps(result, indent=2, allow_nan=False))

    def say(self, text: str) -> None:
        """Write to stderr what the user may like to know, unless `--quiet`."""
        if not self.quiet:
            _write(sys.stderr, text)

    def error(self, text: str) -> None:
        """Write to stderr what the user must know."""
        _write(sys.stderr, text)

    def warn(self, text: str) -> None:
        """Write a warning to stderr."""
        self.error(f"{self.styled('warning:', 'yellow')} {printable(text)}")

    def styled(self, text: str, *styles: str) -> str:
        """The text in ANSI styles if stderr is a terminal that shows colours, else as it is."""
        if not has_colours(sys.stderr):
            return text
        return f"\x1b[{';'.join(_STYLES[style] for style in styles)}m{text}\x1b[0m"


def has_colours(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours; `NO_COLOR` and `TERM=dumb` forbid them."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    encoding = stream.encoding or "utf-8"
    safe = text.encode(encoding, "backslashreplace").decode(encoding)
    stream.write(safe if safe.endswith("\n") else safe + "\n")
    stream.flush()

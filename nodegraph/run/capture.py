"""What nodes print or log: taken to the events with node and item, and to stderr, never to stdout."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
from collections.abc import Callable, Generator
from contextvars import ContextVar

Place = tuple[str, str]
"""Node id and item label of the call that is running in this thread."""

current_call: ContextVar[Place | None] = ContextVar("current_call", default=None)


class _NodeOutput(io.TextIOBase):
    """Stands in for stdout: the lines of a running call go to `sink`, all else to where it went before."""

    def __init__(self, sink: Callable[[Place, str], None], outside: object) -> None:
        self._sink = sink
        self._outside = outside
        self._partial: dict[Place, str] = {}

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        place = current_call.get()
        if place is None:
            return self._outside.write(text)  # type: ignore[attr-defined, no-any-return]
        *lines, rest = (self._partial.pop(place, "") + text).split("\n")
        if rest:
            self._partial[place] = rest
        for line in lines:
            self._sink(place, line)
        return len(text)

    def flush(self) -> None:
        if current_call.get() is None:
            self._outside.flush()  # type: ignore[attr-defined]

    def finish(self) -> None:
        """Hand on lines that had no newline."""
        for place, text in self._partial.items():
            self._sink(place, text)
        self._partial.clear()


class _NodeLog(logging.Handler):
    def __init__(self, sink: Callable[[Place, str], None]) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        place = current_call.get()
        if place is not None:
            self._sink(place, f"{record.levelname}: {record.getMessage()}")


@contextlib.contextmanager
def captured(sink: Callable[[Place, str], None]) -> Generator[None]:
    """Take what node functions print and log to `sink(place, line)` while the context lasts."""
    output = _NodeOutput(sink, sys.stdout)
    handler = _NodeLog(sink)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(output):
            yield
    finally:
        output.finish()
        logging.getLogger().removeHandler(handler)

"""What nodes print or log: taken to the events with node and item, and to stderr, never to stdout."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, TextIO, TypeVar, cast

E = TypeVar("E")

Place = tuple[str, str]
"""Node id and item label of the call that is running in this thread."""

Sink = Callable[[Place, str], None]

_current_call: ContextVar[Place | None] = ContextVar("current_call", default=None)


@contextlib.contextmanager
def running(place: Place) -> Generator[None]:
    """A call runs in this thread: what is printed and logged meanwhile is the node's."""
    token = _current_call.set(place)
    try:
        yield
    finally:
        _current_call.reset(token)
        output = cast("Any", sys.stdout)
        if isinstance(output, _NodeOutput):
            output.end_line(place)


def outside_call(function: Callable[[E], None]) -> Callable[[E], None]:
    """The same function; what it prints is its own, also where it is called while a call runs."""

    def call(argument: E) -> None:
        token = _current_call.set(None)
        try:
            function(argument)
        finally:
            _current_call.reset(token)

    return call


@contextlib.contextmanager
def captured(sink: Sink) -> Generator[None]:
    """Take what node functions print and log to `sink(place, line)` while the context lasts."""

    def tell(told: tuple[Place, str]) -> None:
        sink(*told)

    lines = outside_call(tell)
    output = _NodeOutput(lines, sys.stdout)
    handler = _NodeLog(lines)
    logging.getLogger().addHandler(handler)
    try:
        with contextlib.redirect_stdout(output):
            yield
    finally:
        output.finish()
        logging.getLogger().removeHandler(handler)


class _NodeOutput(io.TextIOBase):
    """Stands in for stdout.

    The lines of a running call go to `sink`. Threads that were started meanwhile belong to nodes, too: what
    they print goes to stderr. All else goes to where it went before.
    """

    def __init__(self, sink: Callable[[tuple[Place, str]], None], outside: TextIO) -> None:
        self._sink = sink
        self._outside = outside
        self._partial: dict[Place, str] = {}
        self._threads = {thread.ident for thread in threading.enumerate()}

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        place = _current_call.get()
        if place is None:
            return self._elsewhere().write(text)
        *lines, rest = (self._partial.pop(place, "") + text).split("\n")
        if rest:
            self._partial[place] = rest
        for line in lines:
            self._sink((place, line))
        return len(text)

    def flush(self) -> None:
        if _current_call.get() is None:
            self._elsewhere().flush()

    def _elsewhere(self) -> TextIO:
        is_ours = threading.current_thread().name.startswith(WORKER_NAME)
        return self._outside if is_ours or threading.get_ident() in self._threads else sys.stderr

    def end_line(self, place: Place) -> None:
        """Hand on the line that a call left without a newline."""
        if (text := self._partial.pop(place, "")) != "":
            self._sink((place, text))

    def finish(self) -> None:
        """Hand on all such lines, of calls that were left behind."""
        for place in list(self._partial):
            self.end_line(place)


class _NodeLog(logging.Handler):
    def __init__(self, sink: Callable[[tuple[Place, str]], None]) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        place = _current_call.get()
        if place is None:
            return
        try:
            text = record.getMessage()
        except Exception:
            self.handleError(record)
            return
        self._sink((place, f"{record.levelname}: {text}"))


WORKER_NAME = "nodegraph-"
"""What the names of the worker threads begin with."""

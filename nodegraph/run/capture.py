"""What nodes print or log: taken to the events with node and item, and to stderr, never to stdout."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Generator
from contextvars import ContextVar
from typing import Any, Protocol, TextIO, TypeVar, cast

E = TypeVar("E")

Place = tuple[str, str]
"""Node id and item label of the call that is running in this thread."""

Sink = Callable[[Place, str], None]


class HasLabel(Protocol):
    """An item in flight."""

    @property
    def label(self) -> str:
        """Its key as it is shown."""
        ...


_current_call: ContextVar[tuple[str, HasLabel] | None] = ContextVar("current_call", default=None)


begin_call = _current_call.set
"""A call begins in this thread, (node, item): what is printed and logged from now on is the node's."""


def end_calls() -> None:
    """The last call that began in this thread has ended."""
    _current_call.set(None)
    output = cast("Any", sys.stdout)
    if isinstance(output, _NodeOutput):
        output.end_lines(threading.get_ident())


def _place() -> Place | None:
    """The call that is running in this thread."""
    current = _current_call.get()
    return None if current is None else (current[0], current[1].label)


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
        output.end_lines()
        logging.getLogger().removeHandler(handler)


class _NodeOutput(io.TextIOBase):
    """Stands in for stdout.

    The lines of a running call go to `sink`. Threads that were started meanwhile belong to nodes, too: what
    they print goes to stderr. All else goes to where it went before.
    """

    def __init__(self, sink: Callable[[tuple[Place, str]], None], outside: TextIO) -> None:
        self._sink = sink
        self._outside = outside
        self._partial: dict[tuple[int, Place], str] = {}
        self._threads = {thread.ident for thread in threading.enumerate()}

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        place = _place()
        if place is None:
            return self._elsewhere().write(text)
        begun = threading.get_ident(), place
        *lines, rest = (self._partial.pop(begun, "") + text).split("\n")
        if rest:
            self._partial[begun] = rest
        for line in lines:
            self._sink((place, line))
        return len(text)

    def flush(self) -> None:
        if _current_call.get() is None:
            self._elsewhere().flush()

    def _elsewhere(self) -> TextIO:
        is_ours = threading.current_thread().name.startswith(WORKER_NAME)
        return self._outside if is_ours or threading.get_ident() in self._threads else sys.stderr

    def end_lines(self, thread: int | None = None) -> None:
        """Hand on the lines that calls left without a newline: those of one thread, or all."""
        for begun in list(self._partial):
            if thread in (None, begun[0]) and (text := self._partial.pop(begun, "")):
                self._sink((begun[1], text))


class _NodeLog(logging.Handler):
    def __init__(self, sink: Callable[[tuple[Place, str]], None]) -> None:
        super().__init__()
        self._sink = sink

    def emit(self, record: logging.LogRecord) -> None:
        place = _place()
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

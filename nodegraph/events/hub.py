"""Where events go: every subscriber gets each event, one at a time, in one order."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from nodegraph.events.types import (
    CallDone,
    CallFailed,
    CallPlaced,
    Event,
    MemoryTracked,
    ModelEvicted,
    ModelLoaded,
    NodeFinished,
    OutOfMemory,
    Output,
    PlacementForecast,
    RunFinished,
    RunStarted,
    Warned,
)

_encode = json.JSONEncoder(ensure_ascii=False).encode
_LOGGED = (
    *(RunStarted, RunFinished, NodeFinished, CallFailed, CallDone, Output, Warned),
    *(PlacementForecast, CallPlaced, ModelLoaded, ModelEvicted, MemoryTracked, OutOfMemory),
)


class EventHub:
    """Hands events to its subscribers; may be called from any thread."""

    def __init__(self) -> None:
        self._subscribers: list[Callable[[Event], None]] = []
        self._lock = threading.Lock()

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Send all later events to `subscriber` as well."""
        self._subscribers.append(subscriber)

    def emit(self, event: Event) -> None:
        """Send an event."""
        with self._lock:
            for subscriber in self._subscribers:
                subscriber(event)


class EventLog:
    """Writes events as JSON lines: per node, failure, call of 10 ms or more, and all that devices do."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("w", encoding="utf-8")

    def __call__(self, event: Event) -> None:
        """Write one event, if it is of a kind that is kept."""
        if isinstance(event, _LOGGED) and not self._file.closed:
            try:
                self._file.write(_encode(event.as_json()) + "\n")
                if not isinstance(event, NodeFinished):
                    self._file.flush()
            except OSError:
                # A disk that is full: the store, which cannot write either, tells it.
                self.close()

    def close(self) -> None:
        """Close the file."""
        with suppress(OSError):
            self._file.close()

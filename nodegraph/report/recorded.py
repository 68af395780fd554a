"""What a run's log holds, read back as events: above all placements, calls, models and memory of devices."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from nodegraph.events.types import (
    CallPlaced,
    Event,
    MemoryTracked,
    ModelEvicted,
    ModelLoaded,
    OutOfMemory,
    PlacementForecast,
)

_OF_DEVICES = (CallPlaced, MemoryTracked, ModelEvicted, ModelLoaded, OutOfMemory, PlacementForecast)
_BEGINS = re.compile(r'\{"event": "([a-z-]+)"')


def device_events(log: Path) -> Iterator[Event]:
    """The events of a run's log that tell of devices, in their order; see `recorded_events`."""
    return recorded_events(log, _OF_DEVICES)


def recorded_events(log: Path, kinds: Iterable[type[Event]]) -> Iterator[Event]:
    """The events of some kinds in a run's log, in their order.

    Lines that are cut short or damaged are left out, for a log may end in the middle of one. Nothing where
    there is no log.
    """
    wanted = {kind.kind: kind for kind in kinds}
    with suppress(FileNotFoundError), log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            # Most logs hold little of what is wanted: only lines that do are parsed.
            begins = _BEGINS.match(line)
            if begins is not None and begins[1] in wanted:
                with suppress(ValidationError):
                    yield _form(wanted[begins[1]]).validate_json(line)


@lru_cache(maxsize=16)
def _form(kind: type[Event]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)

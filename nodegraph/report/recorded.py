"""What a run's log holds of devices: placements, calls, models and memory, read back as events."""

from __future__ import annotations

import re
from collections.abc import Iterator
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

_KINDS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (CallPlaced, MemoryTracked, ModelEvicted, ModelLoaded, OutOfMemory, PlacementForecast)
}
_BEGINS = re.compile(r'\{"event": "([a-z-]+)"')


def device_events(log: Path) -> Iterator[Event]:
    """The events of a run's log that tell of devices, in their order.

    Lines that are cut short or damaged are left out, for a log may end in the middle of one. Nothing where
    there is no log.
    """
    with suppress(FileNotFoundError), log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            # Most logs hold nothing of devices: only lines that do are parsed.
            begins = _BEGINS.match(line)
            if begins is not None and begins[1] in _KINDS:
                with suppress(ValidationError):
                    yield _form(begins[1]).validate_json(line)


@lru_cache(maxsize=len(_KINDS))
def _form(kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[kind])

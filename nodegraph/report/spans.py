"""Times at work and times in memory, and how many of them become few enough to be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nodegraph.events.types import CallPlaced, ModelEvicted, ModelLoaded


@dataclass(frozen=True, slots=True)
class Span:
    """One call, or several of a node that are drawn as one; times in seconds since the run started.

    Attributes:
        busy: seconds of the calls, summed: more than `end - start` where they ran side by side.
        call: the first of them.
    """

    start: float
    end: float
    count: int
    busy: float
    call: CallPlaced


@dataclass(frozen=True, slots=True)
class Stay:
    """The time that a model was on a device, or several times that are drawn as one.

    Attributes:
        start: when loading began; 0 where the model was there when the run started.
        ready: when it was there.
        end: when it left, or the end of the run (`to` is then None).
        nbytes: what it took; 0 where that is not known.
        source: where it was loaded from; None where it was there when the run started.
        to: where it went; None where it stayed, or was loaded anew in another mode.
        count: how many stays these are.
        apart: the seconds between them.
    """

    start: float
    ready: float
    end: float
    mode: str
    nbytes: int
    source: Literal["disk", "host"] | None
    to: Literal["host", "dropped"] | None
    count: int = 1
    apart: float = 0.0

    @property
    def held(self) -> float:
        """The seconds that it was there."""
        return self.end - self.ready - self.apart


def spans_of(calls: Sequence[CallPlaced]) -> list[Span]:
    """A span for each call."""
    return [Span(max(0.0, call.time - call.seconds), call.time, 1, call.seconds, call) for call in calls]


def stays_of(entries: Sequence[ModelLoaded | ModelEvicted], end: float) -> Iterator[Stay]:
    """The stays of one model on one device.

    Args:
        entries: in order of time.
        end: of the run, in seconds since it started.
    """
    there: Stay | None = None
    for entry in entries:
        if isinstance(entry, ModelLoaded):
            start = max(0.0, entry.time - entry.seconds)
            if there is not None:
                yield replace(there, end=max(start, there.ready))
            ready, last = entry.time, max(end, entry.time)
            there = Stay(start, ready, last, entry.mode, entry.nbytes, entry.source, None)
        elif there is not None:
            yield replace(there, end=max(entry.time, there.ready), to=entry.to)
            there = None
        else:
            yield Stay(0.0, 0.0, entry.time, "", 0, None, entry.to)
    if there is not None:
        yield there


def merged_spans(spans: Sequence[Span], gap: float, narrow: float) -> list[Span]:
    """Spans with those made one that overlap by more than `gap`, or that are narrow and at most `gap` apart.

    Args:
        spans: of one node, by start.
        gap: in seconds.
        narrow: the seconds from which a span stands for itself.
    """
    result: list[Span] = []
    for span in spans:
        if result and _are_one(result[-1], span, gap, narrow):
            last = result[-1]
            result[-1] = replace(
                last,
                end=max(last.end, span.end),
                count=last.count + span.count,
                busy=last.busy + span.busy,
            )
        else:
            result.append(span)
    return result


def merged_stays(stays: Sequence[Stay], width: float) -> list[Stay]:
    """Stays with those made one that begin less than `width` seconds after the one before.

    Args:
        stays: of one model, by start.
        width: in seconds.
    """
    result: list[Stay] = []
    for stay in stays:
        if result and stay.start - result[-1].start < width:
            last = result[-1]
            result[-1] = replace(
                last,
                end=stay.end,
                nbytes=max(last.nbytes, stay.nbytes),
                to=stay.to,
                count=last.count + stay.count,
                apart=last.apart + stay.apart + max(0.0, stay.ready - last.end),
            )
        else:
            result.append(stay)
    return result


def _are_one(last: Span, span: Span, gap: float, narrow: float) -> bool:
    apart = span.start - last.end
    is_narrow = last.end - last.start < narrow or span.end - span.start < narrow
    return apart < -gap or (is_narrow and apart <= gap)

"""Windows: the parts in which items pass stages that do not run side by side, so that few wait in between."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from nodegraph.place.layout import Terms


def segments_of(terms: Terms) -> list[int]:
    """Per stage, how many times items were gathered before it."""
    segments = [0] * len(terms.counts)
    for stage in terms.stages:
        fed = [segments[source] for source in terms.feeds[stage]]
        segments[stage] = max([0, *fed, *(segments[source] + 1 for source in terms.gathers[stage])])
    return segments


def windows_of(
    terms: Terms, segments: Sequence[int], order: Sequence[int], several: Collection[int]
) -> list[int]:
    """Per segment, in how many windows items pass it.

    More than one only where a device comes to it in several turns, or a stage has another place in the
    order than one it takes from.
    """
    most = [0] * (max(segments, default=0) + 1)
    apart = [segment in several for segment in range(len(most))]
    for stage in terms.stages:
        segment = segments[stage]
        most[segment] = max(most[segment], terms.counts[stage])
        for source in terms.feeds[stage]:
            apart[segment] |= segments[source] == segment and order[source] != order[stage]
    limit = terms.problem.in_flight
    return [math.ceil(count / limit) if parts else 1 for count, parts in zip(most, apart, strict=True)]


def bounds_of(terms: Terms, segments: Sequence[int], windows: Sequence[int]) -> list[list[int]]:
    """Per stage, up to which item it comes in each window: no further than its feeds have come by then."""
    counts = terms.counts
    bounds: list[list[int]] = []
    for stage, count in enumerate(counts):
        number = windows[segments[stage]]
        feeds = [source for source in terms.feeds[stage] if segments[source] == segments[stage]]
        even = [-(-count * (window + 1) // number) for window in range(number)]
        bounds.append(
            [
                min([most, *(bounds[source][window] * count // counts[source] for source in feeds)])
                for window, most in enumerate(even)
            ]
        )
    return bounds


def followers_of(
    terms: Terms, segments: Sequence[int], order: Sequence[int], bounds: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Per stage that comes in windows, what takes from it in the same ones at another place in the order."""
    return [
        [
            other
            for other in terms.consumers[stage]
            if len(bounds[stage]) > 1 and segments[other] == segments[stage] and order[other] != order[stage]
        ]
        for stage in range(len(bounds))
    ]

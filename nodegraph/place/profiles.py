"""Reading costs out of profiles: which measurements tell of a setting, and a line through them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from nodegraph.place.shapes import UNKNOWN, elements
from nodegraph.store.profiles import LoadRate, LoadSource, Profile, Sample, Setting, Subject


class Profiles(Protocol):
    """Where measurements are kept; a store is one."""

    def profile(self, subject: Subject) -> Profile:
        """What calls of a node type with some models took, by setting."""
        ...

    def load_rate(self, device_kind: str, source: LoadSource) -> LoadRate:
        """How fast models are loaded onto a kind of device."""
        ...


class Circumstances(NamedTuple):
    """A setting apart from the batch size; `shapes` may be unknown."""

    version: str
    device_kind: str
    mode: str
    shapes: str


Points = Mapping[int, Sample]
"""What was measured in some circumstances, by batch size."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Measurements that tell of some circumstances.

    Attributes:
        points: calls that got through, by batch size.
        of: the circumstances they were measured in.
        scale: how many times the array elements of theirs the wanted ones have.
        exact: whether theirs are the wanted ones.
    """

    points: Points
    of: Circumstances
    scale: float
    exact: bool


def by_circumstances(profile: Profile) -> dict[Circumstances, Points]:
    """A profile with the batch sizes of equal circumstances together."""
    found: dict[Circumstances, dict[int, Sample]] = {}
    for setting, sample in profile.items():
        found.setdefault(Circumstances(*setting[:4]), {})[setting.batch] = sample
    return dict(found)


def nearest(profile: Profile, wanted: Circumstances) -> Evidence | None:
    """The measurements that tell most of the wanted circumstances; None if no call got through.

    The same kind of device comes first, then the same mode, the same version, and the nearest number of array
    elements. Where the shapes are unknown before the run, those that take most stand for them; they count as
    exact if calls in such circumstances never had others.
    """
    through = {
        of: {batch: sample for batch, sample in points.items() if sample.calls}
        for of, points in by_circumstances(profile).items()
    }
    known = {of: points for of, points in through.items() if points}
    if not known:
        return None
    best = min(known, key=lambda of: _distance(of, known[of], wanted))
    if wanted.shapes == UNKNOWN:
        same = [of for of in known if of[:3] == wanted[:3]]
        return Evidence(known[best], best, 1.0, same == [best])
    here, there = elements(wanted.shapes), elements(best.shapes)
    scale = here / there if here and there else 1.0
    return Evidence(known[best], best, scale, best == wanted)


def lower_bounds(profile: Profile, wanted: Circumstances) -> Points:
    """Batches that ran out of memory in the wanted circumstances, and never got through.

    One that took more than a larger batch which got through was that of an item unlike the others.
    """
    found: dict[int, Sample] = {}
    for setting, sample in profile.items():
        if sample.calls or setting[:3] != wanted[:3] or wanted.shapes not in (UNKNOWN, setting.shapes):
            continue
        if wanted.shapes == UNKNOWN and _got_through_elsewhere(setting, profile):
            continue
        known = found.get(setting.batch)
        if (known is None or known.peak < sample.peak) and not _is_unlike_others(setting, sample, profile):
            found[setting.batch] = sample
    return found


def _got_through_elsewhere(setting: Setting, profile: Profile) -> bool:
    """Whether calls with inputs of other shapes got through: where shapes are unknown, these may come."""
    return any(
        sample.calls and here[:3] == setting[:3] and here.shapes != setting.shapes
        for here, sample in profile.items()
    )


def _is_unlike_others(setting: Setting, sample: Sample, profile: Profile) -> bool:
    return any(
        other.calls and here.batch >= setting.batch and other.peak < sample.peak
        for here, other in profile.items()
        if here[:4] == setting[:4]
    )


def fit_bytes(points: Points) -> tuple[int, int]:
    """The fixed and the item bytes of calls, never below a measured peak at its batch size.

    The line of least squares, with neither part negative, raised to the highest peak beside it. One batch
    size alone cannot tell the parts from each other: all of it is then the items'.
    """
    fixed, item = fit_line([(batch, sample.peak) for batch, sample in points.items()])
    item_bytes = math.ceil(item)
    fixed_bytes = max(sample.peak - item_bytes * batch for batch, sample in points.items())
    return max(fixed_bytes, math.ceil(fixed), 0) if len(points) > 1 else 0, item_bytes


def fit_seconds(points: Points) -> tuple[float, float]:
    """The fixed and the item seconds of calls: the line of least squares, with neither part negative."""
    return fit_line([(batch, sample.seconds) for batch, sample in points.items()])


def fit_line(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Offset and slope of the line of least squares through (batch, value), with neither negative.

    With one batch size all of it is slope. Values are at least 0; at least one point is needed.
    """
    batches = [batch for batch, _ in points]
    if len(set(batches)) == 1:
        return 0.0, sum(value for _, value in points) / sum(batches)
    batch_mean, mean = sum(batches) / len(points), sum(value for _, value in points) / len(points)
    spread = sum((batch - batch_mean) ** 2 for batch in batches)
    slope = sum((batch - batch_mean) * (value - mean) for batch, value in points) / spread
    if slope <= 0:
        return mean, 0.0
    offset = mean - slope * batch_mean
    if offset >= 0:
        return offset, slope
    return 0.0, sum(batch * value for batch, value in points) / sum(batch * batch for batch in batches)


def raised(fixed: int, item: int, bounds: Points) -> tuple[int, int]:
    """The same bytes with as much more per item as batches that ran out are known to need."""
    needs: Iterable[int] = (-(-(sample.peak - fixed) // batch) for batch, sample in bounds.items())
    return fixed, max(item, *needs, 0)


def _distance(of: Circumstances, points: Points, wanted: Circumstances) -> tuple[float, ...]:
    """How little measurements tell of the wanted circumstances; smaller tells more."""
    if wanted.shapes == UNKNOWN:
        apart = -max(sample.peak / batch for batch, sample in points.items())
    else:
        here, there = elements(wanted.shapes), elements(of.shapes)
        apart = abs(math.log((here or 1) / (there or 1)))
    return (
        of.device_kind != wanted.device_kind,
        of.mode != wanted.mode,
        of.version != wanted.version,
        of.shapes != wanted.shapes if wanted.shapes != UNKNOWN else 0,
        apart,
        -max(sample.run for sample in points.values()),
    )

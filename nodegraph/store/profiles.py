"""What calls that use models took: memory and time by setting, and how fast models were loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from blake3 import blake3

from nodegraph.store.rows import pack, unpack

LoadSource = Literal["disk", "host"]
"""Where a model is loaded from: a file, or host memory."""

_MOST_SETTINGS = 128
_DECAY = 0.5
"""What is left in each later run of the part of a peak that was not reached again."""
_MEMORY_CALLS = 4.0
"""All earlier calls together count as this many at most, so that the newest weigh most."""


class Subject(NamedTuple):
    """What is profiled: a node type, with the models that its calls use, by id, in any order."""

    type_id: str
    models: tuple[str, ...] = ()


class Setting(NamedTuple):
    """What the memory and the time of a call depend on.

    Attributes:
        version: the version of the node type, or the fingerprint of its code.
        device_kind: such as `cuda` or `cpu`.
        mode: how its models were held.
        shapes: the shape class of its inputs, see `nodegraph.place.shapes`.
        batch: how many items it took.
    """

    version: str
    device_kind: str
    mode: str
    shapes: str
    batch: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What calls of one setting took in one run.

    Attributes:
        peak: the most working memory that one of them took, in bytes; for those that ran out, what they
            needed at least.
        seconds: what those that got through took in all.
        calls: how many got through; 0 for one that ran out of memory.
    """

    peak: int
    seconds: float = 0.0
    calls: int = 0

    def plus(self, later: Measured) -> Measured:
        """Both together; that a call got through counts more than that one ran out before it."""
        peak = later.peak if later.calls and not self.calls else max(self.peak, later.peak)
        return Measured(peak, self.seconds + later.seconds, self.calls + later.calls)


@dataclass(frozen=True, slots=True)
class Sample:
    """What calls of one setting took over all runs.

    Attributes:
        recent: the peak in the latest run, in bytes.
        before: what the peak was held to be before that run.
        seconds: what one call takes, newer calls weighing more.
        calls: how many calls that stands for; 0 if each ran out of memory: the peak is then a lower bound.
        run: the latest run that measured it.
    """

    recent: int
    before: int = 0
    seconds: float = 0.0
    calls: float = 0.0
    run: int = 0

    @property
    def peak(self) -> int:
        """Bytes of working memory to reckon with: the highest seen, of which an outlier fades by and by."""
        return max(self.recent, round(self.recent + (self.before - self.recent) * _DECAY))

    def updated(self, measured: Measured, run: int) -> Sample:
        """With what was measured in `run`; one that is no later than the latest counts as part of it."""
        earlier = min(self.calls, _MEMORY_CALLS)
        calls = earlier + measured.calls
        seconds = (self.seconds * earlier + measured.seconds) / calls if calls else 0.0
        if measured.calls and not self.calls:
            return Sample(measured.peak, 0, seconds, calls, max(run, self.run))
        if run <= self.run:
            return Sample(max(self.recent, measured.peak), self.before, seconds, calls, self.run)
        return Sample(measured.peak, self.peak, seconds, calls, run)


Profile = Mapping[Setting, Sample]
"""What is known of one subject."""


@dataclass(frozen=True, slots=True)
class LoadRate:
    """Bytes of models that were loaded, and the seconds that took; older ones count less."""

    nbytes: float = 0.0
    seconds: float = 0.0

    def plus(self, other: LoadRate) -> LoadRate:
        """Both together."""
        return LoadRate(self.nbytes + other.nbytes, self.seconds + other.seconds)

    @property
    def bytes_per_second(self) -> float | None:
        """How fast models are loaded; None if that was not measured."""
        return self.nbytes / self.seconds if self.nbytes > 0 and self.seconds > 0 else None


@dataclass(slots=True)
class Measurements:
    """What was measured and is not yet part of the profiles."""

    calls: dict[Subject, dict[Setting, Measured]] = field(
        default_factory=dict[Subject, dict[Setting, Measured]]
    )
    loads: dict[tuple[str, LoadSource], LoadRate] = field(
        default_factory=dict[tuple[str, LoadSource], LoadRate]
    )

    def __bool__(self) -> bool:
        return bool(self.calls or self.loads)

    def add(self, subject: Subject, setting: Setting, measured: Measured) -> None:
        """Add what a call took."""
        settings = self.calls.setdefault(in_order(subject), {})
        known = settings.get(setting)
        settings[setting] = measured if known is None else known.plus(measured)

    def add_load(self, device_kind: str, source: LoadSource, rate: LoadRate) -> None:
        """Add what loading a model took."""
        self.loads[device_kind, source] = self.loads.get((device_kind, source), LoadRate()).plus(rate)

    def under(self, later: Measurements) -> Measurements:
        """This and what was measured after it, as one."""
        both = Measurements()
        for part in (self, later):
            for subject, settings in part.calls.items():
                for setting, measured in settings.items():
                    both.add(subject, setting, measured)
            for (device_kind, source), rate in part.loads.items():
                both.add_load(device_kind, source, rate)
        return both

    def merged(self, known: Callable[[bytes], bytes | None], run: int) -> Iterator[tuple[bytes, bytes]]:
        """The names and new payloads of all profiles that change, given the `known` payload of a name."""
        for subject, settings in self.calls.items():
            name = profile_name(subject)
            profile = merge(unpack_profile(known(name)), settings, run)
            yield name, _pack_profile(subject, profile)
        for (device_kind, source), rate in self.loads.items():
            name = load_name(device_kind, source)
            old = unpack_load(known(name))
            both = rate.plus(LoadRate(old.nbytes * _DECAY, old.seconds * _DECAY))
            yield name, pack(("load", device_kind, source, both.nbytes, both.seconds))


def in_order(subject: Subject) -> Subject:
    """The same subject with its models in the order that all its names have."""
    return Subject(subject.type_id, tuple(sorted(subject.models)))


def profile_name(subject: Subject) -> bytes:
    """The name under which the profile of a subject stands."""
    type_id, models = in_order(subject)
    return blake3(pack(("calls", type_id, models))).digest()


def load_name(device_kind: str, source: LoadSource) -> bytes:
    """The name under which it stands how fast models are loaded."""
    return blake3(pack(("load", device_kind, source))).digest()


def merge(profile: Profile, settings: Mapping[Setting, Measured], run: int) -> Profile:
    """A profile with what was measured in `run`; of many settings, those measured last."""
    merged = dict(profile)
    for setting, measured in settings.items():
        known = merged.pop(setting, None)
        if known is None:
            seconds = measured.seconds / measured.calls if measured.calls else 0.0
            merged[setting] = Sample(measured.peak, 0, seconds, float(measured.calls), run)
        else:
            merged[setting] = known.updated(measured, run)
    _relax(merged, settings, run)
    surplus = len(merged) - _MOST_SETTINGS
    for setting in list(merged)[: max(0, surplus)]:
        del merged[setting]
    return merged


def _relax(profile: dict[Setting, Sample], settings: Mapping[Setting, Measured], run: int) -> None:
    """Lower what larger batches were held to need, where smaller ones get through with little.

    A batch takes no more than its share of items makes of a smaller one. Where it did nevertheless, or ran
    out, that had a passing reason, such as another process; in some runs it is forgotten, and the batch tried
    again.
    """
    for setting, sample in profile.items():
        if sample.run >= run:
            continue
        likely = _most_from_smaller(setting, settings.items())
        if likely is not None and likely < sample.peak:
            lower = round(likely + (sample.peak - likely) * _DECAY)
            profile[setting] = replace(sample, recent=lower, before=0, run=run)


def _most_from_smaller(setting: Setting, measured: Iterable[tuple[Setting, Measured]]) -> int | None:
    bounds = [
        took.peak * setting.batch // other.batch
        for other, took in measured
        if took.calls and other.batch < setting.batch and other == setting._replace(batch=other.batch)
    ]
    return min(bounds, default=None)


def _pack_profile(subject: Subject, profile: Profile) -> bytes:
    settings = [
        (*setting, sample.recent, sample.before, sample.seconds, sample.calls, sample.run)
        for setting, sample in profile.items()
    ]
    return pack(("calls", subject.type_id, subject.models, settings))


def unpack_profile(payload: bytes | None) -> Profile:
    """The profile of a payload; empty if there is none."""
    if payload is None:
        return {}
    _, _, _, settings = unpack(payload)
    return {Setting(*entry[:5]): Sample(*entry[5:]) for entry in settings}


def unpack_load(payload: bytes | None) -> LoadRate:
    """The rate of a payload; nothing measured if there is none."""
    if payload is None:
        return LoadRate()
    _, _, _, nbytes, seconds = unpack(payload)
    return LoadRate(nbytes, seconds)

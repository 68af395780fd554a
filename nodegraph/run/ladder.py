"""What to try next after a call ran out of memory: a pure function of what has failed.

In this order: free what is loaded and not in use; half the batch, down to one item; a leaner mode; another
device; give up, with the numbers and what would help. Each step is a new attempt, none is made twice, and
each device and mode is left for good, so that it ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nodegraph.place.problem import MODES, Mode
from nodegraph.show.wording import counted, size_text


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to make a call.

    Attributes:
        batch: how many items it takes.
        mode: how its models are held.
        device: where it runs.
        freed: whether everything that is not in use is to be taken off the device before it.
    """

    batch: int
    mode: Mode
    device: str
    freed: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that ran out of memory.

    Attributes:
        attempt: what was tried.
        need: bytes of working memory that it needs at least, see `least_need`.
        weights: bytes that its models took beside that.
        budget: bytes that weights and working memory could take together.
    """

    attempt: Attempt
    need: int
    weights: int
    budget: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Nothing is left to try.

    Attributes:
        failures: what was tried, in order.
        message: the numbers and what would help, in a few lines for people.
    """

    failures: tuple[Failure, ...]
    message: str


def least_need(peak: int, requested: int | None, available: int) -> int:
    """Bytes of working memory that a call needs at least, which ran out.

    More than was there for it, and no less than what it had got and asked for last. Recorded for its batch
    size as a lower bound (`Store.record_measured` with no calls), it makes the next plan begin below it.

    Args:
        peak: the working memory that it had got at most.
        requested: what it asked for when it failed, if the error says so.
        available: the budget less the weights that were on the device.
    """
    return max(peak + (requested or 0), available + 1, 1)


def next_attempt(
    attempt: Attempt,
    failures: Sequence[Failure],
    modes: Mapping[str, Sequence[Mode]],
    devices: Sequence[str],
    first_batch: Callable[[str, Mode], int] | None = None,
) -> Attempt | Exhausted:
    """What to try after an attempt that ran out of memory, or whose device was lost.

    An attempt with fewer items leaves items over: further calls, which begin as this one went through. Where
    nothing is loaded that could be freed, `attempt` is handed in as freed.

    Args:
        attempt: the last one.
        failures: the attempts of this call that ran out of memory, in order; `attempt` is the last of them
            unless its device was lost.
        modes: by device, those in which the call's models can be held there, the fastest first.
        devices: those that it may run on, the best first, without any that was lost.
        first_batch: how many items to begin with in a leaner mode or on another device, from the costs known
            by then; never more than before are taken. By default it is one in a leaner mode, and as many as
            at first on another device.

    Returns:
        The next attempt, or `Exhausted`.
    """
    most = max([attempt.batch, *(failure.attempt.batch for failure in failures)])
    if attempt.device in devices:
        if not attempt.freed:
            return replace(attempt, freed=True)
        if attempt.batch > 1:
            return replace(attempt, batch=attempt.batch // 2)
        if leaner := _leaner(modes.get(attempt.device, ()), attempt.mode):
            batch = 1 if first_batch is None else first_batch(attempt.device, leaner)
            return replace(attempt, batch=_within(batch, most), mode=leaner)
    tried = {attempt.device, *(failure.attempt.device for failure in failures)}
    for device in devices:
        if device not in tried and modes.get(device):
            fastest = modes[device][0]
            batch = most if first_batch is None else first_batch(device, fastest)
            return Attempt(_within(batch, most), fastest, device)
    return Exhausted(tuple(failures), _message(attempt, failures))


def _leaner(modes: Sequence[Mode], mode: Mode) -> Mode | None:
    """The next leaner mode of those offered, from the fastest to the leanest."""
    after = MODES.index(mode) + 1
    return next((leaner for leaner in MODES[after:] if leaner in modes), None)


def _within(batch: int, most: int) -> int:
    return max(1, min(batch, most))


def _message(attempt: Attempt, failures: Sequence[Failure]) -> str:
    """What a call needs beside what there is, on each device that was tried, and the remedies."""
    if not failures:
        return f"device {attempt.device} was lost, and there is no other that this call may run on"
    leanest = {failure.attempt.device: failure for failure in failures}
    lines = [_told(failure) for failure in leanest.values()]
    nearest = min(leanest.values(), key=lambda failure: failure.need + failure.weights - failure.budget)
    need = nearest.need + nearest.weights
    lines.append(
        f"what would help: a budget above {size_text(need)} if the device has it (--devices "
        f"{nearest.attempt.device}=SIZE), another device, smaller or fewer inputs to a call (size, frames), "
        "or models of a smaller dtype or variant"
    )
    return "\n".join(lines)


def _told(failure: Failure) -> str:
    attempt = failure.attempt
    return (
        f"out of memory on {attempt.device}: {counted(attempt.batch, 'item')} in mode {attempt.mode} needed "
        f"{size_text(failure.weights)} for weights and at least {size_text(failure.need)} to work; "
        f"the budget is {size_text(failure.budget)}"
    )

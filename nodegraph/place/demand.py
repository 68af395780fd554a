"""What calls will take: measured where they were, else estimated by the node type, else assumed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from nodegraph.place.problem import Basis, Cost, Mode
from nodegraph.place.profiles import (
    Circumstances,
    Evidence,
    Profiles,
    fit_bytes,
    fit_seconds,
    lower_bounds,
    nearest,
    raised,
)
from nodegraph.place.shapes import elements
from nodegraph.store.profiles import LoadSource, Subject

BATCH = "batch"
"""The name of the parameter that gives the number of items to the estimate of a node type."""
HELD = "held"
"""The name of the parameter that gives it the mode in which models are held."""

Estimate = Callable[[int], int]
"""Bytes of working memory, beside the weights, of a call over so many items."""

_ESTIMATED_AT = 8
_GIB = 1 << 30

# What a process that computes on the device takes beside tensors, such as the workspaces of cuBLAS and cuDNN.
_ASSUMED_FIXED_BYTES = {"cpu": 0}
_OTHER_FIXED_BYTES = 256 << 20
# Eight activations in float32 for each element that goes in.
_ASSUMED_BYTES_AN_ELEMENT = 32
# Beside a CPU; published times of one model on both lie between 10 and 50 times.
_SPEED = {"cpu": 1.0, "mps": 5.0}
_OTHER_SPEED = 20.0
# A diffusion model of 2 GB takes some 40 s for a picture on a CPU.
_ASSUMED_CPU_SECONDS_A_GIB = 20.0
_ASSUMED_SECONDS_WITHOUT_MODEL = 0.01
# What of the time of a call does not grow with the batch, where no two batch sizes have been measured:
# launches, and reading the weights. It makes plans try batches, and trying tells.
_ASSUMED_FIXED_SHARE = {"cpu": 0.1}
_OTHER_FIXED_SHARE = 0.3
# How often the weights pass from the host to the device in a call; a diffusion model makes some 25 steps.
_TRANSFERS: Mapping[str, float] = {"resident": 0.0, "swap": 1.0, "chunked": 1.0, "offload": 25.0}
_ASSUMED_RATES: Mapping[LoadSource, float] = {"disk": 1.0e9, "host": 6.0e9}


class EstimateError(ValueError):
    """A node type's own estimate that raised or gave no number of bytes; the message says which and why."""


def bind_estimate(
    type_id: str, estimate: Callable[..., object], arguments: Mapping[str, object], held: Mode = "resident"
) -> Estimate | None:
    """A node type's estimate with the inputs of a call that are known before the run.

    `@node(memory=estimate)`: its parameters are named after inputs of the node type, those it looks at, and
    give the inputs of one item; a parameter `batch` gives how many items share the call, `held` the mode in
    which its models are held. It returns bytes of working memory beside the weights. Without `batch`, what it
    returns is for one item, and a batch of n takes n times as much.

    Args:
        type_id: the node type, for error messages.
        estimate: the function that the node type was declared with.
        arguments: the inputs that are known, by name; those that are computed in the run are missing.
        held: the mode in which the models are held.

    Returns:
        The estimate; None if it looks at an input that is not known and has no default for it.
    """
    parameters = inspect.signature(estimate).parameters.values()
    arguments = {**arguments, HELD: held}
    wanted = [parameter for parameter in parameters if parameter.name != BATCH]
    if any(p.name not in arguments and p.default is inspect.Parameter.empty for p in wanted):
        return None
    given = {p.name: arguments[p.name] for p in wanted if p.name in arguments}
    by_batch = len(wanted) < len(parameters)

    def bound(batch: int) -> int:
        if by_batch:
            return _called(type_id, estimate, {**given, BATCH: batch})
        return batch * _called(type_id, estimate, given)

    return bound


def cost_of(
    profiles: Profiles,
    subject: Subject,
    wanted: Circumstances,
    *,
    weights: int = 0,
    estimate: Estimate | None = None,
    mean_seconds: float | None = None,
) -> Cost:
    """What calls take on a kind of device in one mode.

    Working memory is taken from the first of these that there is:

    1. measured in the same circumstances, at any batch sizes: a line through the peaks ("measured");
    2. measured on that kind of device in that mode with as many array elements, or in another version
       ("estimated");
    3. the node type's own estimate ("estimated");
    4. measured with other shapes, on another kind of device or in another mode, scaled by the number of array
       elements ("estimated");
    5. half of the weights or 32 bytes for each array element that goes in, whichever is more, for each item,
       and 256 MiB besides on all but a CPU ("assumed").

    A batch that ran out of memory in the same circumstances raises each of them to what it needed at least.
    Seconds come from 1, 2 and 4 in this order, then from `mean_seconds` ("estimated"), then from the size of
    the weights ("assumed"); other kinds of devices and modes are allowed for by usual speeds.

    Args:
        profiles: where measurements are kept.
        subject: the node type and the models it uses.
        wanted: its version, the kind of device, the mode, and the shape class of the inputs or `UNKNOWN`.
        weights: bytes of all its models, held whole.
        estimate: the node type's own, see `bind_estimate`.
        mean_seconds: what calls of the node type took in the mean, whatever the circumstances.

    Raises:
        EstimateError: if the node type's estimate raises or gives no number of bytes.
    """
    profile = profiles.profile(subject)
    evidence = nearest(profile, wanted)
    fixed, item, memory_basis = _memory(evidence, wanted, weights, estimate)
    fixed, item = raised(fixed, item, lower_bounds(profile, wanted))
    fixed_seconds, item_seconds, time_basis = _seconds(profiles, evidence, wanted, weights, mean_seconds)
    return Cost(fixed, item, fixed_seconds, item_seconds, memory_basis, time_basis)


def load_seconds(profiles: Profiles, nbytes: int, device_kind: str, source: LoadSource = "disk") -> float:
    """Seconds that loading a model onto a kind of device takes: as fast as models were, else 1 or 6 GB/s."""
    measured = profiles.load_rate(device_kind, source).bytes_per_second
    return nbytes / (measured or _ASSUMED_RATES[source])


def _memory(
    evidence: Evidence | None, wanted: Circumstances, weights: int, estimate: Estimate | None
) -> tuple[int, int, Basis]:
    if evidence is not None and evidence.exact:
        return *fit_bytes(evidence.points), "measured"
    # Memory seldom grows evenly with the elements that go in: pictures are resized to what a network takes.
    is_alike = evidence is not None and evidence.of[1:3] == wanted[1:3] and evidence.scale == 1.0
    if estimate is not None and not is_alike:
        return *_of_estimate(estimate), "estimated"
    if evidence is not None:
        fixed, item = fit_bytes(evidence.points)
        # What does not grow with the batch may grow with the shapes; it is not taken to shrink with them.
        return math.ceil(fixed * max(1.0, evidence.scale)), math.ceil(item * evidence.scale), "estimated"
    fixed = _ASSUMED_FIXED_BYTES.get(wanted.device_kind, _OTHER_FIXED_BYTES)
    return fixed, max(weights // 2, _ASSUMED_BYTES_AN_ELEMENT * elements(wanted.shapes)), "assumed"


def _of_estimate(estimate: Estimate) -> tuple[int, int]:
    """Fixed and item bytes of a node type's estimate, from two batch sizes."""
    one, several = estimate(1), estimate(_ESTIMATED_AT)
    item = max(0, -(-(several - one) // (_ESTIMATED_AT - 1)))
    return max(0, one - item), item


def _seconds(
    profiles: Profiles,
    evidence: Evidence | None,
    wanted: Circumstances,
    weights: int,
    mean_seconds: float | None,
) -> tuple[float, float, Basis]:
    if evidence is not None:
        slower = 1.0 if evidence.exact else _speed(evidence.of.device_kind) / _speed(wanted.device_kind)
        fixed, item = fit_seconds(evidence.points)
        fixed, item = fixed * slower, item * slower * evidence.scale
        if len(evidence.points) == 1:
            batch = next(iter(evidence.points))
            fixed, item = _split(item * batch, batch, wanted)
        if evidence.exact:
            return fixed, item, "measured"
        return fixed + _moving_seconds(profiles, wanted, weights, since=evidence.of.mode), item, "estimated"
    moving = _moving_seconds(profiles, wanted, weights)
    if mean_seconds is not None:
        fixed, item = _split(mean_seconds, 1, wanted)
        return fixed + moving, item, "estimated"
    if weights:
        seconds = weights / _GIB * _ASSUMED_CPU_SECONDS_A_GIB / _speed(wanted.device_kind)
        fixed, item = _split(seconds, 1, wanted)
        return fixed + moving, item, "assumed"
    return 0.0, _ASSUMED_SECONDS_WITHOUT_MODEL, "assumed"


def _split(seconds: float, batch: int, wanted: Circumstances) -> tuple[float, float]:
    """The fixed and the item seconds of a batch that is known to take `seconds`."""
    fixed = seconds * _ASSUMED_FIXED_SHARE.get(wanted.device_kind, _OTHER_FIXED_SHARE)
    return fixed, (seconds - fixed) / batch


def _moving_seconds(
    profiles: Profiles, wanted: Circumstances, weights: int, since: str = "resident"
) -> float:
    """Seconds of a call in which weights move, beyond those in which they do in the mode `since`."""
    more = _TRANSFERS.get(wanted.mode, 0.0) - _TRANSFERS.get(since, 0.0)
    return max(0.0, more) * load_seconds(profiles, weights, wanted.device_kind, "host")


def _speed(device_kind: str) -> float:
    return _SPEED.get(device_kind, _OTHER_SPEED)


def _called(type_id: str, estimate: Callable[..., object], given: Mapping[str, Any]) -> int:
    try:
        nbytes = estimate(**given)
    except Exception as error:
        raise EstimateError(
            f"the memory estimate of node type {type_id!r} failed: {type(error).__name__}: {error}; "
            "mend the function given as @node(memory=...)"
        ) from error
    if type(nbytes) is not int or nbytes < 0:
        raise EstimateError(
            f"the memory estimate of node type {type_id!r} must return bytes as an int of 0 or more, "
            f"not {nbytes!r}; mend the function given as @node(memory=...)"
        )
    return nbytes

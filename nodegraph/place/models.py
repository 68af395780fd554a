"""The models that the calls of a step use, and what such calls take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from blake3 import blake3

from nodegraph.models.kinds import model_kind
from nodegraph.models.loading import model_sizes
from nodegraph.models.sources import described
from nodegraph.place.demand import bind_estimate, cost_of, load_seconds
from nodegraph.place.problem import MODES, Cost, Mode, Model
from nodegraph.place.profiles import Circumstances, Profiles
from nodegraph.place.shapes import UNKNOWN
from nodegraph.place.stages import Demand
from nodegraph.plan.keys import code_of
from nodegraph.plan.naming import carries_model
from nodegraph.plan.program import Feed, Program, Step
from nodegraph.plan.values import BytesMissing, Values
from nodegraph.plan.walk import Walk
from nodegraph.store.profiles import Subject
from nodegraph.types.builtin import ModelRef

_LONGEST_CALL_S = 20.0
"""What a call has done is kept when it ends. A device gains next to nothing from batches that take longer."""

MOST_IN_A_BATCH = 64
"""Items of a batch at most: beyond that a device gains nothing, and a failure costs more."""


def model_feeds(step: Step) -> Iterator[Feed]:
    """The inputs of a step that bring models."""
    ports = step.type.signature.ports
    return (feed for feed in step.feeds if feed.collects is None and carries_model(ports[feed.name].type))


def refs_in(value: Any) -> Iterator[ModelRef]:
    """The references to models in the value of an input."""
    if isinstance(value, ModelRef):
        yield value
    elif isinstance(value, list):
        for element in cast("list[Any]", value):
            yield from refs_in(element)
    elif isinstance(value, dict):
        for element in cast("dict[str, Any]", value).values():
            yield from refs_in(element)


def known_refs(program: Program, walk: Walk, values: Values, step: Step) -> tuple[ModelRef, ...] | None:
    """The models that the calls of a step use, by their first item; None if only running can tell."""
    found: list[ModelRef] = []
    for feed in model_feeds(step):
        named = walk.named.get(feed.step)
        if named is not None:
            found.append(named[feed.output])
            continue
        stored = next(walk.entries(program.steps[feed.step], feed.output), None)
        if stored is None:
            return None
        try:
            found.extend(refs_in(values.load(stored[1])))
        except BytesMissing:
            return None
    return distinct(found)


def distinct(refs: Sequence[ModelRef]) -> tuple[ModelRef, ...]:
    """The models without repetitions, in order."""
    return tuple({model_id(ref): ref for ref in refs}.values())


def model_id(ref: ModelRef) -> str:
    """What tells a model, as it is held in memory, from all others."""
    config = blake3(ref.config.encode()).hexdigest()[:16] if ref.config else ""
    return f"{ref.fingerprint}/{ref.kind}/{ref.dtype}/{ref.variant}/{config}"


def modes_of(refs: Sequence[ModelRef]) -> tuple[Mode, ...]:
    """The modes that all of the models offer, fastest first; without models there is only one way."""
    if not refs:
        return ("resident",)
    return tuple(mode for mode in MODES if all(mode in model_kind(ref.kind).modes for ref in refs))


def version_of(step: Step) -> str:
    """What stands for the behaviour of a step's node type in its profile."""
    version = step.type.version
    return code_of(step.type).digest.hex() if version is None else str(version)


def subject_of(step: Step, refs: Sequence[ModelRef]) -> Subject:
    """What measurements of a step's calls are kept under."""
    return Subject(step.type.id, tuple(model_id(ref) for ref in refs))


def demand_of(
    step: Step,
    refs: Sequence[ModelRef],
    profiles: Profiles,
    kinds: Collection[str],
    *,
    mean_seconds: float | None = None,
) -> Demand:
    """What the calls of a step take, as far as it is known before they run.

    Args:
        step: a step that uses models.
        refs: the models that its calls use.
        profiles: what earlier calls took.
        kinds: the kinds of devices that there are.
        mean_seconds: what calls of the node type took in the mean.

    Raises:
        ModelError: if a model's files are gone or damaged.
        EstimateError: if the node type's own estimate is wrong.
    """
    sizes = {ref: model_sizes(ref) for ref in refs}
    models = [_model(ref, sizes[ref], profiles, kinds) for ref in refs]
    weights = sum(size["resident"] for size in sizes.values())
    known: dict[str, Any] = dict(step.node.params)
    ports = [feed.name for feed in model_feeds(step)]
    if len(refs) == len(ports) == 1:
        known[ports[0]] = refs[0]
    costs: dict[str, Mapping[Mode, Cost]] = {
        kind: {
            mode: cost(step, refs, weights, profiles, kind, mode, UNKNOWN, known, mean_seconds)
            for mode in modes_of(refs)
        }
        for kind in kinds
    }
    is_batch = step.type.signature.kind == "batch"
    return Demand(tuple(models), costs, most_in_a_batch(costs) if is_batch else 1)


def most_in_a_batch(costs: Mapping[str, Mapping[Mode, Cost]]) -> int:
    """How many items a call takes at most, so that one is not so long that a crash loses much."""
    seconds = min((cost.item_seconds for modes in costs.values() for cost in modes.values()), default=0.0)
    return MOST_IN_A_BATCH if seconds <= 0 else max(1, min(MOST_IN_A_BATCH, int(_LONGEST_CALL_S / seconds)))


def cost(
    step: Step,
    refs: Sequence[ModelRef],
    weights: int,
    profiles: Profiles,
    kind: str,
    mode: Mode,
    shapes: str,
    known: Mapping[str, Any],
    mean_seconds: float | None = None,
) -> Cost:
    """What the calls of a step with inputs of a shape class take.

    `weights` are the bytes of its models, held whole; `known` are the inputs that are known.
    """
    estimate = None
    if step.type.memory is not None:
        estimate = bind_estimate(step.type.id, step.type.memory, known, mode)
    return cost_of(
        profiles,
        subject_of(step, refs),
        Circumstances(version_of(step), kind, mode, shapes),
        weights=weights,
        estimate=estimate,
        mean_seconds=mean_seconds,
    )


def _model(ref: ModelRef, weights: Mapping[Mode, int], profiles: Profiles, kinds: Collection[str]) -> Model:
    kind = next((kind for kind in kinds if kind != "cpu"), "cpu")
    return Model(
        id=model_id(ref),
        name=described(ref),
        weights=weights,
        load_seconds=load_seconds(profiles, weights["resident"], kind, "disk"),
        move_seconds=load_seconds(profiles, weights["resident"], kind, "host"),
    )

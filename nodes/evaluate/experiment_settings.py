"""`experiment.settings`: what is compared with what, as a stream of settings that a graph runs once each."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, get_args

from nodegraph import Item, Param, Stream, node

Arm = Literal["none", "spatial", "temporal", "both"]
ARMS: tuple[Arm, ...] = get_args(Arm)


class Setting(NamedTuple):
    """One training of the experiment.

    Attributes:
        arm: which synthetic pictures are added: none, spatial, temporal or both.
        fraction: share of the real pictures that is used.
        repeat: number of the repetition; the draw of the real pictures goes by it, alike for all arms.
        spatial: synthetic pictures of the spatial axis per real picture.
        temporal: the same of the temporal axis.
    """

    arm: str
    fraction: float
    repeat: int
    spatial: float
    temporal: float


@node("experiment.settings", version=1)
def settings(
    *,
    arms: Annotated[
        list[Arm] | None, Param(min_length=1, help="what is compared; null = none, spatial, temporal, both")
    ] = None,
    fractions: Annotated[
        list[float] | None, Param(min_length=1, help="shares of the real pictures, 0 to 1; null = 1")
    ] = None,
    repeats: Annotated[int, Param(ge=1, le=1000, help="trainings of each arm and fraction")] = 3,
    views: Annotated[float, Param(ge=0, le=1000, help="synthetic pictures per real one in every arm")] = 10.0,
) -> Stream[Setting]:
    """List the trainings of an experiment: every arm with every share of the real data, several times.

    Arms: `none` is real data alone, `spatial` adds views of the spatial axis, `temporal` of the temporal one,
    `both` half as many of each, so that all augmented arms have equally many. What is linked to the fields
    runs once per setting; item keys are `arm/fraction/repeat`. The defaults are the first experiments that
    the paper's summary proposes: ten views an image, each axis alone and both.

    Raises:
        ValueError: if a fraction is outside 0 to 1, or an arm or fraction occurs twice.
    """
    chosen = list(ARMS) if arms is None else arms
    shares = [1.0] if fractions is None else fractions
    for what, entries in (("arm", chosen), ("fraction", shares)):
        if len(set(entries)) < len(entries):
            raise ValueError(f"an {what} occurs twice in {', '.join(map(str, entries))}")
    for share in shares:
        if not 0 < share <= 1:
            raise ValueError(f"fraction {share:g} is not a share: give numbers above 0, up to 1")
    for fraction in shares:
        for arm in chosen:
            for repeat in range(repeats):
                spatial, temporal = _ratios(arm, views)
                yield Item(f"{arm}/{fraction:g}/{repeat}", Setting(arm, fraction, repeat, spatial, temporal))


def _ratios(arm: Arm, views: float) -> tuple[float, float]:
    """Synthetic pictures per real one of the spatial and of the temporal axis."""
    match arm:
        case "none":
            return 0.0, 0.0
        case "spatial":
            return views, 0.0
        case "temporal":
            return 0.0, views
        case "both":
            return views / 2, views / 2

"""`augment.camera_paths`: random camera paths, as the spatial axis needs several for each photo."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from nodegraph import Context, Item, Param, Stream, node
from nodes.types import Image
from nodes.video.camera_path import PATHS, PathName, motion_of


class CameraPath(NamedTuple):
    """A path for `video.camera_motion` and how far it goes, in the path's unit."""

    path: PathName
    amplitude: float


@node("augment.camera_paths", version=1, seeded=True)
def camera_paths(
    image: Image,
    *,
    count: Annotated[int, Param(ge=0, le=1000, help="how many paths for each photo")] = 5,
    paths: Annotated[
        list[PathName] | None, Param(min_length=1, help="the kinds to draw from; null = all")
    ] = None,
    min_strength: Annotated[
        float, Param(ge=0, le=2, help="least amplitude, as a share of the path's default")
    ] = 0.4,
    max_strength: Annotated[
        float, Param(ge=0, le=2, help="largest amplitude, as a share of the path's default")
    ] = 1.0,
    ctx: Context,
) -> Stream[CameraPath]:
    """Draw camera paths for a photo, so that `video.camera_motion` makes a clip of each.

    No kind comes a second time before all have come once. Of zooms the share is of the logarithm of the
    factor; a roll goes either way. Which paths the paper (arXiv 2512.12508) uses is not known.

    Raises:
        ValueError: if `min_strength` is over `max_strength`.
    """
    del image
    if min_strength > max_strength:
        raise ValueError(f"min_strength is {min_strength:g}, over max_strength {max_strength:g}")
    rng = ctx.rng()
    given = PATHS if paths is None else tuple(dict.fromkeys(paths))
    order: list[int] = []
    for index in range(count):
        order = order or rng.permutation(len(given)).tolist()
        path = given[order.pop()]
        strength = float(rng.uniform(min_strength, max_strength))
        way = 1.0 if rng.random() < 0.5 else -1.0
        yield Item(f"{index:02d}-{path}", CameraPath(path, _amplitude(path, strength, way)))


def _amplitude(path: PathName, strength: float, way: float) -> float:
    default = motion_of(path).default
    if path.startswith("zoom"):
        return default**strength
    return default * strength * (way if path == "roll" else 1.0)

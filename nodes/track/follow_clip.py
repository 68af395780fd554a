"""Following the objects of the first frame of a clip through all others, forward and then back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nodes.track.dense_flow import Preset
from nodes.track.follow_object import Motion, Trail, follow_object, moved, start_trail
from nodes.track.patches import Patch, cut_patch, pyramid
from nodes.track.scene_motion import Moment, follow_scene

if TYPE_CHECKING:
    import numpy as np

    from nodegraph import Context


def follow_clip(
    greys: Sequence[np.ndarray[Any, Any]],
    regions: Iterable[np.ndarray[Any, Any]],
    preset: Preset,
    ctx: Context | None = None,
) -> list[list[Motion]]:
    """Follow the objects of the first frame through a clip.

    Frame by frame, the scene's motion is found (`scene_motion`), and with it each object (`follow_object`).
    One that was lost is looked for in an area that grows. What looks like it there is not it if the first
    frame shows the same in another place that has moved there: with the scene, or as another object
    (`presence`). From where it is found again it is followed back in time as far as it is seen.

    Args:
        greys: the frames, uint8 `[H, W]`.
        regions: per object, the pixels of the first frame that belong to it, bool `[H, W]`.
        preset: of the optical flow.
        ctx: hears of progress, and tells when to stop.

    Returns:
        Per frame after the first, per object, its motion.

    Raises:
        InterruptedError: if the run is being stopped.
    """
    import numpy as np

    first = pyramid(greys[0])
    patches = [cut_patch(first, region) for region in regions]
    tracks = [[start_trail()] for _ in patches]
    scenes = [np.eye(3)]
    for moment in follow_scene(greys, preset, ctx):
        scenes.append(moment.scene)
        _follow_forward(tracks, patches, moment)
    _follow_back(tracks, patches, greys, scenes)
    return [[track[t].motion for track in tracks] for t in range(1, len(greys))]


def _follow_forward(tracks: Sequence[list[Trail]], patches: Sequence[Patch | None], moment: Moment) -> None:
    """Follow every object to the next frame."""
    found: list[np.ndarray[Any, Any]] = []
    # Those that were not lost come first: what is found of others must not be one of them.
    for n in sorted(range(len(tracks)), key=lambda n: tracks[n][-1].lost > 0):
        trail = follow_object(tracks[n][-1], patches[n], moment, found)
        tracks[n].append(trail)
        if trail.motion.found and trail.motion.own:
            found.append(trail.motion.model)


def _follow_back(
    tracks: Sequence[list[Trail]],
    patches: Sequence[Patch | None],
    greys: Sequence[np.ndarray[Any, Any]],
    scenes: Sequence[np.ndarray[Any, Any]],
) -> None:
    """Follow objects backward from where they were found again, as long as they are seen.

    What enters the frame or comes out from behind another is known for sure only when most of it is seen.
    """
    first = pyramid(greys[0])
    for t in range(len(greys) - 2, 0, -1):
        again = [
            (track, patch)
            for track, patch in zip(tracks, patches, strict=True)
            if patch is not None and track[t + 1].motion.found and not track[t].motion.found
        ]
        if not again:
            continue
        moment = Moment(first, pyramid(greys[t]), None, scenes[t])
        for track, patch in again:
            others = [one[t].motion.model for one in tracks if one[t].motion.found and one[t].motion.own]
            trail = follow_object(_turned_round(track, patch, t), patch, moment, others)
            if trail.motion.found:
                track[t] = trail


def _turned_round(track: Sequence[Trail], patch: Patch, t: int) -> Trail:
    """What is known of an object before frame `t` by one who sees the clip backward."""
    after = track[t + 1]
    further = track[t + 2] if t + 2 < len(track) and track[t + 2].motion.found else after
    return replace(after, velocity=moved(further.relative, after.relative, patch), lost=0)

"""Cutting tracks: some of the frames, or some of the objects, of boxes and masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodes.types import BoxTrack, Categories, MaskTrack, Video

if TYPE_CHECKING:
    import numpy as np


def no_objects(frames: int) -> BoxTrack:
    """A track without objects or categories."""
    import numpy as np

    none = np.zeros((0, frames), np.float32)
    return BoxTrack(
        np.zeros((0, frames, 4), np.float32),
        none.astype(bool),
        none,
        none,
        np.zeros(0, np.int64),
        Categories((), ()),
    )


def video_frames(video: Video, kept: np.ndarray[Any, Any]) -> Video:
    """The frames of a clip at the indices `kept`, in that order, at the same frame rate."""
    return Video(video.frames[kept], video.fps)


def box_frames(track: BoxTrack, kept: np.ndarray[Any, Any]) -> BoxTrack:
    """The frames of a track at the indices `kept`; all objects stay."""
    return BoxTrack(
        track.xyxy[:, kept],
        track.present[:, kept],
        track.scores[:, kept],
        track.visibility[:, kept],
        track.class_ids,
        track.categories,
        track.ignore,
    )


def mask_frames(track: MaskTrack, kept: np.ndarray[Any, Any]) -> MaskTrack:
    """The frames of a mask track at the indices `kept`."""
    return MaskTrack(track.masks[:, kept], track.scores[:, kept])


def box_objects(track: BoxTrack, kept: np.ndarray[Any, Any]) -> BoxTrack:
    """The objects of a track at the indices `kept`."""
    return BoxTrack(
        track.xyxy[kept],
        track.present[kept],
        track.scores[kept],
        track.visibility[kept],
        track.class_ids[kept],
        track.categories,
        track.ignore[kept],
    )


def only_present(track: BoxTrack, present: np.ndarray[Any, Any]) -> BoxTrack:
    """The track with objects absent wherever `present` bool `[N, T]` is False."""
    import numpy as np

    kept = track.present & present
    return BoxTrack(
        np.where(kept[..., None], track.xyxy, 0).astype(np.float32),
        kept,
        np.where(kept, track.scores, 0).astype(np.float32),
        np.where(kept, track.visibility, 0).astype(np.float32),
        track.class_ids,
        track.categories,
        track.ignore,
    )


def with_ignore_regions(track: BoxTrack, regions: BoxTrack) -> BoxTrack:
    """A track with further objects, of the same classes and frames, after its own, as ignore regions."""
    import numpy as np

    return BoxTrack(
        np.concatenate([track.xyxy, regions.xyxy]),
        np.concatenate([track.present, regions.present]),
        np.concatenate([track.scores, regions.scores]),
        np.concatenate([track.visibility, regions.visibility]),
        np.concatenate([track.class_ids, regions.class_ids]),
        track.categories,
        np.concatenate([track.ignore, np.ones_like(regions.ignore)]),
    )


def check_frames(frames: int, **tracks: BoxTrack | MaskTrack | None) -> None:
    """Check that tracks are as long as a clip of `frames` frames.

    Raises:
        ValueError: naming the track that is not.
    """
    for name, track in tracks.items():
        if track is not None and track.scores.shape[1] != frames:
            raise ValueError(
                f"{name} has {track.scores.shape[1]} frames but the clip has {frames}: "
                f"link {name} of this very clip, before frames are dropped or selected"
            )

"""Clips as the pictures of a dataset: each frame encoded when it is written, with the boxes it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nodegraph import Collected, Item
from nodes.export.folder import ExportError
from nodes.image.encode import encode_image
from nodes.types import Boxes, BoxTrack, File, Image, Video
from nodes.video.frames import no_boxes


class Frames:
    """The frames of clips as encoded pictures, keyed `clip/0000`, `clip/0001`, ...; made one at a time."""

    def __init__(self, clips: Collected[Video]) -> None:
        self._clips = clips
        self._keys = {
            f"{clip.key}/{index:04d}": (clip.key, index)
            for clip in clips
            for index in range(len(clip.value.frames))
        }

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> Sequence[str]:
        """The item keys in order."""
        return list(self._keys)

    def __getitem__(self, key: str, /) -> Item[File]:
        clip, index = self._keys[key]
        return Item(key, lambda: encode_image(Image(self._clips[clip].value.frames[index])))

    def __iter__(self) -> Iterator[Item[File]]:
        return map(self.__getitem__, self._keys)

    def boxes(self, tracks: Collected[Boxes | BoxTrack] | None) -> FrameBoxes:
        """The boxes of every frame, from the track of its clip; none where no tracks are linked."""
        return FrameBoxes(self._keys, tracks)


class FrameBoxes:
    """The boxes of the frames of clips, by the same keys."""

    def __init__(self, keys: dict[str, tuple[str, int]], tracks: Collected[Boxes | BoxTrack] | None) -> None:
        self._keys = keys
        self._tracks = tracks
        self._tracked = frozenset(tracks.keys() if tracks is not None else ())

    def __len__(self) -> int:
        return len(self._keys)

    def keys(self) -> Sequence[str]:
        """The item keys in order."""
        return list(self._keys)

    def __getitem__(self, key: str, /) -> Item[Boxes]:
        return Item(key, self._boxes(*self._keys[key]))

    def __iter__(self) -> Iterator[Item[Boxes]]:
        return map(self.__getitem__, self._keys)

    def _boxes(self, clip: str, index: int) -> Boxes:
        if self._tracks is None:
            return no_boxes()
        if clip not in self._tracked:
            raise ExportError(f"clip {clip!r} has no boxes: link the boxes that were tracked on these clips")
        track = self._tracks[clip].value
        if not isinstance(track, BoxTrack):
            raise ExportError("clips need the boxes of all their frames: link a box track, not boxes")
        if index >= track.present.shape[1]:
            raise ExportError(f"clip {clip!r} has more frames than its boxes cover")
        return track.frame(index)

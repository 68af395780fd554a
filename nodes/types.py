"""The value types of the node library: axis order, ranges, units and conventions in one place.

Pixels are indexed `[y, x]` with `[0, 0]` at the top left. Box coordinates are continuous: the pixel in
column `c` covers `c` to `c + 1`, so a box over a whole picture is `(0, 0, width, height)`. Arrays of a
value that a node receives are read-only; copy before writing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodegraph import value

if TYPE_CHECKING:
    import numpy as np

_NONE: Any = None
"""Stands for an array as long as the others, all False."""


@value("image", version=1)
@dataclass(frozen=True)
class Image:
    """A colour picture.

    Attributes:
        pixels: uint8 `[H, W, 3]`, RGB, sRGB values 0 to 255, upright (EXIF orientation applied).
    """

    pixels: np.ndarray[Any, Any]

    def __post_init__(self) -> None:
        _check_array("Image.pixels", self.pixels, "uint8", (None, None, 3))

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def preview(self) -> bytes:
        """The picture as PNG."""
        return _png(self.pixels)


@value("video", version=1)
@dataclass(frozen=True)
class Video:
    """A clip of frames of one size.

    Attributes:
        frames: uint8 `[T, H, W, 3]`, RGB, 0 to 255; T is at least 1.
        fps: frames per second at which it plays.
    """

    frames: np.ndarray[Any, Any]
    fps: float

    def __post_init__(self) -> None:
        _check_array("Video.frames", self.frames, "uint8", (None, None, None, 3))
        if len(self.frames) == 0:
            raise ValueError("Video.frames: a clip has at least one frame")
        if not self.fps > 0:
            raise ValueError(f"Video.fps must be above 0, not {self.fps}")

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.frames.shape[2], self.frames.shape[1]

    def preview(self) -> bytes:
        """Up to eight frames side by side as PNG."""
        import numpy as np

        picked = np.linspace(0, len(self.frames) - 1, min(8, len(self.frames))).round().astype(int)
        return _png(np.concatenate(list(self.frames[picked]), axis=1))


@value("mask", version=1)
@dataclass(frozen=True)
class Mask:
    """A region of a picture.

    Attributes:
        pixels: bool `[H, W]`, True inside.
    """

    pixels: np.ndarray[Any, Any]

    def __post_init__(self) -> None:
        _check_array("Mask.pixels", self.pixels, "bool", (None, None))

    def preview(self) -> bytes:
        """White inside, black outside, as PNG."""
        return _png(self.pixels.astype("uint8") * 255)


@value("mask_track", version=1)
@dataclass(frozen=True)
class MaskTrack:
    """The regions of N objects over the T frames of a clip.

    Attributes:
        masks: bool `[N, T, H, W]`, True inside.
        scores: float32 `[N, T]`, confidence 0 to 1.
    """

    masks: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]

    def __post_init__(self) -> None:
        _check_array("MaskTrack.masks", self.masks, "bool", (None, None, None, None))
        _check_array("MaskTrack.scores", self.scores, "float32", self.masks.shape[:2])


@value("categories", version=1)
@dataclass(frozen=True)
class Categories:
    """The classes of a dataset, in the order that class ids index.

    Attributes:
        names: one unique name per class; class id 0 is `names[0]`.
        ids: the ids the source file uses (COCO's have gaps), as long as `names`.
    """

    names: tuple[str, ...]
    ids: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.ids):
            raise ValueError(f"Categories: {len(self.names)} names but {len(self.ids)} ids")
        for what, entries in (("name", self.names), ("id", self.ids)):
            if len(set(entries)) != len(entries):
                twice = next(entry for entry in entries if entries.count(entry) > 1)
                raise ValueError(f"Categories: the {what} {twice!r} occurs twice")

    @classmethod
    def of(cls, *names: str) -> Categories:
        """Categories with the ids 1, 2, ... as COCO files usually have."""
        return cls(names, tuple(range(1, len(names) + 1)))


@value("boxes", version=2)
@dataclass(frozen=True)
class Boxes:
    """The annotated objects of one picture.

    Attributes:
        xyxy: float32 `[N, 4]`: left, top, right, bottom in pixels, continuous, 0-based, right and bottom
            exclusive; right >= left and bottom >= top.
        class_ids: int64 `[N]`, indices into `categories.names`.
        scores: float32 `[N]`, 1 for annotated boxes, else confidence 0 to 1.
        categories: the classes.
        ignore: bool `[N]`, True for regions in which nothing counts, neither in training nor in evaluation:
            crowds of COCO, ignored regions of VisDrone, difficult objects of VOC. By default none is.
    """

    xyxy: np.ndarray[Any, Any]
    class_ids: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]
    categories: Categories
    ignore: np.ndarray[Any, Any] = _NONE

    def __post_init__(self) -> None:
        _fill_in_ignore(self, self.class_ids)
        _check_array("Boxes.xyxy", self.xyxy, "float32", (None, 4))
        _check_array("Boxes.class_ids", self.class_ids, "int64", (len(self.xyxy),))
        _check_array("Boxes.scores", self.scores, "float32", (len(self.xyxy),))
        _check_array("Boxes.ignore", self.ignore, "bool", (len(self.xyxy),))
        _check_boxes("Boxes", self.xyxy, self.class_ids, self.categories)

    def __len__(self) -> int:
        return len(self.xyxy)


@value("box_track", version=2)
@dataclass(frozen=True)
class BoxTrack:
    """The boxes of N objects over the T frames of a clip.

    Attributes:
        xyxy: float32 `[N, T, 4]`, as in `Boxes`; where an object is absent the row is 0.
        present: bool `[N, T]`, whether the object has a box in that frame.
        scores: float32 `[N, T]`, confidence of the tracker 0 to 1; 1 for ground truth.
        visibility: float32 `[N, T]`, the visible share of the object's area, 0 to 1.
        class_ids: int64 `[N]`, indices into `categories.names`.
        categories: the classes.
        ignore: bool `[N]`, as in `Boxes`.
    """

    xyxy: np.ndarray[Any, Any]
    present: np.ndarray[Any, Any]
    scores: np.ndarray[Any, Any]
    visibility: np.ndarray[Any, Any]
    class_ids: np.ndarray[Any, Any]
    categories: Categories
    ignore: np.ndarray[Any, Any] = _NONE

    def __post_init__(self) -> None:
        _fill_in_ignore(self, self.class_ids)
        _check_array("BoxTrack.xyxy", self.xyxy, "float32", (None, None, 4))
        objects_frames = self.xyxy.shape[:2]
        _check_array("BoxTrack.present", self.present, "bool", objects_frames)
        _check_array("BoxTrack.scores", self.scores, "float32", objects_frames)
        _check_array("BoxTrack.visibility", self.visibility, "float32", objects_frames)
        _check_array("BoxTrack.class_ids", self.class_ids, "int64", objects_frames[:1])
        _check_array("BoxTrack.ignore", self.ignore, "bool", objects_frames[:1])
        _check_boxes("BoxTrack", self.xyxy.reshape(-1, 4), self.class_ids, self.categories)

    def frame(self, index: int) -> Boxes:
        """The boxes of the objects present in one frame."""
        here = self.present[:, index]
        return Boxes(
            self.xyxy[here, index],
            self.class_ids[here],
            self.scores[here, index],
            self.categories,
            self.ignore[here],
        )


@value("depth", version=1)
@dataclass(frozen=True)
class Depth:
    """Relative inverse depth of a picture, as monocular depth networks give it.

    Attributes:
        nearness: float32 `[H, W]`, 0 (farthest) to 1 (nearest), linear in 1 / distance.
    """

    nearness: np.ndarray[Any, Any]

    def __post_init__(self) -> None:
        _check_array("Depth.nearness", self.nearness, "float32", (None, None))

    def preview(self) -> bytes:
        """Nearer is brighter, as PNG."""
        return _png((self.nearness.clip(0, 1) * 255).astype("uint8"))


@value("file", version=1)
@dataclass(frozen=True)
class File:
    """An encoded file, ready to be written by an exporter.

    Attributes:
        data: the bytes.
        suffix: the file name's ending with its dot, lower case, such as ".jpg".
        width, height: size of the picture or clip in pixels.
    """

    data: bytes
    suffix: str
    width: int
    height: int


def _fill_in_ignore(boxes: Boxes | BoxTrack, class_ids: Any) -> None:
    import numpy as np

    if boxes.ignore is None:
        object.__setattr__(boxes, "ignore", np.zeros(np.shape(class_ids)[:1], dtype=bool))


def _check_array(name: str, array: Any, dtype: str, shape: tuple[int | None, ...]) -> None:
    import numpy as np

    if not isinstance(array, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, not {type(array).__name__}")
    fits = array.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, array.shape, strict=True)
    )
    if array.dtype != dtype or not fits:
        wanted = ", ".join("*" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must be {dtype} [{wanted}], not {array.dtype} {list(array.shape)}")


def _check_boxes(name: str, xyxy: Any, class_ids: Any, categories: Categories) -> None:
    import numpy as np

    if not np.isfinite(xyxy).all():
        raise ValueError(f"{name}.xyxy has values that are not finite")
    if (xyxy[:, 2:] < xyxy[:, :2]).any():
        raise ValueError(f"{name}.xyxy has a box whose right or bottom lies before its left or top")
    if len(class_ids) and (class_ids.min() < 0 or class_ids.max() >= len(categories.names)):
        raise ValueError(f"{name}.class_ids must be 0 to {len(categories.names) - 1}, one per category")


def _png(pixels: Any) -> bytes:
    from io import BytesIO

    from PIL import Image as Pillow

    stream = BytesIO()
    Pillow.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()

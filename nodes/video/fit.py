"""How a photo comes into the clips of a model that has sizes of its own, and its boxes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import lcm, sqrt
from typing import TYPE_CHECKING, Any, Literal

from nodes.types import Boxes
from nodes.video.frames import no_boxes

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image as Pillow

Fit = Literal["near", "crop", "pad", "paper"]
"""How a photo of another shape than the clip is brought to it; `fitted` says what each does."""

SIDE_STEP = 64
"""Sides that "near" chooses are multiples of it: models were trained on such."""

_MOST_AREA = 1.2
"""As a share of the target's; of long photos, where a short side is rounded up, part of the length is cut."""

_LARGEST_AS_IS = 1 << 22
"""Pixels up to which "paper" leaves the resizing to the pipeline, which takes some 100 bytes for each."""

_SMALLEST_AS_IS = 2
"""Pixels of a side from which it does: that of Stable Video Diffusion fails on less."""


@dataclass(frozen=True)
class Fitted:
    """Where a photo lies in the frames that a model makes.

    Attributes:
        size: width and height of these frames, in pixels.
        view: the part of the photo that is seen: left, top, right, bottom in pixels of the photo.
        window: where it lies in the frames, whole pixels; what is around it is cut off in the end.
        as_is: whether the model gets the photo as it is, and resizes it itself.
    """

    size: tuple[int, int]
    view: tuple[float, float, float, float]
    window: tuple[int, int, int, int]
    as_is: bool = False


def fitted(photo: tuple[int, int], target: tuple[int, int], fit: Fit, *, multiple: int = 8) -> Fitted:
    """Where a photo comes to lie.

    - near: frames have about as many pixels as the target and the photo's shape, as far as sides that are
      multiples of 64 allow; of the photo, what is too much on two sides is cut off.
    - crop: frames have the target's size; of the photo, what is too much on two sides is cut off.
    - pad: the photo lies whole in the middle of frames of the target's size; its border pixels are repeated
      around it for the model, and there the frames are cut off again.
    - paper: the photo is stretched to the target.

    Args:
        photo: its width and height.
        target: width and height that are asked for.
        fit: which of these.
        multiple: what a model's sides have to be multiples of.

    Raises:
        ValueError: if the target's sides are not multiples of it.
    """
    if target[0] % multiple or target[1] % multiple:
        raise ValueError(
            f"width {target[0]} and height {target[1]} must be multiples of {multiple} for this model"
        )
    width, height = photo
    whole = (0.0, 0.0, float(width), float(height))
    if fit == "paper":
        as_is = width * height <= _LARGEST_AS_IS and min(photo) >= _SMALLEST_AS_IS
        return Fitted(target, whole, (0, 0, *target), as_is=as_is)
    if fit == "pad":
        scale = min(target[0] / width, target[1] / height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        left, top = (target[0] - inner[0]) // 2, (target[1] - inner[1]) // 2
        return Fitted(target, whole, (left, top, left + inner[0], top + inner[1]))
    size = target if fit == "crop" else _near(photo, target, lcm(SIDE_STEP, multiple))
    return Fitted(size, _middle(photo, size), (0, 0, *size))


def place_photo(pixels: np.ndarray[Any, Any], at: Fitted) -> Pillow:
    """The photo as a model gets it: of the size of its frames, or as it is.

    Args:
        pixels: uint8 `[H, W, 3]`.
        at: where it lies.
    """
    import numpy as np
    from PIL import Image

    if at.as_is:
        return Image.fromarray(np.ascontiguousarray(pixels))
    seen = seen_photo(pixels, at)
    width, height = at.size
    left, top, right, bottom = at.window
    around = ((top, height - bottom), (left, width - right), (0, 0))
    return Image.fromarray(np.pad(seen, around, mode="edge"))


def seen_photo(pixels: np.ndarray[Any, Any], at: Fitted) -> np.ndarray[Any, Any]:
    """The photo as it lies in a clip, uint8 `[h, w, 3]` of the window's size (Lanczos)."""
    import numpy as np
    from PIL import Image

    left, top, right, bottom = at.window
    photo = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(photo.resize((right - left, bottom - top), Image.Resampling.LANCZOS, box=at.view))


def cut_frames(frames: np.ndarray[Any, Any], at: Fitted) -> np.ndarray[Any, Any]:
    """The frames of a model, `[T, H, W, 3]`, without what lies around the photo."""
    left, top, right, bottom = at.window
    return frames[:, top:bottom, left:right]


def place_boxes(boxes: Boxes | None, at: Fitted) -> Boxes:
    """The photo's boxes as they lie in a clip's frames; those that are not in view are left out.

    Boxes are cut at the frame's edges. Without boxes there are none, of no categories.
    """
    import numpy as np

    if boxes is None:
        return no_boxes()
    left, top, right, bottom = at.view
    width, height = at.window[2] - at.window[0], at.window[3] - at.window[1]
    scale = np.array([width / (right - left), height / (bottom - top)] * 2)
    moved = (boxes.xyxy.astype(np.float64) - (left, top, left, top)) * scale
    inside = moved.clip(0, (width, height, width, height)).astype(np.float32)
    kept = (inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])
    return replace(
        boxes,
        xyxy=inside[kept],
        class_ids=boxes.class_ids[kept],
        scores=boxes.scores[kept],
        ignore=boxes.ignore[kept],
    )


def _near(photo: tuple[int, int], target: tuple[int, int], step: int) -> tuple[int, int]:
    """The size of about the target's area and the photo's shape; of a very long photo a part is seen."""
    area = target[0] * target[1]
    wide = min(max(sqrt(area * photo[0] / photo[1]), step), area / step)
    across, down = (max(step, round(side / step) * step) for side in (wide, area / wide))
    longest = max(step, int(_MOST_AREA * area / min(across, down)) // step * step)
    return min(across, longest), min(down, longest)


def _middle(photo: tuple[int, int], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest part of a photo, around its middle, of the shape of a size."""
    scale = max(size[0] / photo[0], size[1] / photo[1])
    width, height = min(photo[0], size[0] / scale), min(photo[1], size[1] / scale)
    left, top = (photo[0] - width) / 2, (photo[1] - height) / 2
    return left, top, left + width, top + height

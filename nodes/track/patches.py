"""Patches: objects of the first frame, small, to be found again in other frames and compared with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, hypot, log2
from typing import TYPE_CHECKING, Any

from nodes.track.motion_model import carry

if TYPE_CHECKING:
    import numpy as np

_SIDE = 48
"""Longest side of a patch in its own pixels; larger objects are resampled."""
_ALIKE = 0.5
"""Correlation from which on two small windows of the same contrast show the same."""
_NOISE = 3.0
"""Standard deviation, in grey levels, of the difference that resampling and compression make."""
_SAME_GREY = 12.0
"""Grey levels by which windows with little texture, which may look alike by chance, may differ."""
_FEWEST_AFFINE, _FEWEST_SIMILARITY = 900, 80
"""Pixels of its own inside the frame that a patch needs for such a motion; with fewer it only shifts."""
_COVERED = 0.3
"""Share of a patch that must lie inside the frame in a place where it is searched."""
_STEPS = 12
"""Most steps of an alignment."""
_SMOOTH = 0.7
"""Standard deviation, in pixels of the patch, of the smoothing before an alignment: what resampling does to
the finest detail would pass for motion."""
_FEWEST_CORE = 60
"""Pixels that must be left of a patch without its rim for these alone to be aligned."""


Pyramid = Sequence["np.ndarray[Any, Any]"]
"""A grey frame float32 `[H, W]`, and the same in 1/2, 1/4, ... of the size."""


@dataclass(frozen=True)
class Patch:
    """An object of the first frame.

    Attributes:
        grey: float32 `[h, w]`.
        own: bool `[h, w]`, which pixels are the object's.
        core: bool `[h, w]`, those without the rim, in whose colours the background mixes as the object moves;
            all where too few were left.
        smooth: float32 `[h, w]`, `grey` without its finest detail.
        onto: float64 `[3, 3]`, from continuous pixels of the patch to those of the first frame.
    """

    grey: np.ndarray[Any, Any]
    own: np.ndarray[Any, Any]
    core: np.ndarray[Any, Any]
    smooth: np.ndarray[Any, Any]
    onto: np.ndarray[Any, Any]

    @property
    def length(self) -> float:
        """Side of the square of the patch's area, in pixels of the first frame."""
        import numpy as np

        height, width = self.grey.shape
        return float(np.sqrt(height * width * abs(np.linalg.det(self.onto[:2, :2]))))

    def middle(self, model: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Where a model of the first frame's points puts the patch's middle: float64 `[2]`, (x, y)."""
        import numpy as np

        middle = np.array([self.grey.shape[::-1]], dtype=np.float64) / 2
        return carry(model @ self.onto, middle)[0].astype(np.float64)

    def corners(self, model: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Where a model of the first frame's points puts the patch's corners: float32 `[4, 2]`."""
        import numpy as np

        height, width = self.grey.shape
        corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float64)
        return carry(model, carry(self.onto, corners))


@dataclass(frozen=True)
class Likeness:
    """How a patch compares with what a frame shows in its place.

    Attributes:
        share: share of the object's pixels inside the frame that show the same, 0 to 1.
        inside: share of the object's pixels that lie inside the frame.
        residual: typical difference, in grey levels, of those that show the same.
    """

    share: float
    inside: float
    residual: float


def pyramid(grey: np.ndarray[Any, Any]) -> Pyramid:
    """A grey frame uint8 `[H, W]` in ever halved sizes, down to a side of 16 pixels."""
    import cv2
    import numpy as np

    levels: list[np.ndarray[Any, Any]] = [grey.astype(np.float32)]
    while min(levels[-1].shape) >= 32:
        height, width = levels[-1].shape
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels


def cut_patch(first: Pyramid, region: np.ndarray[Any, Any]) -> Patch | None:
    """The patch of a region bool `[H, W]` of the first frame; None if it is empty."""
    import cv2
    import numpy as np

    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return None
    top, left, height, width = rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    onto = np.array([[width / size[0], 0, left], [0, height / size[1], top], [0, 0, 1]], dtype=np.float64)
    part = region[top : top + height, left : left + width].astype(np.float32)
    own = cv2.resize(part, size, interpolation=cv2.INTER_AREA) >= 0.5
    if not own.any():
        own[:] = True
    grey = _look(first, onto, size)
    return Patch(grey, own, _core(own), _smoothed(grey), onto)


def compare(patch: Patch, frame: Pyramid, model: np.ndarray[Any, Any]) -> Likeness:
    """Compare a patch, window by window, with what a frame shows where a model puts it.

    Windows are alike where, apart from their mean, they differ by noise and half of their variance at most
    (of equal variance: correlate by a half); of those with little texture the means must be close as well.
    """
    import cv2
    import numpy as np

    inside = patch.own & _inside(patch, frame, model)
    pixels = int(inside.sum())
    if not pixels:
        return Likeness(0.0, 0.0, 0.0)
    seen = _look(frame, model @ patch.onto, patch.grey.shape[::-1])
    side = 7 if min(patch.grey.shape) >= 16 else 5
    weight = inside.astype(np.float32)

    def mean(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return cv2.boxFilter(values * weight, -1, (side, side), normalize=False) / count

    count = cv2.boxFilter(weight, -1, (side, side), normalize=False).clip(1)
    mean_patch, mean_seen = mean(patch.grey), mean(seen)
    var_patch = (mean(patch.grey**2) - mean_patch**2).clip(0)
    var_seen = (mean(seen**2) - mean_seen**2).clip(0)
    apart = (mean((patch.grey - seen) ** 2) - (mean_patch - mean_seen) ** 2).clip(0)
    alike = apart <= _NOISE**2 + (1 - _ALIKE) * (var_patch + var_seen)
    shaded = np.abs(mean_patch - mean_seen) > _SAME_GREY
    same = alike & ~(shaded & (var_patch < (4 * _NOISE) ** 2)) & inside
    residual = np.abs((patch.grey - mean_patch) - (seen - mean_seen))[same]
    return Likeness(
        float(same.sum()) / pixels,
        pixels / int(patch.own.sum()),
        float(residual.mean()) if len(residual) else 255.0,
    )


def align(patch: Patch, frame: Pyramid, model: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The model near a given one under which a frame looks most like a patch: float64 `[3, 3]`.

    Inverse compositional alignment (Baker and Matthews, IJCV 2004) by an affine motion, or one of fewer
    unknowns where few pixels of the patch are inside the frame, with gain and offset of the grey levels, and
    weights that leave out what hides the object (Tukey's biweight). Returns the model as it was where
    nothing determines a better one.
    """
    import numpy as np

    height, width = patch.grey.shape
    pixels = int((patch.core & _inside(patch, frame, model)).sum())
    slopes = _slopes(patch, _unknowns(pixels))
    found = model
    for _ in range(_STEPS):
        usable = (patch.core & _inside(patch, frame, found)).ravel()
        if usable.sum() < 3 * slopes.shape[1]:
            return model
        seen = _smoothed(_look(frame, found @ patch.onto, (width, height)))
        wrong = (seen - patch.smooth).ravel()
        apart = wrong - float(np.median(wrong[usable]))
        spread = 1.4826 * float(np.median(np.abs(apart[usable]))) + 1.0
        weight = np.where(usable, (1 - (apart / (4.685 * spread)) ** 2).clip(0) ** 2, 0)
        weighted = slopes * weight[:, None]
        normal = weighted.T @ slopes
        normal[np.diag_indices_from(normal)] *= 1 + 1e-4
        try:
            step = np.linalg.solve(normal + 1e-6 * np.eye(len(normal)), weighted.T @ wrong)
        except np.linalg.LinAlgError:
            return model
        change = _warp(step[:-2], (width, height))
        linear = change[:2, :2]
        if abs(float(np.linalg.det(linear)) - 1) > 0.5:
            return model
        found = found @ patch.onto @ np.linalg.inv(change) @ np.linalg.inv(patch.onto)
        if float(np.abs(step[:-2]).max()) < 0.02:
            break
    return found


def search(
    patch: Patch, frame: Pyramid, model: np.ndarray[Any, Any], radius: float, count: int
) -> list[np.ndarray[Any, Any]]:
    """Models near a given one, shifted to the `count` places within a radius that look most like the patch.

    Args:
        patch: what is searched.
        frame: where.
        model: where it is expected, which also tells its size and rotation.
        radius: in pixels of the frame.
        count: how many places to give.
    """
    import cv2
    import numpy as np

    height, width = patch.grey.shape
    if min(height, width) < 3:
        return []
    unit = _unit(model @ patch.onto)
    reach = ceil(radius / unit)
    shift = np.array([[1, 0, -reach], [0, 1, -reach], [0, 0, 1]], dtype=np.float64)
    size = (width + 2 * reach, height + 2 * reach)
    around = _look(frame, model @ patch.onto @ shift, size, fill=float(patch.grey.mean()))
    mask = None if patch.own.all() else patch.own.astype(np.float32)
    found: Any = cv2.matchTemplate(around, patch.grey, cv2.TM_CCOEFF_NORMED, mask=mask)
    ones = np.ones_like(frame[0])
    covered = _look([ones], model @ patch.onto @ shift, size, fill=0.0)
    covered = cv2.boxFilter(covered, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    # Where the frame fills little of the place, what is compared is mostly the filling.
    found[
        ~np.isfinite(found) | (found > 1.01) | (covered[: found.shape[0], : found.shape[1]] < _COVERED)
    ] = -1
    places: list[np.ndarray[Any, Any]] = []
    for _ in range(count):
        row, column = np.unravel_index(int(found.argmax()), found.shape)
        if found[row, column] < 0.3:
            break
        moved = np.array([[1, 0, column - reach], [0, 1, row - reach], [0, 0, 1]], dtype=np.float64)
        places.append(model @ patch.onto @ moved @ np.linalg.inv(patch.onto))
        near = max(2, min(height, width) // 3)
        found[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = -1
    return places


def _core(own: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The pixels bool `[h, w]` of an object without a rim one pixel wide."""
    import cv2
    import numpy as np

    kernel = np.ones((3, 3), np.uint8)
    core = cv2.erode(own.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
    return core if core.sum() >= _FEWEST_CORE else own


def _smoothed(grey: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import cv2

    return cv2.GaussianBlur(grey, (0, 0), _SMOOTH, borderType=cv2.BORDER_REPLICATE)


def _unknowns(pixels: int) -> int:
    """How many unknowns of a motion so many pixels determine: of a shift, a similarity, an affine one."""
    if pixels >= _FEWEST_AFFINE:
        return 6
    return 4 if pixels >= _FEWEST_SIMILARITY else 2


def _slopes(patch: Patch, unknowns: int) -> np.ndarray[Any, Any]:
    """How each pixel changes with each unknown, with gain and with offset: float `[h w, unknowns + 2]`."""
    import numpy as np

    height, width = patch.grey.shape
    # In units of half the patch, so that all unknowns are of one size.
    x = (np.arange(width) + 0.5) / width * 2 - 1
    y = ((np.arange(height) + 0.5) / height * 2 - 1)[:, None]
    none = np.zeros_like(patch.smooth)
    right = np.gradient(patch.smooth, axis=1) if width > 1 else none
    down = np.gradient(patch.smooth, axis=0) if height > 1 else none
    columns = [right, down]
    if unknowns == 4:
        longer = max(width, height)
        across, along = x * width / longer, y * height / longer
        columns += [right * across + down * along, down * across - right * along]
    elif unknowns == 6:
        columns += [right * x, right * y, down * x, down * y]
    columns += [patch.smooth - patch.smooth.mean(), np.ones_like(patch.grey)]
    return np.stack([column.ravel() for column in columns], axis=1)


def _warp(step: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """The motion of patch pixels `[3, 3]` that an alignment's step stands for, about the patch's middle."""
    import numpy as np

    half = np.array([size[0] / 2, size[1] / 2])
    linear = np.eye(2)
    if len(step) == 4:
        a, b = step[2:4] / max(size) * 2
        linear += np.array([[a, -b], [b, a]])
    elif len(step) == 6:
        linear += step[2:].reshape(2, 2) / half
    change = np.eye(3)
    change[:2, :2] = linear
    change[:2, 2] = half + step[:2] - linear @ half
    return change


def _unit(onto: np.ndarray[Any, Any]) -> float:
    """Pixels of the frame to a pixel of the patch."""
    third = max(abs(float(onto[2, 2])), 1e-6)
    return max(hypot(float(onto[0, 0]), float(onto[1, 0])) / third, 1e-3)


def _look(
    frame: Pyramid, onto: np.ndarray[Any, Any], size: tuple[int, ...], *, fill: float | None = None
) -> np.ndarray[Any, Any]:
    """What a frame shows where `onto` puts the pixels of a picture of (width, height): float32 `[h, w]`."""
    import cv2
    import numpy as np

    level = min(len(frame) - 1, max(0, round(log2(_unit(onto)) - 0.25)))
    picture = frame[level]
    smaller = np.diag([picture.shape[1] / frame[0].shape[1], picture.shape[0] / frame[0].shape[0], 1.0])
    to_centres = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    indices = np.linalg.inv(to_centres) @ smaller @ onto @ to_centres
    border = cv2.BORDER_REPLICATE if fill is None else cv2.BORDER_CONSTANT
    return cv2.warpPerspective(
        picture,
        indices,
        (int(size[0]), int(size[1])),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
        borderValue=0.0 if fill is None else fill,
    )


def _inside(patch: Patch, frame: Pyramid, model: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Which pixels of a patch lie inside a frame: bool `[h, w]`."""
    import numpy as np

    height, width = patch.grey.shape
    onto = model @ patch.onto
    high, wide = frame[0].shape
    corners = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)]) @ onto.T
    ends = corners[:, :2] / corners[:, 2:].clip(1e-6)
    if (corners[:, 2] > 1e-6).all() and (ends >= 0).all() and (ends <= (wide, high)).all():
        return np.ones((height, width), dtype=bool)
    x, y = np.arange(width) + 0.5, np.arange(height)[:, None] + 0.5
    across, down, third = (onto[i, 0] * x + onto[i, 1] * y + onto[i, 2] for i in range(3))
    ahead = third > 1e-6
    third = np.where(ahead, third, 1.0)
    return ahead & (across >= 0) & (across <= wide * third) & (down >= 0) & (down <= high * third)

"""Camera paths: how a camera that took a photo moves, and where that takes each pixel of the photo."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians, sin, tan
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

PathName = Literal[
    "pan_left",
    "pan_right",
    "pan_up",
    "pan_down",
    "truck_left",
    "truck_right",
    "pedestal_up",
    "pedestal_down",
    "zoom_in",
    "zoom_out",
    "dolly_in",
    "dolly_out",
    "orbit_left",
    "orbit_right",
    "roll",
]
Easing = Literal["linear", "ease_in", "ease_out", "ease_in_out"]

PATHS: tuple[PathName, ...] = get_args(PathName)


@dataclass(frozen=True)
class Motion:
    """What the amplitude of a kind of camera path means.

    Attributes:
        unit: unit of the amplitude, for messages.
        default: the amplitude that is used if none is given.
        lowest, highest: bounds of the amplitude, both excluded.
    """

    unit: str
    default: float
    lowest: float
    highest: float


_MOTIONS = {
    "pan": Motion("degrees of rotation", 10.0, -60.0, 60.0),
    "truck": Motion("picture widths at unit depth", 0.2, -4.0, 4.0),
    "pedestal": Motion("picture widths at unit depth", 0.2, -4.0, 4.0),
    "zoom_in": Motion("factor of the focal length", 1.6, 0.05, 20.0),
    "zoom_out": Motion("factor of the focal length", 2.0, 0.05, 20.0),
    "dolly_in": Motion("share of the unit depth", 0.375, -20.0, 0.95),
    "dolly_out": Motion("share of the unit depth", 1.0, -0.95, 20.0),
    "orbit": Motion("degrees around the scene", 30.0, -75.0, 75.0),
    "roll": Motion("degrees, the camera turns clockwise", 25.0, -360.0, 360.0),
}


@dataclass(frozen=True)
class View:
    """Where one camera pose takes the pixels of the source photo.

    A pixel at homogeneous source position `p = (x, y, 1)`, whose inverse depth is `q` (1 = unit depth),
    appears at `rotation @ p - q * shift`, and its inverse depth is then `q` over the third coordinate.

    Attributes:
        rotation: float64 `[3, 3]`, the homography of points at infinite distance.
        shift: float64 `[3]`, what the camera's translation adds at unit depth.
    """

    rotation: np.ndarray[Any, Any]
    shift: np.ndarray[Any, Any]

    def homography(self, inverse_depth: float = 1.0) -> np.ndarray[Any, Any]:
        """The homography float64 `[3, 3]` of a plane at that inverse depth, parallel to the picture."""
        moved = self.rotation.copy()
        moved[:, 2] -= inverse_depth * self.shift
        return moved


def motion_of(path: PathName) -> Motion:
    """What the amplitude of a camera path means, its default and its bounds."""
    return _MOTIONS.get(path) or _MOTIONS[path.partition("_")[0]]


def check_amplitude(path: PathName, amplitude: float | None) -> float:
    """The amplitude of a path, its default for None.

    Raises:
        ValueError: if it is out of the bounds of that path.
    """
    motion = motion_of(path)
    if amplitude is None:
        return motion.default
    if not motion.lowest < amplitude < motion.highest:
        raise ValueError(
            f"amplitude {amplitude:g} of path {path!r} must lie between {motion.lowest:g} and "
            f"{motion.highest:g} ({motion.unit}); the default is {motion.default:g}"
        )
    return amplitude


def ease(share: float, easing: Easing) -> float:
    """The share of the way that is done after a share of the time; 0 at 0, 1 at 1, never decreasing."""
    match easing:
        case "linear":
            return share
        case "ease_in":
            return share * share
        case "ease_out":
            return share * (2 - share)
        case "ease_in_out":
            return share * share * (3 - 2 * share)


def view_at(path: PathName, amplitude: float, share: float, size: tuple[int, int], fov: float) -> View:
    """The view after a share of a camera path.

    The camera is a pinhole with its principal point in the middle of the picture and square pixels. The
    names say how the camera moves, so the picture moves the other way.

    Args:
        path: the kind of motion and its direction.
        amplitude: its size at the end of the path, in the path's unit.
        share: how much of the way is done, 0 to 1.
        size: (width, height) of the picture in pixels.
        fov: horizontal field of view of the photo, degrees.
    """
    import numpy as np

    focal = size[0] / 2 / tan(radians(fov) / 2)
    rotation, centre, magnification = _pose(path, amplitude, share, size[0] / focal)
    middle = (size[0] / 2, size[1] / 2)
    projection = _intrinsics(focal * magnification, middle) @ rotation
    return View(projection @ np.linalg.inv(_intrinsics(focal, middle)), projection @ centre)


def _intrinsics(focal: float, middle: tuple[float, float]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]], dtype=np.float64)


def _pose(
    path: PathName, amplitude: float, share: float, width: float
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
    """World-to-camera rotation `[3, 3]`, camera centre `[3]` (x right, y down, z ahead), zoom factor.

    `width` is the width of the view at unit depth.
    """
    import numpy as np

    still, origin = np.eye(3), np.zeros(3)
    way = amplitude * share
    match path:
        case "pan_left" | "pan_right":
            return _turn_right(way if path == "pan_right" else -way), origin, 1.0
        case "pan_up" | "pan_down":
            return _turn_up(way if path == "pan_up" else -way), origin, 1.0
        case "truck_left" | "truck_right":
            return still, np.array([way * width if path == "truck_right" else -way * width, 0, 0]), 1.0
        case "pedestal_up" | "pedestal_down":
            return still, np.array([0, way * width if path == "pedestal_down" else -way * width, 0]), 1.0
        case "zoom_in" | "zoom_out":
            return still, origin, amplitude ** (share if path == "zoom_in" else -share)
        case "dolly_in" | "dolly_out":
            return still, np.array([0, 0, way if path == "dolly_in" else -way]), 1.0
        case "orbit_left" | "orbit_right":
            towards = _turn_right(-way if path == "orbit_right" else way)
            return towards, np.array([0, 0, 1.0]) - towards[2], 1.0
        case "roll":
            return _roll(way), origin, 1.0


def _turn_right(degrees: float) -> np.ndarray[Any, Any]:
    import numpy as np

    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])


def _turn_up(degrees: float) -> np.ndarray[Any, Any]:
    import numpy as np

    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[1, 0, 0], [0, c, s], [0, -s, c]])


def _roll(degrees: float) -> np.ndarray[Any, Any]:
    """Roll the camera clockwise as seen from behind it: the picture turns counter-clockwise."""
    import numpy as np

    c, s = cos(radians(degrees)), sin(radians(degrees))
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])

"""Changes of a picture's appearance: light, colour, sharpness, noise; nothing moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import numpy as np

Operation = Literal[
    "brightness",
    "contrast",
    "saturation",
    "hue",
    "gamma",
    "blur",
    "noise",
    "jpeg",
    "greyscale",
]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)

BRIGHTNESS, CONTRAST, SATURATION = 0.6, 0.6, 0.8
"""By how much the factor is off 1 at strength 1."""
HUE = 45.0
"""Largest turn of the hue at strength 1, in degrees."""
GAMMA = 2.0
"""Largest gamma, and one over the least, at strength 1."""
BLUR = 0.01
"""Largest standard deviation of the blur at strength 1, as a share of the longer side."""
NOISE = 30.0
"""Largest standard deviation of the noise at strength 1, in grey values."""
JPEG = 85
"""By how much the quality is below 95 at strength 1."""


def change(
    pixels: np.ndarray[Any, Any], operation: Operation, strength: float, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """Apply one operation, of random extent up to that of `strength`.

    Args:
        pixels: uint8 `[H, W, 3]` RGB; stays as it is.
        operation: what is changed.
        strength: 0 (nothing) to 1 (as far as the constants of this module say).
        rng: draws direction and extent.

    Returns:
        uint8 `[H, W, 3]`.
    """
    return _CHANGES[operation](pixels, strength, rng)


def _enhanced(name: str, most: float) -> Callable[..., np.ndarray[Any, Any]]:
    """Pillow's enhancer of that name, with a factor of up to `most` off 1, to either side."""

    def enhance(
        pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator
    ) -> np.ndarray[Any, Any]:
        import numpy as np
        from PIL import Image as Pillow
        from PIL import ImageEnhance

        factor = 1 + strength * rng.uniform(-most, most)
        return np.array(getattr(ImageEnhance, name)(Pillow.fromarray(pixels)).enhance(factor))

    return enhance


def _hue(pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    degrees = strength * rng.uniform(-HUE, HUE)
    hsv = cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV_FULL)
    hsv[..., 0] = (hsv[..., 0].astype(np.int32) + round(degrees / 360 * 256)) % 256
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL)


def _gamma(pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    import cv2
    import numpy as np

    gamma = GAMMA ** (strength * rng.uniform(-1, 1))
    table = ((np.arange(256) / 255) ** gamma * 255).round().astype(np.uint8)
    return cv2.LUT(pixels, table)


def _blur(pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    import cv2

    sigma = strength * rng.uniform(0, BLUR) * max(pixels.shape[:2])
    return cv2.GaussianBlur(pixels, (0, 0), sigma) if sigma > 0 else pixels.copy()


def _noise(pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    import numpy as np

    sigma = strength * rng.uniform(0, NOISE)
    noise = rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(sigma)
    return (pixels + noise).round().clip(0, 255).astype(np.uint8)


def _jpeg(pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    from io import BytesIO

    import numpy as np
    from PIL import Image as Pillow

    stream = BytesIO()
    Pillow.fromarray(pixels).save(stream, "JPEG", quality=round(95 - strength * rng.uniform(0, JPEG)))
    with Pillow.open(stream) as decoded:
        return np.array(decoded)


def _greyscale(
    pixels: np.ndarray[Any, Any], strength: float, rng: np.random.Generator
) -> np.ndarray[Any, Any]:
    """All colour is gone, with the probability `strength`."""
    import cv2
    import numpy as np

    if rng.random() >= strength:
        return pixels.copy()
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.repeat(grey[..., None], 3, axis=2)


_CHANGES: dict[Operation, Callable[..., np.ndarray[Any, Any]]] = {
    "brightness": _enhanced("Brightness", BRIGHTNESS),
    "contrast": _enhanced("Contrast", CONTRAST),
    "saturation": _enhanced("Color", SATURATION),
    "hue": _hue,
    "gamma": _gamma,
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
    "greyscale": _greyscale,
}

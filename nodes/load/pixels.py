"""Decoding of picture files: whatever the file's mode, upright 8-bit RGB comes out."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nodes.types import Image

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image as Pillow

# Named one by one, because Pillow would also try formats that start a program (EPS calls Ghostscript).
_FORMATS = ("JPEG", "PNG", "MPO", "BMP", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")

_ORIENTATION = 0x0112  # EXIF 2.32, table 4
_BACKGROUND = (255, 255, 255, 255)
_BAND = 256
"""Rows that are converted at a time."""


class PictureError(ValueError):
    """A file that is no picture, or a damaged, oversized or unsupported one; names the file."""


T = TypeVar("T")


def read_image(path: Path) -> Image:
    """Decode a picture file into upright 8-bit RGB.

    - EXIF orientation is applied; the rest of the metadata and colour profiles are ignored.
    - Grey, 1-bit, palette and CMYK pictures are converted to RGB.
    - Transparent pictures are laid over white.
    - Of 16-bit samples the high byte is taken.
    - Of an animation or a file of several pages the first picture is taken.

    Raises:
        FileNotFoundError: if there is no such file.
        PermissionError: if it may not be read.
        PictureError: if it cannot be decoded, has more pixels than Pillow's limit against
            decompression bombs (179 million), or has samples without a known range (floating point).
    """
    return Image(decode(path, _upright_rgb))


def decode(path: Path, convert: Callable[[Pillow.Image], T]) -> T:
    """What `convert` makes of a picture file once it is decoded.

    Raises:
        FileNotFoundError: if there is no such file.
        PermissionError: if it may not be read.
        PictureError: if it cannot be decoded or converted, or has more pixels than Pillow's limit against
            decompression bombs (179 million).
    """
    from PIL import Image as Pillow

    with _open(path) as file:
        # A damaged file can make the decoders raise nearly anything (OSError, SyntaxError, struct.error,
        # zlib.error, ...); here all of it means one thing.
        try:
            with Pillow.open(file, formats=_formats()) as picture:
                picture.load()
                return convert(picture)
        except Pillow.UnidentifiedImageError:
            reason = "not a picture in a known format"
        except Pillow.DecompressionBombError:
            reason = "more pixels than are decoded in good faith (179 million)"
        except Exception as error:
            reason = str(error) or type(error).__name__
    raise PictureError(f"{path}: cannot be decoded: {reason}; repair, replace or remove the file")


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except PermissionError:
        raise PermissionError(f"{path}: may not be read; check its permissions") from None


@cache
def _formats() -> tuple[str, ...]:
    from PIL import Image as Pillow

    Pillow.init()
    return tuple(name for name in _FORMATS if name in Pillow.OPEN)


def _upright_rgb(picture: Pillow.Image) -> np.ndarray[Any, Any]:
    """uint8 `[H, W, 3]` of a loaded picture, converted a band of rows at a time: its copies stay small."""
    import numpy as np

    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, _BAND):
        bottom = min(top + _BAND, height)
        pixels[top:bottom] = np.asarray(_rgb(picture.crop((0, top, width, bottom))))
    return _upright(pixels, _orientation(picture))


def _orientation(picture: Pillow.Image) -> int:
    try:
        return picture.getexif().get(_ORIENTATION) or 1
    except Exception:  # broken EXIF, which some cameras write: the pixels are good
        return 1


def _upright(pixels: np.ndarray[Any, Any], orientation: int) -> np.ndarray[Any, Any]:
    """The pixels turned and mirrored as the EXIF orientation asks; an unknown one asks nothing."""
    import numpy as np

    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _rgb(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return _high_byte(picture)
    if picture.mode == "F":
        raise ValueError("floating-point samples have no stated range; save it with 8 or 16 bits a sample")
    if picture.has_transparency_data:
        return _over_background(picture)
    return picture.convert("RGB")


def _high_byte(picture: Pillow.Image) -> Pillow.Image:
    import numpy as np
    from PIL import Image as Pillow

    samples = np.asarray(picture)
    if samples.min() < 0 or samples.max() > 65535:
        raise ValueError("samples beyond 16 bits have no stated range; save it with 8 or 16 bits a sample")
    return Pillow.fromarray((samples >> 8).astype(np.uint8)).convert("RGB")


def _over_background(picture: Pillow.Image) -> Pillow.Image:
    from PIL import Image as Pillow

    background = Pillow.new("RGBA", picture.size, _BACKGROUND)
    return Pillow.alpha_composite(background, picture.convert("RGBA")).convert("RGB")

"""Encoding a picture as a file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from nodegraph import Param, node
from nodes.types import File, Image

Format = Literal["jpeg", "png", "webp"]

_SUFFIXES: dict[Format, str] = {"jpeg": ".jpg", "png": ".png", "webp": ".webp"}
_FULL_CHROMA_FROM_QUALITY = 90
"""From here on JPEG keeps colour at full resolution: subsampling it would be the visible loss."""


@node("image.encode", version=1)
def encode_image(
    image: Image,
    *,
    format: Annotated[Format, Param(help="jpeg and webp lose a little, png loses nothing")] = "jpeg",
    quality: Annotated[int, Param(ge=1, le=100, help="of jpeg and webp; png is always lossless")] = 95,
) -> File:
    """Encode a picture as JPEG, PNG or WebP.

    The file holds no metadata, so equal pictures give equal bytes.

    Raises:
        ValueError: if the picture is larger than the format allows: 65,500 pixels a side in JPEG, 16,383
            in WebP.
    """
    from io import BytesIO

    from PIL import Image as Pillow

    width, height = image.size
    sink = BytesIO()
    try:
        Pillow.fromarray(image.pixels).save(sink, format=format, **_options(format, quality))
    except (OSError, ValueError) as error:
        size = f"{width} × {height} pixels"
        raise ValueError(f"a picture of {size} cannot be encoded as {format}: {error}") from None
    return File(sink.getvalue(), _SUFFIXES[format], width, height)


def _options(format: Format, quality: int) -> dict[str, Any]:
    match format:
        case "jpeg":
            full_chroma = quality >= _FULL_CHROMA_FROM_QUALITY
            return {"quality": quality, "subsampling": 0 if full_chroma else 2, "optimize": True}
        case "webp":
            return {"quality": quality, "method": 4}
        case "png":
            return {"compress_level": 6}

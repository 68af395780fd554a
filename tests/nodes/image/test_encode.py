from io import BytesIO

import numpy as np
import pytest
from PIL import Image as Pillow

from nodes.image import encode_image
from nodes.types import Image


@pytest.fixture
def photo() -> Image:
    rows, columns = np.mgrid[0:40, 0:60]
    return Image(np.stack([rows * 5, columns * 4, rows + columns], axis=-1).astype(np.uint8))


@pytest.mark.parametrize(
    ("format", "suffix", "tolerance"), [("jpeg", ".jpg", 3), ("png", ".png", 0), ("webp", ".webp", 6)]
)
def test_a_picture_decodes_to_what_was_encoded(photo, format, suffix, tolerance):
    file = encode_image(photo, format=format)
    decoded = Pillow.open(BytesIO(file.data))
    assert (file.suffix, file.width, file.height) == (suffix, 60, 40)
    assert decoded.format == format.upper()
    difference = np.abs(np.asarray(decoded.convert("RGB")).astype(int) - photo.pixels)
    assert difference.mean() <= tolerance


@pytest.mark.parametrize("format", ["jpeg", "png", "webp"])
def test_equal_pictures_give_equal_bytes(photo, format):
    assert encode_image(photo, format=format) == encode_image(Image(photo.pixels.copy()), format=format)


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_lower_quality_gives_fewer_bytes(photo, format):
    assert len(encode_image(photo, format=format, quality=20).data) < len(
        encode_image(photo, format=format).data
    )


def test_a_read_only_view_is_encoded_like_a_copy(photo):
    frames = np.stack([photo.pixels] * 2)
    frames.flags.writeable = False
    assert encode_image(Image(frames[1, ::2, ::2])) == encode_image(Image(photo.pixels[::2, ::2].copy()))


@pytest.mark.parametrize(("format", "side"), [("jpeg", 65_501), ("webp", 16_384)])
def test_a_picture_too_large_for_the_format_is_an_error_that_says_so(format, side):
    with pytest.raises(ValueError, match=f"{side} × 1 pixels cannot be encoded as {format}"):
        encode_image(Image(np.zeros((1, side, 3), np.uint8)), format=format)

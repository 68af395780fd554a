"""Whatever the mode of a picture file, upright 8-bit RGB comes out; a damaged one is named."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from nodes.load import PictureError
from nodes.load.pixels import read_image

CORNERS = np.array(
    [[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [90, 90, 90], [255, 255, 255]]], np.uint8
)


def saved(path: Path, picture: Pillow.Image, **options: object) -> np.ndarray:
    picture.save(path, **options)
    return read_image(path).pixels


def write_png(path: Path, *, bits: int, colour_type: int, samples: np.ndarray) -> None:
    """Write a PNG of a kind Pillow does not write, such as 16-bit colour; `samples` is uint16 `[H, W, C]`."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def test_rgb_is_read_as_it_is(tmp_path):
    image = saved(tmp_path / "a.png", Pillow.fromarray(CORNERS))
    assert image.dtype == np.uint8
    assert np.array_equal(image, CORNERS)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "ppm", "webp", "gif", "jpg", "jp2", "avif"])
def test_every_format_keeps_size_and_colour(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {"quality": 95} if suffix in ("jpg", "avif") else {}
    red = Pillow.new("RGB", (24, 16), (200, 30, 40))
    image = saved(tmp_path / f"a.{suffix}", red, **options)
    assert image.shape == (16, 24, 3)
    assert np.abs(image.astype(int) - [200, 30, 40]).max() <= 4


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = np.array([[0, 128, 255]], np.uint8)
    image = saved(tmp_path / "a.png", Pillow.fromarray(grey))
    assert image.tolist() == [[[0] * 3, [128] * 3, [255] * 3]]


def test_one_bit_becomes_black_and_white(tmp_path):
    image = saved(tmp_path / "a.png", Pillow.fromarray(np.array([[True, False]])))
    assert image.tolist() == [[[255] * 3, [0] * 3]]


def test_palette_is_looked_up(tmp_path):
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    assert saved(tmp_path / "a.png", picture).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_transparent_palette_entry_becomes_white(tmp_path):
    picture = Pillow.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putpixel((1, 0), 1)
    image = saved(tmp_path / "a.png", picture, transparency=b"\x00\xff")
    assert image.tolist() == [[[255, 255, 255], [200, 100, 50]]]


def test_alpha_is_laid_over_white(tmp_path):
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], np.uint8)
    image = saved(tmp_path / "a.png", Pillow.fromarray(rgba))
    assert image.tolist() == [[[255, 0, 0], [255, 255, 255], [127, 127, 127]]]


def test_grey_with_alpha_is_laid_over_white(tmp_path):
    image = saved(tmp_path / "a.png", Pillow.fromarray(np.array([[[9, 255], [9, 0]]], np.uint8), mode=None))
    assert image.tolist() == [[[9] * 3, [255] * 3]]


def test_transparent_colour_of_an_rgb_png_becomes_white(tmp_path):
    rgb = Pillow.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    assert saved(tmp_path / "a.png", rgb, transparency=(1, 2, 3)).tolist() == [[[255] * 3, [4, 5, 6]]]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bit_grey_gives_the_high_byte(tmp_path, suffix):
    samples = np.array([[0, 255, 256, 0x80FF, 65535]], np.uint16)
    image = saved(tmp_path / f"a.{suffix}", Pillow.fromarray(samples))
    assert image[0, :, 0].tolist() == [0, 0, 1, 0x80, 255]
    assert (image[..., 0] == image[..., 1]).all()


def test_big_endian_sixteen_bit_grey_gives_the_high_byte(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 3 1 65535\n" + np.array([0, 0x1234, 65535], ">u2").tobytes())
    assert read_image(path).pixels[0, :, 0].tolist() == [0, 0x12, 255]


def test_sixteen_bit_colour_gives_the_high_byte(tmp_path):
    samples = np.array([[[0x12FF, 0x8001, 0xFFFF], [0, 0x00FF, 0x0100]]], np.uint16)
    write_png(tmp_path / "a.png", bits=16, colour_type=2, samples=samples)
    assert read_image(tmp_path / "a.png").pixels.tolist() == [[[0x12, 0x80, 0xFF], [0, 0, 1]]]


def test_sixteen_bit_colour_with_alpha_is_laid_over_white(tmp_path):
    samples = np.array([[[0x1200, 0x3400, 0x5600, 0xFFFF], [0, 0, 0, 0]]], np.uint16)
    write_png(tmp_path / "a.png", bits=16, colour_type=6, samples=samples)
    assert read_image(tmp_path / "a.png").pixels.tolist() == [[[0x12, 0x34, 0x56], [255, 255, 255]]]


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_cmyk_becomes_rgb(tmp_path, suffix):
    picture = Pillow.new("CMYK", (16, 16), (255, 0, 0, 0))
    image = saved(tmp_path / f"a.{suffix}", picture)
    assert np.abs(image.astype(int) - [0, 255, 255]).max() <= 3


def test_float_samples_are_refused_by_name(tmp_path):
    Pillow.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(PictureError, match=r"depth\.tif.*floating-point"):
        read_image(tmp_path / "depth.tif")


def test_samples_beyond_sixteen_bits_are_refused_by_name(tmp_path):
    Pillow.fromarray(np.array([[0, 70000]], np.int32)).save(tmp_path / "wide.tif")
    with pytest.raises(PictureError, match=r"wide\.tif.*16 bits"):
        read_image(tmp_path / "wide.tif")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(
    ("orientation", "stored_as"),
    [
        (1, lambda upright: upright),
        (2, lambda upright: upright[:, ::-1]),
        (3, lambda upright: upright[::-1, ::-1]),
        (4, lambda upright: upright[::-1]),
        (5, lambda upright: upright.swapaxes(0, 1)),
        (6, lambda upright: np.rot90(upright, 1)),
        (7, lambda upright: np.rot90(upright, 2).swapaxes(0, 1)),
        (8, lambda upright: np.rot90(upright, -1)),
    ],
)
def test_exif_orientation_gives_the_upright_picture(tmp_path, suffix, orientation, stored_as):
    upright = np.kron(CORNERS, np.ones((16, 16, 1), np.uint8))
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    options = {"jpg": {"quality": 95, "subsampling": 0}, "webp": {"lossless": True}}.get(suffix, {})
    stored = Pillow.fromarray(np.ascontiguousarray(stored_as(upright)))
    image = saved(tmp_path / f"a.{suffix}", stored, exif=exif, **options)
    assert image.shape == upright.shape
    assert np.abs(image[8::16, 8::16].astype(int) - CORNERS).max() <= 12


@pytest.mark.parametrize("content", [b"garbage", b"MM\0*\0\0\0\x08\xff\xffgarbage"])
def test_broken_exif_leaves_the_pixels_as_stored(tmp_path, content):
    Pillow.fromarray(CORNERS).save(tmp_path / "a.png", exif=b"Exif\0\0" + content)
    assert np.array_equal(read_image(tmp_path / "a.png").pixels, CORNERS)


def test_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Pillow.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    image = saved(tmp_path / "a.gif", frames[0], save_all=True, append_images=frames[1:])
    assert image[0, 0].tolist() == [255, 0, 0]


def test_first_page_of_a_tiff_is_taken(tmp_path):
    pages = [Pillow.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    image = saved(tmp_path / "a.tif", pages[0], save_all=True, append_images=pages[1:])
    assert image[0, 0].tolist() == [255, 0, 0]


def noise_bytes(path: Path) -> bytes:
    rng = np.random.default_rng(0)
    Pillow.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)).save(path)
    return path.read_bytes()


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "gif", "bmp"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_file_is_named(tmp_path, suffix, share):
    path = tmp_path / f"cut.{suffix}"
    data = noise_bytes(path)
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(PictureError, match=rf"cut\.{suffix}: cannot be decoded"):
        read_image(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello, I am a text",
        b"<svg/>",
        b"\xff\xd8\xff\xe0",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
    ids=["empty", "text", "svg", "jpeg-start", "postscript"],
)
def test_file_that_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(PictureError, match=r"photo\.jpg: cannot be decoded"):
        read_image(tmp_path / "photo.jpg")


def test_damaged_png_data_is_named(tmp_path):
    data = bytearray(noise_bytes(tmp_path / "bad.png"))
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(PictureError, match=r"bad\.png"):
        read_image(tmp_path / "bad.png")


def test_decompression_bomb_is_refused_before_decoding(tmp_path):
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    (tmp_path / "bomb.png").write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(PictureError, match=r"bomb\.png.*more pixels"):
        read_image(tmp_path / "bomb.png")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"gone\.jpg: no such file"):
        read_image(tmp_path / "gone.jpg")


def test_unreadable_file_is_named(tmp_path):
    path = tmp_path / "secret.png"
    Pillow.fromarray(CORNERS).save(path)
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        pass
    else:
        pytest.skip("permissions do not bind this user")
    with pytest.raises(PermissionError, match=r"secret\.png: may not be read"):
        read_image(path)


def test_photo_of_fifty_megapixels_is_decoded_in_bands_without_a_seam(tmp_path):
    upright = np.zeros((5780, 8660), np.uint8)
    upright[255:257] = 255  # across the edge of the first band
    Pillow.fromarray(upright).save(tmp_path / "large.png", compress_level=1)
    pixels = read_image(tmp_path / "large.png").pixels
    assert pixels.shape == (5780, 8660, 3)
    assert np.flatnonzero(pixels[:, 4000, 1]).tolist() == [255, 256]

"""Ways to keep arrays on disk, measured on real ones: what each saves, and what it costs to write and read.

    python tests/benchmarks/stored_bytes.py [--rounds 3] [--kind mask]

The arrays are photos of `examples/data/photos-mini`, clips that `video.camera_motion` makes of them, masks,
optical flow between frames, the measured disparity of a stereo pair, and noise as latents hold it. Each way
runs on one thread and must give back the very bytes. Columns: size before / after, MB of array encoded and
decoded in a second of processor time (the best of the rounds), and whether what is stored can be mapped and
used as it is. For comparison, the last line of a kind writes the same arrays to synced files and reads them,
by the clock. A way whose library is not installed is left out; `pip install zstandard blosc2 imagecodecs`
brings the others.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
PHOTOS = Path(__file__).parents[2] / "examples/data/photos-mini"


class Way(NamedTuple):
    """One way to keep an array; `decode` gets what `encode` gave, and an array of that shape and dtype."""

    name: str
    encode: Callable[[Array], bytes]
    decode: Callable[[bytes, Array], Array]
    suits: Callable[[Array], bool] = lambda array: True
    mapped: Callable[[Array], bool] = lambda array: False


def main() -> None:
    """Measure every way on every kind of array, and print a table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--kind", default="", help="only kinds that begin so")
    chosen = options.parse_args()
    ways = [
        raw(),
        kept(),
        *zlib_ways(),
        *zstd_ways(),
        *blosc_ways(),
        *picture_ways(),
        *imagecodecs_ways(),
        *video_ways(),
    ]
    print(f"{'array':22}{'MB':>6}  {'way':26}{'ratio':>8}{'encode':>9}{'decode':>9}  mapped")
    for kind, arrays in samples().items():
        for way in ways if kind.startswith(chosen.kind) else ():
            if all(map(way.suits, arrays)):
                ratio, encoded, decoded = measured(way, arrays, chosen.rounds)
                line(
                    kind,
                    arrays,
                    way.name,
                    f"{ratio:8.2f}{encoded:9.0f}{decoded:9.0f}",
                    all(map(way.mapped, arrays)),
                )
        if kind.startswith(chosen.kind):
            line(kind, arrays, "(plain synced file)", synced_files(arrays, chosen.rounds), True)


def line(kind: str, arrays: list[Array], way: str, figures: str, mapped: bool) -> None:
    """Print one line of the table."""
    size = sum(array.nbytes for array in arrays) / 1e6
    print(f"{kind:22}{size:6.1f}  {way:26}{figures}  {'yes' if mapped else 'no'}", flush=True)


def measured(way: Way, arrays: list[Array], rounds: int) -> tuple[float, float, float]:
    """Ratio, and MB/s to encode and to decode, over all arrays of a kind."""
    total = sum(array.nbytes for array in arrays)
    encoding = decoding = float("inf")
    size = 0
    for _ in range(rounds):
        start = time.process_time()
        stored = [way.encode(array) for array in arrays]
        middle = time.process_time()
        loaded = [way.decode(content, array) for content, array in zip(stored, arrays, strict=True)]
        end = time.process_time()
        encoding, decoding = min(encoding, middle - start), min(decoding, end - middle)
        size = sum(map(len, stored))
        for array, back in zip(arrays, loaded, strict=True):
            assert back.tobytes() == array.tobytes(), f"{way.name} changes what is stored"
    return total / size, total / encoding / 1e6, total / decoding / 1e6


def synced_files(arrays: list[Array], rounds: int) -> str:
    """The figures of writing each array to a file of its own and syncing it, and of reading it back."""
    total = sum(array.nbytes for array in arrays)
    writing = reading = float("inf")
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / str(index) for index in range(len(arrays))]
            start = time.perf_counter()
            for path, array in zip(paths, arrays, strict=True):
                with path.open("wb") as file:
                    file.write(array.data)
                    file.flush()
                    os.fsync(file.fileno())
            middle = time.perf_counter()
            for path in paths:
                path.read_bytes()
            writing, reading = min(writing, middle - start), min(reading, time.perf_counter() - middle)
    return f"{1:8.2f}{total / writing / 1e6:9.0f}{total / reading / 1e6:9.0f}"


def samples() -> dict[str, list[Array]]:
    """Arrays as links carry them, by kind."""
    import cv2
    import skimage.data

    from nodes.load.pixels import read_image
    from nodes.track.dense_flow import flow_both_ways
    from nodes.video import camera_motion

    photos = [read_image(path) for path in sorted(PHOTOS.glob("*.jpg"))]
    moved = [camera_motion(photo, frames=8, path="orbit_right") for photo in photos[1:9:2]]
    clips = [clip.out.frames for clip in moved]
    grey = [[cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in clip[:2]] for clip in clips]
    noise = np.random.default_rng(0).standard_normal((4, 14, 72, 128))
    return {
        "photo": [photo.pixels for photo in photos],
        "clip": clips,
        "mask, revealed area": [clip.revealed.masks for clip in moved],
        "mask, bright pixels": [np.ascontiguousarray(clip[..., 1] > 127) for clip in clips],
        "float32, flow": [flow_both_ways(one, other, "fast").forward for one, other in grey],
        "float32, disparity": [skimage.data.stereo_motorcycle()[2]],
        "float32, latents": [noise.astype(np.float32)],
        "float16, latents": [noise.astype(np.float16)],
        "int32, labels": [cv2.connectedComponents((pair[0] > 127).astype(np.uint8))[1] for pair in grey],
    }


def as_array(content: bytes | memoryview, like: Array) -> Array:
    """The array of a shape and dtype over its raw bytes."""
    return np.frombuffer(content, like.dtype).reshape(like.shape)


def raw() -> Way:
    """The bytes as they are; encoding them is a copy."""
    return Way("raw", lambda array: array.tobytes(), as_array, mapped=lambda array: True)


def kept() -> Way:
    """What the store does, by dtype and content: nodegraph/store/encodings.py."""
    from nodegraph.store.encodings import RAW, Part, decoded, encoded

    def part_of(array: Array) -> Part:
        return encoded(array.reshape(-1).view(np.uint8).data, array.dtype.str)

    def encode(array: Array) -> bytes:
        part = part_of(array)
        return bytes([part.encoding]) + part.content

    def decode(content: bytes, like: Array) -> Array:
        buffer = decoded(content[0], memoryview(content)[1:], like.nbytes)
        assert buffer is not None
        return as_array(buffer, like)

    return Way("nodegraph", encode, decode, mapped=lambda array: part_of(array).encoding == RAW)


def compressors(
    name: str, compress: Callable[[Any], bytes], decompress: Callable[[bytes], bytes]
) -> list[Way]:
    """A general compressor alone, and behind the rearrangements that suit some kinds of array."""

    def unshuffled(content: bytes, like: Array) -> Array:
        planes = np.frombuffer(decompress(content), np.uint8).reshape(like.dtype.itemsize, -1)
        return as_array(planes.T.tobytes(), like)

    def shuffled(array: Array) -> bytes:
        return compress(array.reshape(-1).view(np.uint8).reshape(-1, array.dtype.itemsize).T.tobytes())

    def unpacked(content: bytes, like: Array) -> Array:
        bits = np.frombuffer(decompress(content), np.uint8)
        return np.unpackbits(bits, count=like.size).view(bool).reshape(like.shape)

    def differences(array: Array) -> bytes:
        rest = array.copy()
        rest[..., 1:, :] -= array[..., :-1, :]
        return compress(rest.data)

    def summed(content: bytes, like: Array) -> Array:
        return np.add.accumulate(as_array(decompress(content), like), axis=-2, dtype=np.uint8)

    wide = partial(_wider_than, 1)
    return [
        Way(
            name,
            lambda array: compress(array.data.cast("B")),
            lambda content, like: as_array(decompress(content), like),
        ),
        Way(f"{name}, byte shuffle", shuffled, unshuffled, wide),
        Way(f"{name}, bits", lambda array: compress(np.packbits(array).data), unpacked, _is_mask),
        Way(f"{name}, left difference", differences, summed, _is_picture),
    ]


def zlib_ways() -> list[Way]:
    """The standard library's compressor."""

    def runs(content: Any) -> bytes:
        coder = zlib.compressobj(1, strategy=zlib.Z_RLE)
        return coder.compress(content) + coder.flush()

    return [
        *compressors("no compressor", bytes, bytes)[2:3],
        *compressors("zlib 1", lambda content: zlib.compress(content, 1), zlib.decompress),
        *(way for way in compressors("zlib runs", runs, zlib.decompress)),
    ]


def zstd_ways() -> list[Way]:
    """Zstandard at two levels."""
    if (zstd := _optional("zstandard")) is None:
        return []
    decompress = zstd.ZstdDecompressor().decompress
    return [
        way
        for level in (1, 3)
        for way in compressors(f"zstd {level}", zstd.ZstdCompressor(level=level).compress, decompress)
    ]


def blosc_ways() -> list[Way]:
    """Blosc2 with byte and bit shuffle."""
    if (blosc := _optional("blosc2")) is None:
        return []
    blosc.set_nthreads(1)

    def way(codec: str, level: int, filter: str) -> Way:
        def encode(array: Array) -> bytes:
            return blosc.compress2(
                array,
                typesize=array.dtype.itemsize,
                codec=blosc.Codec[codec],
                clevel=level,
                filters=[blosc.Filter[filter]],
                nthreads=1,
            )

        name = f"blosc2 {codec.lower()} {level}, {filter.lower()}"
        return Way(name, encode, lambda content, like: as_array(blosc.decompress2(content, nthreads=1), like))

    return [way("LZ4", 5, "SHUFFLE"), way("LZ4", 5, "BITSHUFFLE"), way("ZSTD", 1, "BITSHUFFLE")]


def picture_ways() -> list[Way]:
    """Lossless picture codecs that are installed anyway, one picture a frame."""
    import cv2
    import PIL.Image

    cv2.setNumThreads(1)

    def png(array: Array) -> bytes:
        return _joined(
            cv2.imencode(".png", frame, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
            for frame in _frames(array)
        )

    def unpng(content: bytes, like: Array) -> Array:
        frames = [
            cv2.imdecode(np.frombuffer(part, np.uint8), cv2.IMREAD_UNCHANGED) for part in _parts(content)
        ]
        return np.stack(frames).reshape(like.shape)

    def webp(array: Array) -> bytes:
        def one(frame: Array) -> bytes:
            file = io.BytesIO()
            PIL.Image.fromarray(frame).save(file, "WEBP", lossless=True, quality=0, method=0, exact=True)
            return file.getvalue()

        return _joined(map(one, _frames(array)))

    def unwebp(content: bytes, like: Array) -> Array:
        return np.stack([np.asarray(PIL.Image.open(io.BytesIO(part))) for part in _parts(content)]).reshape(
            like.shape
        )

    return [Way("PNG 1 (OpenCV)", png, unpng, _is_picture), Way("WebP lossless 0", webp, unwebp, _is_picture)]


def imagecodecs_ways() -> list[Way]:
    """Newer lossless picture codecs."""
    if (codecs := _optional("imagecodecs")) is None:
        return []

    def way(name: str, encode: Callable[[Array], bytes], decode: Callable[[bytes], Array]) -> Way:
        return Way(
            name,
            lambda array: _joined(map(encode, _frames(array))),
            lambda content, like: np.stack([decode(part) for part in _parts(content)]).reshape(like.shape),
            _is_picture,
        )

    def jpegxl(frame: Array) -> bytes:
        return codecs.jpegxl_encode(frame, lossless=True, effort=1, numthreads=1)

    return [
        way("JPEG XL lossless 1", jpegxl, partial(codecs.jpegxl_decode, numthreads=1)),
        way("QOI", codecs.qoi_encode, codecs.qoi_decode),
    ]


def video_ways() -> list[Way]:
    """Lossless video codecs, one stream a clip."""
    return [
        video("FFV1", "ffv1", "bgr0", {"level": "3", "coder": "0", "slices": "4", "slicecrc": "0"}),
        video("H.264 RGB lossless", "libx264rgb", "rgb24", {"qp": "0", "preset": "ultrafast"}),
    ]


def video(name: str, codec: str, pixels: str, options: dict[str, str]) -> Way:
    """Frames of a clip as one video stream in Matroska."""
    import av

    def encode(array: Array) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format="matroska") as container:
            stream: Any = container.add_stream(codec, rate=Fraction(8), options=options)
            stream.height, stream.width, stream.pix_fmt = array.shape[1], array.shape[2], pixels
            stream.codec_context.thread_count = 1
            for frame in array:
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                container.mux(stream.encode(picture.reformat(format=pixels)))
            container.mux(stream.encode(None))
        return file.getvalue()

    def decode(content: bytes, like: Array) -> Array:
        with av.open(io.BytesIO(content)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])

    return Way(name, encode, decode, lambda array: _is_picture(array) and array.ndim == 4)


def _frames(array: Array) -> Iterable[Array]:
    return array.reshape(-1, *array.shape[-3:])


def _joined(parts: Iterable[bytes]) -> bytes:
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def _parts(content: bytes) -> Iterable[bytes]:
    start = 0
    while start < len(content):
        end = start + 8 + int.from_bytes(content[start : start + 8], "little")
        yield content[start + 8 : end]
        start = end


def _is_picture(array: Array) -> bool:
    return array.dtype == np.uint8 and array.ndim >= 3 and array.shape[-1] == 3


def _is_mask(array: Array) -> bool:
    return array.dtype == bool


def _wider_than(nbytes: int, array: Array) -> bool:
    return array.dtype.itemsize > nbytes


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


if __name__ == "__main__":
    main()

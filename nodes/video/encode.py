"""Encoding a clip as an H.264 file."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from nodegraph import Param, node
from nodes.types import File, Video

if TYPE_CHECKING:
    import av
    import numpy as np

Preset = Literal["ultrafast", "veryfast", "fast", "medium", "slow", "veryslow"]

_BT709 = 1
_LIMITED_RANGE = 1
_MAX_FPS_DENOMINATOR = 1001


@node("video.encode", version=1)
def encode_video(
    video: Video,
    *,
    crf: Annotated[
        int, Param(ge=0, le=51, help="constant rate factor: 0 loses least, 51 most; 18 is hardly visible")
    ] = 18,
    preset: Annotated[Preset, Param(help="slower presets give smaller files of the same quality")] = "medium",
) -> File:
    """Encode a clip as H.264 in an mp4 file that plays at the clip's frame rate.

    The pixel format is yuv420p (BT.709, limited range), which every browser plays. It needs an even width
    and height: an odd clip is padded by repeating its last column or row, so coordinates stay what they were;
    the file's width and height are those after padding. Equal clips give equal bytes: one thread, no
    time stamps.
    """
    from io import BytesIO

    import av

    frames = _evenly_sized(video.frames)
    height, width = frames.shape[1:3]
    sink = BytesIO()
    with av.open(sink, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        options = {"crf": str(crf), "preset": preset}
        stream = container.add_stream("libx264", rate=frame_rate(video.fps), options=options)
        _set_format(stream, width, height)
        for frame in _frames_to_encode(frames):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return File(sink.getvalue(), ".mp4", width, height)


def frame_rate(fps: float) -> Fraction:
    """The rate as a fraction a container can hold, such as 30000/1001 for 29.97.

    Raises:
        ValueError: if the rate is below 1/1001 frames per second.
    """
    rate = Fraction(fps).limit_denominator(_MAX_FPS_DENOMINATOR)
    if rate <= 0:
        raise ValueError(f"a frame rate of {fps} is too low to be written")
    return rate


def _set_format(stream: Any, width: int, height: int) -> None:
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    codec = stream.codec_context
    codec.thread_count = 1
    codec.colorspace = codec.color_primaries = codec.color_trc = _BT709
    codec.color_range = _LIMITED_RANGE


def _frames_to_encode(frames: np.ndarray[Any, Any]) -> Iterator[av.VideoFrame]:
    import av
    import numpy as np

    for index, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
        )
        frame.pts = index
        yield frame


def _evenly_sized(frames: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    import numpy as np

    odd_rows, odd_columns = frames.shape[1] % 2, frames.shape[2] % 2
    if not (odd_rows or odd_columns):
        return frames
    return np.pad(frames, ((0, 0), (0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")

from fractions import Fraction
from io import BytesIO

import numpy as np
import pytest

from nodes.types import File, Video
from nodes.video.encode import encode_video


def clip(count: int = 8, width: int = 64, height: int = 48, fps: float = 6.0) -> Video:
    """A red picture with a blue bar that moves two pixels a frame."""
    frames = np.full((count, height, width, 3), (200, 30, 40), np.uint8)
    for index in range(count):
        frames[index, :, 10 + 2 * index : 26 + 2 * index] = (20, 60, 220)
    return Video(frames, fps)


def decode(file: File):
    import av

    with av.open(BytesIO(file.data)) as container:
        stream = container.streams.video[0]
        frames = list(container.decode(stream))
        return stream, frames, np.stack([frame.to_ndarray(format="rgb24") for frame in frames])


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (6.0, Fraction(6)),
        (7.5, Fraction(15, 2)),
        (30000 / 1001, Fraction(30000, 1001)),
        (0.5, Fraction(1, 2)),
    ],
)
def test_the_file_plays_every_frame_at_the_rate_of_the_clip(fps, rate):
    stream, frames, pixels = decode(encode_video(clip(fps=fps)))
    assert stream.average_rate == rate
    assert stream.frames == len(frames) == 8
    assert [frame.pts * frame.time_base for frame in frames] == [number / rate for number in range(8)]
    assert pixels.shape[1:3] == (48, 64)


def test_the_file_is_h264_that_browsers_play():
    stream, _, _ = decode(encode_video(clip()))
    assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


def test_colours_and_positions_survive():
    given = clip()
    _, _, pixels = decode(encode_video(given, crf=10))
    difference = np.abs(pixels.astype(int) - given.frames)
    assert difference[:, :, :8].max() <= 6
    assert difference[3, :, 20:28].max() <= 6


@pytest.mark.parametrize(
    ("width", "height", "padded"), [(63, 47, (64, 48)), (64, 47, (64, 48)), (1, 1, (2, 2))]
)
def test_an_odd_size_is_padded_at_the_right_and_the_bottom(width, height, padded):
    frames = np.full((2, height, width, 3), 180, np.uint8)
    file = encode_video(Video(frames, 6.0))
    _, _, pixels = decode(file)
    assert (file.width, file.height) == padded == (pixels.shape[2], pixels.shape[1])
    assert np.abs(pixels.astype(int) - 180).max() <= 4


def test_two_encodes_are_byte_equal():
    assert encode_video(clip()).data == encode_video(clip()).data


def test_a_read_only_clip_is_encoded_like_a_writable_one():
    given = clip()
    frozen = given.frames.copy()
    frozen.flags.writeable = False
    assert encode_video(Video(frozen, 6.0)) == encode_video(given)


def test_a_higher_rate_factor_gives_fewer_bytes():
    noise = np.random.default_rng(0).integers(0, 255, (4, 48, 64, 3), dtype=np.uint8)
    assert len(encode_video(Video(noise, 6.0), crf=40).data) < len(encode_video(Video(noise, 6.0)).data) / 2


def test_a_rate_too_low_to_be_written_is_an_error():
    with pytest.raises(ValueError, match="frame rate of 1e-05 is too low"):
        encode_video(clip(fps=1e-5))

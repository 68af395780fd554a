import csv

import numpy as np
import pytest

from nodegraph import Stream
from nodes.export import export_video
from nodes.export.folder import ExportError
from nodes.types import Video
from nodes.video.encode import encode_video


@pytest.fixture
def clip():
    def make(frames: int, fps: float = 6.0):
        return encode_video(Video(np.full((frames, 32, 48, 3), 90, np.uint8), fps))

    return make


def rows(artifact, name="videos"):
    with (artifact.folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_manifest_lists_every_clip_with_its_label_and_timing(clip, ctx):
    clips = Stream.of({"cat.jpg": clip(3), "dog, big/1": clip(5, 29.97)})
    artifact = export_video(clips, Stream.of({"dog, big/1": 7, "cat.jpg": 0}), ctx=ctx)
    assert rows(artifact) == [
        {
            "video_path": "cat.mp4",
            "label": "0",
            "key": "cat.jpg",
            "frames": "3",
            "fps": "6.0",
            "width": "48",
            "height": "32",
        },
        {
            "video_path": "dog, big/1.mp4",
            "label": "7",
            "key": "dog, big/1",
            "frames": "5",
            "fps": "29.97",
            "width": "48",
            "height": "32",
        },
    ]
    assert artifact.made_from == {
        "videos/cat.mp4": ["cat.jpg"],
        "videos/dog, big/1.mp4": ["dog, big/1"],
        "videos.csv": ["cat.jpg", "dog, big/1"],
    }


def test_without_labels_their_column_is_empty(clip, ctx):
    artifact = export_video(Stream.of({"a": clip(1)}), folder="train", ctx=ctx)
    assert [row["label"] for row in rows(artifact, "train")] == [""]
    assert (artifact.folder / "train/a.mp4").is_file()


def test_a_clip_without_label_is_an_error_that_names_it(clip, ctx):
    with pytest.raises(ExportError, match="clip 'b' has no label"):
        export_video(Stream.of({"a": clip(1), "b": clip(1)}), Stream.of({"a": "cat"}), ctx=ctx)


def test_a_file_that_is_no_video_is_an_error_that_names_it(picture, ctx):
    from nodes.types import File

    with pytest.raises(ExportError, match=r"item 'a' \(.mp4\) is not a video"):
        export_video(Stream.of({"a": File(b"not a video", ".mp4", 1, 1)}), ctx=ctx)


def test_no_clips_give_a_manifest_with_only_its_header(ctx):
    artifact = export_video(Stream.of([]), ctx=ctx)
    assert (artifact.folder / "videos.csv").read_text() == "video_path,label,key,frames,fps,width,height\n"

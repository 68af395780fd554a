"""A COCO dataset straight out of clips, as the smallest graph has it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nodegraph import Artifact, Context, Graph, Stream
from nodes.export import export_coco
from nodes.export.folder import ExportError
from nodes.types import Boxes, BoxTrack, Categories, Video

PHOTOS = Path(__file__).parents[3] / "examples" / "data" / "photos-mini"
CLASSES = Categories.of("cat")


def clip(frames: int = 3) -> Video:
    return Video(np.full((frames, 16, 24, 3), 90, np.uint8), 8.0)


def track(frames: int = 3) -> BoxTrack:
    shape = (1, frames)
    xyxy = np.tile(np.array([2, 3, 12, 13], np.float32), (*shape, 1))
    ones = np.ones(shape, np.float32)
    return BoxTrack(xyxy, ones > 0, ones, ones, np.zeros(1, np.int64), CLASSES)


def annotations(artifact: Artifact) -> dict[str, list[dict[str, object]]]:
    assert artifact.folder is not None
    return json.loads((artifact.folder / "annotations.json").read_text())


def test_every_frame_of_a_clip_is_a_picture_with_the_boxes_of_its_track(tmp_path: Path) -> None:
    made = export_coco(
        video=Stream.of({"a": clip(), "b": clip(2)}),
        boxes=Stream.of({"a": track(), "b": track(2)}),
        ctx=Context.for_test(tmp=tmp_path),
    )
    document = annotations(made)
    names = [image["file_name"] for image in document["images"]]
    assert names == ["a/0000.jpg", "a/0001.jpg", "a/0002.jpg", "b/0000.jpg", "b/0001.jpg"]
    assert [entry["bbox"] for entry in document["annotations"]] == [[2.0, 3.0, 10.0, 10.0]] * 5
    assert made.made_from["images/b/0001.jpg"] == ["b/0001"]


def test_clips_without_tracks_give_pictures_without_boxes(tmp_path: Path) -> None:
    document = annotations(export_coco(video=Stream.of({"a": clip()}), ctx=Context.for_test(tmp=tmp_path)))
    assert (len(document["images"]), document["annotations"]) == (3, [])


def test_neither_pictures_nor_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="link either files"):
        export_coco(ctx=Context.for_test(tmp=tmp_path))


def test_a_clip_without_boxes_among_tracked_ones_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="clip 'b' has no boxes"):
        export_coco(
            video=Stream.of({"a": clip(), "b": clip()}),
            boxes=Stream.of({"a": track()}),
            ctx=Context.for_test(tmp=tmp_path),
        )


def test_boxes_of_pictures_do_not_do_for_clips(tmp_path: Path) -> None:
    boxes: Boxes = track().frame(0)
    with pytest.raises(ExportError, match="link a box track"):
        export_coco(
            video=Stream.of({"a": clip()}), boxes=Stream.of({"a": boxes}), ctx=Context.for_test(tmp=tmp_path)
        )


def test_the_smallest_graph_of_photos_clips_and_dataset_runs(tmp_path: Path) -> None:
    graph = Graph.from_dict(
        {
            "nodegraph": 1,
            "name": "camera motion",
            "seed": 7,
            "inputs": {"root": {"type": "path", "default": str(PHOTOS)}},
            "nodes": {
                "photos": {"type": "load.coco", "links": {"root": "inputs.root"}},
                "clip": {
                    "type": "video.camera_motion",
                    "links": {"image": "photos.image"},
                    "params": {"frames": 2},
                },
                "export": {"type": "export.coco", "links": {"video": "clip"}},
            },
            "outputs": {"dataset": "export"},
        }
    )
    run = graph.run(store=tmp_path / "store", limit=2)
    assert run.ok, run.errors
    assert len(annotations(run.value("dataset"))["images"]) == 4

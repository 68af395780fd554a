"""Build the graph of `graphs/camera_motion.json` in Python, and run it.

python examples/camera_motion.py            # run it
python examples/camera_motion.py FILE.json  # save it as a graph file
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from nodegraph import Graph
from nodegraph.node.streams import stream_flatten_pair
from nodes.evaluate import mean, track_iou
from nodes.export import export_coco, export_preview, export_yolo
from nodes.image import annotate_image, annotate_video, encode_image
from nodes.label import disocclusion, filter_tracks, select_frames
from nodes.load import load_coco
from nodes.track import track_flow
from nodes.video import camera_motion, encode_video, video_frames

# Relative to the working directory, so that a saved graph has it relative to its file.
PHOTOS = Path(os.path.relpath(Path(__file__).parent / "data" / "photos-mini"))


def camera_motion_graph() -> Graph:
    """Photos → clips → tracked boxes → disocclusion → filters → COCO, YOLO and a preview."""
    g = Graph(
        "camera motion",
        seed=7,
        note="Real photos become annotated clips: a camera moves through each photo, its boxes are tracked, "
        "what came into view is blanked, and the good frames are exported.",
    )
    root = g.input("root", "path", default=PHOTOS, note="a COCO data set")
    photos = g.add(load_coco, id="photos", root=root)
    clip = g.add(
        camera_motion, id="clip", image=photos.image, boxes=photos.boxes, frames=8, path="orbit_right"
    )
    track = g.add(track_flow, id="track", video=clip, boxes=photos.boxes)
    quality = g.add(track_iou, id="quality", tracked=track.boxes, truth=clip.boxes)
    mean_iou = g.add(mean, id="track_iou", values=quality.mean_iou)
    clean = g.add(
        disocclusion, id="clean", video=clip, revealed=clip.revealed, boxes=track.boxes, mode="fill"
    )
    good = g.add(
        filter_tracks,
        id="good",
        boxes=clean.boxes,
        video=clean,
        min_area=64,
        min_visibility=0.4,
        min_score=0.3,
    )
    chosen = g.add(select_frames, id="chosen", video=clean, boxes=good, every=2)
    frames = g.add(video_frames, id="frames", video=chosen, boxes=chosen.boxes)
    picture = g.add(encode_image, id="picture", image=frames.image)
    samples = g.add(stream_flatten_pair, id="samples", left=picture, right=frames.boxes)
    coco = g.add(export_coco, id="coco", files=samples.left, boxes=samples.right)
    yolo = g.add(export_yolo, id="yolo", files=samples.left, boxes=samples.right)
    drawn = g.add(annotate_image, id="drawn", image=frames.image, boxes=frames.boxes, max_side=320)
    thumb = g.add(encode_image, id="thumb", image=drawn, quality=85)
    thumbs = g.add(stream_flatten_pair, id="thumbs", left=thumb, right=frames.boxes)
    drawn_clip = g.add(annotate_video, id="drawn_clip", video=clean, boxes=good, max_side=480)
    clip_file = g.add(encode_video, id="clip_file", video=drawn_clip)
    preview = g.add(
        export_preview,
        id="preview",
        images=thumbs.left,
        boxes=thumbs.right,
        clips=clip_file,
        title="Camera motion",
    )
    for name, node in (("coco", coco), ("yolo", yolo), ("preview", preview), ("track_iou", mean_iou)):
        g.output(name, node)
    return g


def main() -> None:
    """Save the graph where the command line says, or run it."""
    graph = camera_motion_graph()
    if len(sys.argv) > 1:
        graph.save(sys.argv[1])
        return
    run = graph.run(out="out/camera_motion")
    for name, output in run.outputs.items():
        print(f"{name}: {output.path or output.value}")
    print(f"report: {run.folder / 'report.html'}")


if __name__ == "__main__":
    main()

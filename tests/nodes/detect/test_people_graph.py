from nodegraph import Graph
from nodes.detect import detect_people
from nodes.evaluate import evaluate_detections
from nodes.label import add_pseudo_labels
from nodes.load import load_coco
from nodes.video import camera_motion, video_frames


def test_frames_get_pseudo_labels_and_photos_a_score_without_any_weights(tmp_path):
    g = Graph("people", seed=1)
    photos = g.add(load_coco, id="photos", root="examples/data/photos-mini")
    clip = g.add(camera_motion, id="clip", image=photos.image, boxes=photos.boxes, frames=2)
    frames = g.add(video_frames, id="frames", video=clip.out, boxes=clip.boxes, revealed=clip.revealed)
    people = g.add(detect_people, id="people", image=frames.image, threshold=0.0)
    merged = g.add(
        add_pseudo_labels,
        id="merged",
        boxes=frames.boxes,
        detected=people,
        revealed=frames.revealed,
        min_score=0.0,
    )
    found = g.add(detect_people, id="found", image=photos.image, threshold=0.0)
    scores = g.add(evaluate_detections, id="scores", detected=found, truth=photos.boxes)
    g.output("merged", merged)
    g.output("map", scores.map)
    run = g.run(store=tmp_path / "store", items="motorcycle*")
    assert run.ok, run.errors
    tracked = {item.key: item.value for item in run.items("frames.boxes")}
    added = {item.key: len(item.value) - len(tracked[item.key]) for item in run.items("merged.out")}
    assert len(added) == 2
    assert sum(added.values()) > 0
    assert run.value("scores.images") == 1
    assert run.value("scores.map") == 0

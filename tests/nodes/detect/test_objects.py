"""Detection through a tiny checkpoint of random weights, which proves plumbing and not quality."""

import re

import numpy as np
import pytest

from nodegraph import Context, Graph, ModelRef
from nodegraph.models import ModelError
from nodes.detect import detect_objects
from nodes.detect.class_names import class_ids, own_categories
from nodes.detect.objects import _as_boxes, detection_bytes
from nodes.detector import Detected, predict
from nodes.load import load_coco
from nodes.load.detector import load_detector
from nodes.tiny.detector import make_tiny_detector
from nodes.types import Boxes, Categories, Image

LABELS = ("person", "cat", "coin")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("detector")
    make_tiny_detector(root, image_size=64, classes=LABELS, queries=30)
    return root


@pytest.fixture
def ctx(tmp_path):
    return Context.for_test(tmp=tmp_path)


@pytest.fixture
def model(folder, ctx):
    return load_detector(folder, ctx=ctx)


def pictures(*sizes):
    rng = np.random.default_rng(3)
    return [Image(rng.integers(0, 256, (height, width, 3), np.uint8)) for width, height in sizes]


def no_boxes(*names):
    empty = np.zeros(0, np.int64)
    return Boxes(np.zeros((0, 4), np.float32), empty, empty.astype(np.float32), Categories.of(*names))


def names_of(boxes):
    return [boxes.categories.names[class_id] for class_id in boxes.class_ids]


def test_without_a_mapping_boxes_are_what_the_detector_finds(ctx, model):
    images = pictures((90, 60), (40, 70))
    found = detect_objects(images, model, threshold=0.1, ctx=ctx)
    with ctx.use(model) as detector:
        expected = predict(detector, images, threshold=0.1, max_detections=300)
    for boxes, raw in zip(found, expected, strict=True):
        assert len(boxes) == min(100, len(raw.xyxy)) > 0
        assert np.array_equal(boxes.xyxy, raw.xyxy[:100])
        assert names_of(boxes) == list(raw.labels[:100])
        assert boxes.categories.names == LABELS


def test_classes_are_mapped_and_others_dropped_before_the_limit_applies(ctx, model):
    images = pictures((90, 60))
    (everything,) = detect_objects(images, model, threshold=0, max_detections=1000, ctx=ctx)
    (mapped,) = detect_objects(
        images, model, threshold=0, classes={"cat": "animal", "coin": "animal"}, max_detections=7, ctx=ctx
    )
    kept = [name != "person" for name in names_of(everything)]
    assert mapped.categories == Categories.of("animal")
    assert np.array_equal(mapped.xyxy, everything.xyxy[kept][:7])


def test_classes_come_from_the_linked_boxes(ctx, model):
    (found,) = detect_objects(pictures((90, 60)), model, [no_boxes("tree", "coin")], threshold=0, ctx=ctx)
    assert found.categories == Categories.of("tree", "coin")
    assert set(found.class_ids.tolist()) == {1}


def test_detector_and_boxes_with_no_class_in_common_are_refused(ctx, model):
    with pytest.raises(ValueError, match="person, cat, coin, the linked boxes tree: say by classes"):
        detect_objects(pictures((90, 60)), model, [no_boxes("tree")], ctx=ctx)


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ({"Person": "tree"}, "'Person', which is no class of the detector: did you mean 'person'"),
        ({"persn": "tree"}, "'persn', which is no class of the detector: did you mean 'person'"),
        ({"coin": "trea"}, "'trea', which is no class of the linked boxes: did you mean 'tree'"),
        ({"coin": "x"}, "'x', which is no class of the linked boxes: it has tree"),
    ],
)
def test_unknown_class_in_the_mapping_is_refused_with_the_nearest(ctx, model, classes, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        detect_objects(pictures((90, 60)), model, [no_boxes("tree")], classes=classes, ctx=ctx)


def test_nothing_above_the_threshold_gives_empty_boxes(ctx, model):
    (found,) = detect_objects(pictures((90, 60)), model, threshold=0.999, ctx=ctx)
    assert len(found) == 0
    assert found.categories.names == LABELS


@pytest.mark.parametrize("size", [(9, 7), (8, 400)])
def test_pictures_of_any_shape_are_searched(ctx, model, size):
    (found,) = detect_objects(pictures(size), model, threshold=0, ctx=ctx)
    assert (found.xyxy[:, 2:] <= size).all()


def test_of_overlapping_boxes_of_a_class_the_best_stays():
    corners = [(0, 0, 20, 20), (0, 0, 20, 10), (0, 0, 20, 9), (0, 0, 20, 20), (0, 1, 20, 20)]
    labels = ("cat", "cat", "cat", "coin", "kitten")
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5], np.float32)
    found = Detected(np.array(corners, np.float32), labels, scores)
    ids = {"cat": 0, "kitten": 0, "coin": 1}
    best = _as_boxes(found, ids, Categories.of("cat", "coin"), 0.5, 100)
    assert best.scores.tolist() == pytest.approx([0.9, 0.8, 0.6])
    everything = _as_boxes(found, ids, Categories.of("cat", "coin"), None, 4)
    assert everything.class_ids.tolist() == [0, 0, 0, 1]


def test_model_of_another_kind_is_refused(ctx):
    with pytest.raises(ModelError, match=r"no transformers\.detector"):
        detect_objects(pictures((90, 60)), ModelRef("tiny.pipeline"), ctx=ctx)


def test_duplicate_labels_of_a_checkpoint_are_one_class():
    assert own_categories(("N/A", "cat", "N/A"), None) == Categories.of("N/A", "cat")
    assert class_ids(("N/A", "cat", "N/A"), None, Categories.of("cat")) == {"cat": 0}


def test_half_precision_and_batches_change_the_estimate():
    full, half = ModelRef("transformers.detector"), ModelRef("transformers.detector", dtype="float16")
    assert detection_bytes(2, model=full) == 2 * detection_bytes(1, model=full)
    assert detection_bytes(1, model=half) < detection_bytes(1, model=full)
    assert detection_bytes(64, model=full) == detection_bytes(8, model=full)


def test_in_a_graph_each_photo_gets_the_classes_of_its_boxes_and_a_rerun_calls_nothing(folder, tmp_path):
    g = Graph("detect", seed=1)
    photos = g.add(load_coco, id="photos", root="examples/data/photos-mini")
    model = g.add(load_detector, id="model", model=folder)
    found = g.add(
        detect_objects, id="found", image=photos.image, model=model, boxes=photos.boxes, threshold=0.1
    )
    plain = g.add(detect_objects, id="plain", image=photos.image, model=model, threshold=0.1)
    g.output("found", found)
    g.output("plain", plain)
    run = g.run(store=tmp_path / "store")
    assert run.ok, run.errors
    given = {item.key: item.value.categories for item in run.items("photos.boxes")}
    assert {item.key: item.value.categories for item in run.items("found.out")} == given
    assert {item.value.categories.names for item in run.items("plain.out")} == {LABELS}
    again = g.run(store=tmp_path / "store")
    assert again.nodes["found"].executed == again.nodes["plain"].executed == 0

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodegraph import Artifact, Context, Drop, Graph, Stream
from nodes.detector import predict, use_detector
from nodes.evaluate.detector import evaluate_detector
from nodes.load import load_coco
from nodes.load.detector import load_detector
from nodes.tiny.detector import make_tiny_detector
from nodes.train import train_detector
from nodes.types import Boxes, Categories, Image

CLASSES = Categories.of("dog", "cat")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector with random weights: it proves plumbing, not quality."""
    path = tmp_path_factory.mktemp("detector")
    make_tiny_detector(path, image_size=64, width=32, queries=10, classes=("cat", "dog"))
    return path


@pytest.fixture
def images() -> dict[str, Image]:
    rng = np.random.default_rng(0)
    return {name: Image(rng.integers(0, 256, (50, 70, 3), np.uint8)) for name in "abc"}


def boxes_of(xyxy, names, categories: Categories = CLASSES, ignore=None) -> Boxes:
    class_ids = np.array([categories.names.index(name) for name in names], np.int64)
    xyxy = np.array(xyxy, np.float32).reshape(-1, 4)
    return Boxes(xyxy, class_ids, np.ones(len(names), np.float32), categories, ignore)


def found(folder: Path, images: dict[str, Image], most: int) -> dict[str, Boxes]:
    """What the detector finds, as if it were the truth."""
    ctx = Context.for_test()
    with use_detector(ctx, load_detector(folder, ctx=ctx)) as detector:
        results = predict(detector, list(images.values()), threshold=0.0, max_detections=most)
    return {key: boxes_of(each.xyxy, each.labels) for key, each in zip(images, results, strict=True)}


def score(folder: Path, images, boxes, **params):
    ctx = Context.for_test()
    return evaluate_detector(
        Stream.of(images), Stream.of(boxes), load_detector(folder, ctx=ctx), ctx=ctx, **params
    )


def test_truth_that_is_what_the_detector_is_most_certain_of_scores_one(folder, images):
    truth = found(folder, images, 1)
    scores = score(folder, images, truth)
    assert (scores.map, scores.map50, scores.images, scores.objects) == (1.0, 1.0, 3, 3)


def test_scores_are_those_of_the_checkpoint_as_an_artifact_too(folder, images):
    truth = found(folder, images, 4)
    ctx = Context.for_test()
    by_files = evaluate_detector(Stream.of(images), Stream.of(truth), Artifact(folder), ctx=ctx)
    assert by_files == score(folder, images, truth)


def test_class_that_the_detector_lacks_counts_with_nothing(folder, images):
    more = Categories.of("dog", "cat", "bird")
    truth = {
        key: boxes_of([*boxes.xyxy, [1, 1, 9, 9]], [*_names(boxes), "bird"], more)
        for key, boxes in found(folder, images, 1).items()
    }
    scores = score(folder, images, truth)
    assert scores.per_class["bird"] == 0
    assert 0 < scores.map < 1


def _names(boxes: Boxes) -> list[str]:
    return [boxes.categories.names[index] for index in boxes.class_ids]


def test_picture_without_truth_is_left_out_and_one_without_objects_counts(folder, images):
    truth = {"a": found(folder, images, 1)["a"], "b": boxes_of([], [])}
    assert score(folder, images, truth).images == 2


def test_ignored_box_is_no_object(folder, images):
    truth = found(folder, images, 1)
    truth["a"] = boxes_of(truth["a"].xyxy, _names(truth["a"]), ignore=np.array([True]))
    assert score(folder, images, truth).objects == 2


def test_no_true_box_drops_the_score(folder, images):
    with pytest.raises(Drop):
        score(folder, images, {key: boxes_of([], []) for key in images})


def test_three_hundred_true_boxes_and_one_of_a_pixel_are_scored(folder, images):
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 40, (300, 2))
    many = boxes_of(np.concatenate([low, low + 5], axis=1), ["dog"] * 300)
    assert score(folder, images, {"a": many, "b": boxes_of([[3, 3, 4, 4]], ["cat"])}).objects == 301


def test_streams_without_a_common_item_or_class_are_refused(folder, images):
    with pytest.raises(ValueError, match="images and boxes have no item in common"):
        score(folder, images, {"z": boxes_of([], [])})
    others = Categories.of("car")
    with pytest.raises(ValueError, match="no detected class is a class of the truth"):
        score(folder, images, {"a": boxes_of([[1, 1, 9, 9]], ["car"], others)})


def test_run_that_is_being_stopped_ends_before_the_pictures_do(folder):
    many = {f"{index}": Image(np.zeros((8, 8, 3), np.uint8)) for index in range(9)}
    truth = dict.fromkeys(many, boxes_of([[1, 1, 5, 5]], ["cat"]))
    ctx = Context.for_test()
    done: list[float] = []
    ctx._progress = lambda count, total: done.append(count)
    ctx._cancelled = lambda: bool(done)
    model = load_detector(folder, ctx=ctx)
    with pytest.raises(InterruptedError):
        evaluate_detector(Stream.of(many), Stream.of(truth), model, ctx=ctx)
    assert done == [8]


def test_graph_trains_and_scores_and_a_second_run_calls_nothing(folder, tmp_path):
    def graph() -> Graph:
        g = Graph("train", seed=1)
        photos = g.add(load_coco, id="photos", root=Path("examples/data/photos-mini"))
        model = g.add(load_detector, id="model", model=folder)
        trained = g.add(
            train_detector, id="train", images=photos.image, boxes=photos.boxes, model=model,
            steps=2, batch_size=2, image_size=64,
        )  # fmt: skip
        scores = g.add(
            evaluate_detector, id="score", images=photos.image, boxes=photos.boxes, model=trained.out
        )
        g.output("map", scores.map)
        g.output("images", scores.images)
        return g

    first = graph().run(store=tmp_path / "store")
    assert first.ok, first.errors
    assert first.value("images") == 10
    second = graph().run(store=tmp_path / "store")
    assert (second.nodes["train"].executed, second.nodes["score"].executed) == (0, 0)
    assert second.value("map") == first.value("map")
    assert not list((tmp_path / "store").glob("work/*"))

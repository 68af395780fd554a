from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

from nodegraph import Artifact, Context, Graph, ModelRef, Param, node
from nodegraph.models import ModelError
from nodes.detector import predict, use_detector
from nodes.load import load_images
from nodes.load.detector import load_detector
from nodes.tiny.detector import make_tiny_detector
from nodes.types import Image

PHOTOS = Path("examples/data/photos-mini")


@node("test.detector.make", version=1)
def make_checkpoint(*, seed_of_weights: Annotated[int, Param(ge=0)] = 0, ctx: Context) -> Artifact:
    """A checkpoint that the graph makes, as training does."""
    folder = ctx.new_folder()
    make_tiny_detector(folder, image_size=64, queries=10, seed=seed_of_weights)
    return Artifact(folder)


@node("test.detector.score", version=1)
def best_score(image: Image, model: ModelRef | Artifact, *, ctx: Context) -> float:
    """The best score in a picture."""
    with use_detector(ctx, model) as detector:
        return float(predict(detector, [image], threshold=0.0, max_detections=5)[0].scores[0])


def scores(run) -> list[float]:
    assert run.ok, run.errors
    return [item.value for item in run.items("score.out")]


def graph_with(model_node, **params) -> Graph:
    g = Graph("detect", seed=1)
    photos = g.add(load_images, id="photos", root=PHOTOS, pattern="**/c*.jpg")
    model = g.add(model_node, id="model", **params)
    g.output("score", g.add(best_score, id="score", image=photos, model=model))
    return g


def test_detector_that_the_graph_trained_finds_what_the_same_files_do_by_name(tmp_path):
    make_tiny_detector(tmp_path / "model", image_size=64, queries=10)
    named = scores(graph_with(load_detector, model=tmp_path / "model").run(store=tmp_path / "a"))
    made = scores(graph_with(make_checkpoint).run(store=tmp_path / "b"))
    assert len(made) >= 2
    assert made == named


def test_run_again_calls_nothing_and_other_weights_find_other_boxes(tmp_path):
    first = graph_with(make_checkpoint).run(store=tmp_path / "store")
    again = graph_with(make_checkpoint).run(store=tmp_path / "store")
    other = graph_with(make_checkpoint, seed_of_weights=1).run(store=tmp_path / "store")
    assert scores(again) == scores(first)
    assert again.nodes["score"].executed == 0
    assert scores(other) != scores(first)


def test_artifact_without_a_checkpoint_is_refused(tmp_path):
    ctx = Context.for_test(tmp=tmp_path)
    empty = Artifact(ctx.new_folder())
    with pytest.raises(ModelError, match="weight"):
        use_detector(ctx, empty)
    with pytest.raises(ModelError, match=r"link the output of train\.detector"):
        use_detector(ctx, Artifact(None))


def test_model_of_another_kind_is_refused_by_its_kind():
    with pytest.raises(ModelError, match=r"kind tiny\.pipeline.*link load\.detector or train\.detector"):
        use_detector(Context.for_test(), ModelRef("tiny.pipeline"))

from __future__ import annotations

import shutil

import numpy as np
import pytest

from nodegraph import Context, ModelRef, Stream
from nodegraph.models import ModelError
from nodes.train import TrainingError, train_detector
from nodes.types import Categories, Image
from tests.nodes.train.scenes import Data, boxes_of, data_of, scene


def test_pictures_without_objects_beside_others_are_learnt_from(checkpoint, data, trained):
    empty = {f"e{index}": (scene(index)[0], boxes_of([], [])) for index in range(4)}
    mixed = data_of({"0": scene(0), **empty})
    assert np.isfinite(trained(checkpoint("rt_detr"), mixed, batch_size=2).loss)


def test_no_box_in_any_picture_is_refused(checkpoint, trained):
    empty = data_of({"a": (scene(0)[0], boxes_of([], [])), "b": (scene(1)[0], boxes_of([], []))})
    with pytest.raises(TrainingError, match="none of the 2 pictures has a box to learn from"):
        trained(checkpoint("rt_detr"), empty)


def test_boxes_that_are_all_ignored_are_refused(checkpoint, trained):
    ignored = data_of({"a": (scene(0)[0], boxes_of([[1, 1, 9, 9]], [0], ignore=[True]))})
    with pytest.raises(TrainingError, match="none of the 1 pictures has a box"):
        trained(checkpoint("rt_detr"), ignored)


@pytest.mark.parametrize("architecture", ["rt_detr", "d_fine", "detr", "yolos"])
def test_three_hundred_boxes_in_one_picture_are_more_than_queries_and_learnt_from(
    checkpoint, trained, architecture
):
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 50, (300, 2))
    many = boxes_of(np.concatenate([low, low + rng.uniform(1, 9, (300, 2))], axis=1), rng.integers(0, 2, 300))
    crowded = data_of({"many": (scene(0)[0], many), "few": scene(1)})
    assert np.isfinite(trained(checkpoint(architecture), crowded, batch_size=2, steps=2).loss)


@pytest.mark.parametrize("architecture", ["rt_detr", "d_fine", "detr", "yolos"])
def test_object_of_one_pixel_and_boxes_outside_are_learnt_from(checkpoint, trained, architecture):
    odd = boxes_of([[3, 4, 4, 5], [-50, -50, 20, 20], [200, 10, 300, 20], [7, 7, 7, 7]], [0, 1, 0, 1])
    strange = data_of({"odd": (scene(0)[0], odd), "plain": scene(1)})
    assert np.isfinite(trained(checkpoint(architecture), strange, batch_size=2, steps=2).loss)


def test_one_picture_is_enough(checkpoint, trained):
    assert trained(checkpoint("rt_detr"), data_of({"one": scene(0)}), steps=2).steps == 2


def test_picture_of_one_pixel_is_stretched(checkpoint, trained):
    dot = Image(np.zeros((1, 1, 3), np.uint8))
    assert trained(checkpoint("detr"), data_of({"dot": (dot, boxes_of([[0, 0, 1, 1]], [0]))})).steps == 4


def test_streams_of_different_items_are_refused(checkpoint, data, trained):
    others = data_of({"x": scene(0)})
    with pytest.raises(TrainingError, match=r"images and boxes: item '.*' has (a picture|boxes) but no"):
        trained(checkpoint("rt_detr"), Data(data.images, others.boxes))


def test_no_picture_at_all_is_refused(checkpoint, trained):
    with pytest.raises(TrainingError, match="there is no picture"):
        trained(checkpoint("rt_detr"), Data(Stream.of({}), Stream.of({})))


@pytest.mark.parametrize(("architecture", "layer"), [("rt_detr", "bbox_embed"), ("detr", "class_labels")])
def test_loss_that_is_no_number_is_told_with_what_to_change(
    checkpoint, data, trained, tmp_path, architecture, layer
):
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(checkpoint(architecture, ("red", "green")), tmp_path / "model")
    weights = load_file(folder / "model.safetensors")
    for name, tensor in weights.items():
        if layer in name:
            tensor.fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrainingError, match=r"loss of step 1 is no finite number.*lower learning_rate"):
        trained(folder, data)


def test_half_of_a_validation_set_is_refused(checkpoint, data, trained):
    with pytest.raises(TrainingError, match="link both or neither"):
        trained(checkpoint("rt_detr"), data, validation_images=data.images)
    with pytest.raises(TrainingError, match="keep is 'best': link validation_images"):
        trained(checkpoint("rt_detr"), data, keep="best")


def test_model_of_another_kind_is_refused(data):
    with pytest.raises(ModelError, match=r"of the kind tiny\.pipeline"):
        train_detector(data.images, data.boxes, ModelRef("tiny.pipeline"), ctx=Context.for_test())


def test_classes_that_differ_between_pictures_are_joined_by_name(checkpoint, trained):
    (image, _), (other, _) = scene(0), scene(1)
    mixed = data_of(
        {
            "a": (image, boxes_of([[1, 1, 20, 20]], [0], categories=Categories.of("cat"))),
            "b": (other, boxes_of([[1, 1, 20, 20]], [1], categories=Categories.of("cat", "dog"))),
        }
    )
    config = (trained(checkpoint("detr"), mixed).out.folder / "config.json").read_text()
    assert '"0": "cat"' in config
    assert '"1": "dog"' in config

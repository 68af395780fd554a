from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest

from nodegraph import Context, Stream
from nodegraph.node.declare import node_type_of
from nodes.detector import predict, use_detector
from nodes.evaluate.detector import evaluate_detector
from nodes.load.detector import load_detector
from nodes.train import train_detector
from nodes.types import Categories, File
from tests.nodes.train.scenes import SMALL, boxes_of, data_of, scene, weights_of

ARCHITECTURES = ("rt_detr", "d_fine", "detr", "yolos")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_trained_checkpoint_knows_the_classes_of_the_data_and_can_be_used(
    checkpoint, data, trained, architecture
):
    result = trained(checkpoint(architecture), data)
    assert result.steps == 4
    assert result.loss > 0
    ctx = Context.for_test()
    pictures = [item.value for item in data.images]
    with use_detector(ctx, result.out) as detector:
        assert detector.labels == ("red", "green")
        found = predict(detector, pictures, threshold=0.0, max_detections=10)
    assert all(set(each.labels) <= {"red", "green"} for each in found)
    assert evaluate_detector(data.images, data.boxes, result.out, ctx=ctx).images == 5


@pytest.mark.parametrize("architecture", ["rt_detr", "detr"])
def test_same_seed_gives_the_same_files_and_another_seed_other_weights(
    checkpoint, data, trained, architecture
):
    import torch

    one = trained(checkpoint(architecture), data)
    torch.manual_seed(99)
    same = trained(checkpoint(architecture), data)
    other = trained(checkpoint(architecture), data, seed=4)
    names = sorted(path.name for path in one.out.folder.iterdir())
    assert names == sorted(path.name for path in same.out.folder.iterdir())
    assert all(
        (one.out.folder / name).read_bytes() == (same.out.folder / name).read_bytes() for name in names
    )
    assert weights_of(other) != weights_of(one)


def test_training_lowers_the_loss_and_finds_the_objects(checkpoint, trained):
    few = data_of({str(index): scene(index) for index in range(3)})
    result = trained(
        checkpoint("rt_detr"), few, steps=90, batch_size=3, learning_rate=2e-3, backbone_rate=1.0,
        clip_norm=1.0, warmup=5,
    )  # fmt: skip
    rows = read_log(result)
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]
    scores = evaluate_detector(few.images, few.boxes, result.out, ctx=Context.for_test())
    assert scores.map50 > 0.15


def read_log(result) -> list[dict[str, float]]:
    text = (result.out.folder / "log.csv").read_text().splitlines()
    return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(text)]


def test_log_has_a_row_a_step_with_loss_parts_and_rate(checkpoint, data, trained):
    rows = read_log(trained(checkpoint("rt_detr"), data))
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert [row["epoch"] for row in rows] == [0.6, 1.2, 1.8, 2.4]
    assert {"loss", "loss_bbox", "loss_giou", "loss_vfl", "learning_rate"} <= set(rows[0])
    rates = [row["learning_rate"] for row in rows]
    assert rates == pytest.approx([5e-5, 1e-4, 7.5e-5, 2.5e-5])


def test_settings_and_counts_are_beside_the_weights_and_files_name_their_pictures(checkpoint, data, trained):
    out = trained(checkpoint("rt_detr"), data).out
    facts = json.loads((out.folder / "training.json").read_text())
    assert facts["settings"]["image_size"] == 64
    assert (facts["classes"], facts["pictures"], facts["objects"]) == (["red", "green"], 5, 10)
    processor = json.loads((out.folder / "preprocessor_config.json").read_text())
    assert processor["size"] == {"height": 64, "width": 64}
    assert out.made_from["model.safetensors"] == [f"{index}.png" for index in range(5)]


def test_head_of_equal_classes_is_kept_and_known_classes_are_taken_over(checkpoint, data, trained):
    import torch
    from safetensors.torch import load_file

    for classes, same in ((("green", "red"), [0, 1]), (("green", "blue", "sky"), [1])):
        folder = checkpoint("rt_detr", classes)
        before = load_file(folder / "model.safetensors")
        name = next(
            key for key in before if "class_embed" in key and key.endswith("weight") and "denois" not in key
        )
        # With so small a rate the weights stay what they were at the start.
        result = trained(folder, data, steps=1, learning_rate=1e-12)
        after = load_file(result.out.folder / "model.safetensors")
        with use_detector(Context.for_test(), result.out) as detector:
            labels = detector.labels
        assert set(labels) == {"red", "green"}
        kept = [label for label in labels if label in classes]
        for label in kept:
            old, new = before[name][classes.index(label)], after[name][labels.index(label)]
            assert torch.allclose(old, new, atol=1e-6)
        assert len(kept) == len(same)


def test_detector_that_is_trained_on_leaves_the_loaded_one_as_it_was(checkpoint, data):
    from nodegraph.models.loading import load_model

    ctx = Context.for_test(seed=1)
    ref = load_detector(checkpoint("detr", ("red", "green")), ctx=ctx)
    shared = load_model(ref, "cpu", "resident")
    before = {name: tensor.clone() for name, tensor in shared.model.state_dict().items()}
    ctx._use = lambda _: _Given(shared)
    train_detector(data.images, data.boxes, ref, ctx=ctx, **SMALL)
    assert all(np.array_equal(before[name], tensor) for name, tensor in shared.model.state_dict().items())
    assert not shared.model.training


class _Given:
    def __init__(self, loaded) -> None:
        self._loaded = loaded

    def __enter__(self):
        return self._loaded

    def __exit__(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def with_ignored():
    """The scenes of `data`, with an ignore region in each."""
    scenes = {f"{index}.png": scene(index) for index in range(5)}
    return data_of({key: (image, _with_ignored(boxes)) for key, (image, boxes) in scenes.items()})


@pytest.fixture(scope="module")
def plain_weights(checkpoint, with_ignored, tmp_path_factory):
    ctx = Context.for_test(seed=3, tmp=tmp_path_factory.mktemp("plain"))
    ref = load_detector(checkpoint("rt_detr"), ctx=ctx)
    params = SMALL | {"learning_rate": 1e-3}
    return weights_of(train_detector(with_ignored.images, with_ignored.boxes, ref, ctx=ctx, **params))


@pytest.mark.parametrize(
    "params",
    [
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"ema": 0.9},
        {"accumulate": 2},
        {"schedule": "linear"},
        {"schedule": "constant", "warmup": 0},
        {"clip_norm": 0.0},
        {"ignored": "blank"},
    ],
)
def test_option_changes_the_weights_and_the_training_ends(
    checkpoint, with_ignored, plain_weights, trained, params
):
    other = trained(checkpoint("rt_detr"), with_ignored, learning_rate=1e-3, **params)
    assert weights_of(other) != plain_weights
    assert other.steps == 4


def _with_ignored(boxes):
    return boxes_of([*boxes.xyxy, [0, 0, 40, 60]], [*boxes.class_ids, 0], ignore=[*boxes.ignore, True])


def test_pictures_kept_in_memory_and_decoded_each_time_give_the_same_weights(checkpoint, data, trained):
    from io import BytesIO

    from PIL import Image as Pillow

    def encoded(image):
        stream = BytesIO()
        Pillow.fromarray(image.pixels).save(stream, format="PNG")
        return File(stream.getvalue(), ".png", *image.size)

    files = Stream.of({item.key: encoded(item.value) for item in data.images})
    kept = trained(checkpoint("rt_detr"), data)
    decoded = trained(checkpoint("rt_detr"), type(data)(files, data.boxes), cache_mib=0, workers=2)
    assert weights_of(decoded) == weights_of(kept)


def test_validation_is_logged_and_the_best_weights_are_kept(checkpoint, data, trained, tmp_path):
    validation = {"validation_images": data.images, "validation_boxes": data.boxes, "validate_every": 1.0}
    result = trained(checkpoint("detr"), data, steps=4, keep="best", **validation)
    rows = read_log(result)
    measured = [row["validation_map"] for row in rows if "validation_map" in row]
    assert len(measured) == 2
    scores = evaluate_detector(data.images, data.boxes, result.out, ctx=Context.for_test())
    assert scores.map == pytest.approx(max(measured), abs=1e-5)


def test_class_in_validation_that_training_lacks_counts_with_nothing(checkpoint, data, trained):
    blue = boxes_of([[5, 5, 20, 20]], [0], categories=Categories.of("blue", "red"))
    validation = data_of({"v": (scene(0)[0], blue)})
    result = trained(
        checkpoint("detr"), data, validation_images=validation.images, validation_boxes=validation.boxes
    )
    assert read_log(result)[-1]["validation_map"] == 0


def test_work_folder_is_empty_after_success(checkpoint, data, trained, tmp_path):
    trained(checkpoint("detr"), data, tmp=tmp_path / "t", checkpoint_seconds=0.0)
    assert list((tmp_path / "t" / "workdir").iterdir()) == []


def test_unreadable_state_is_reported_and_training_begins_anew(checkpoint, data, trained, tmp_path, caplog):
    whole = trained(checkpoint("detr"), data)
    workdir = tmp_path / "t" / "workdir"
    workdir.mkdir(parents=True)
    (workdir / "state.pt").write_bytes(b"damaged")
    again = trained(checkpoint("detr"), data, tmp=tmp_path / "t")
    assert weights_of(again) == weights_of(whole)
    assert "cannot be read" in caplog.text
    shutil.rmtree(tmp_path / "t")


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, (512 << 20) + 2200 * 8 * 640**2), ({"batch_size": 2, "image_size": 64}, (512 << 20) + 2200 * 8192)],
)
def test_memory_estimate_is_the_documented_formula(given, expected):
    assert node_type_of(train_detector).memory(**given) == expected

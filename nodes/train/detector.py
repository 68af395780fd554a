"""`train.detector`: an object detector learns from annotated pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from nodegraph import Artifact, Collected, Context, ModelRef, Param, node
from nodes.detector import Detector, use_detector
from nodes.evaluate.detector import score_detector
from nodes.train.draws import drawing
from nodes.train.log import write_log
from nodes.train.loop import Plan, train
from nodes.train.network import square_processor, trainable
from nodes.train.pictures import Pictures, class_names, matched_keys
from nodes.train.settings import IgnoredRegions, Keep, Precision, Schedule, Settings, TrainingError
from nodes.train.state import State, discard_state
from nodes.types import Boxes, File, Image

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor
    from torch.nn import Module

_BATCH = 8
_SIDE = 640


class Trained(NamedTuple):
    """A trained detector.

    Attributes:
        out: the checkpoint in transformers' layout, with `log.csv` and `training.json`.
        loss: mean over the last epoch.
        steps: steps of the optimiser that were made.
    """

    out: Artifact
    loss: float
    steps: int


def training_bytes(batch_size: int = _BATCH, image_size: int = _SIDE) -> int:
    """Bytes that `train.detector` works in: 512 MiB, and 2.2 kB for each pixel of a batch.

    Measured on a CPU with RT-DETR and a ResNet-18 (20 million parameters) at 640 px; networks under a million
    parameters take less. Pictures kept in host memory (`cache_mib`) are not counted. What a training took is
    what later ones are planned by.
    """
    return (512 << 20) + 2_200 * batch_size * image_size**2


@node("train.detector", version=1, seeded=True, memory=training_bytes)
def train_detector(
    images: Collected[Image | File],
    boxes: Collected[Boxes],
    model: ModelRef,
    validation_images: Collected[Image] | None = None,
    validation_boxes: Collected[Boxes] | None = None,
    *,
    epochs: Annotated[float, Param(gt=0, le=10_000, help="times that each picture is seen")] = 50.0,
    steps: Annotated[
        int | None, Param(ge=1, le=10_000_000, help="of the optimiser, in place of epochs")
    ] = None,
    batch_size: Annotated[int, Param(ge=1, le=1024, help="pictures that pass together")] = _BATCH,
    accumulate: Annotated[int, Param(ge=1, le=1024, help="batches whose gradients make one step")] = 1,
    learning_rate: Annotated[float, Param(gt=0, le=1, help="of AdamW, at its highest")] = 1e-4,
    backbone_rate: Annotated[
        float, Param(ge=0, le=1, help="learning rate of the backbone, as a share of the others'")
    ] = 0.1,
    weight_decay: Annotated[float, Param(ge=0, le=1, help="of AdamW; none on biases and norms")] = 1e-4,
    warmup: Annotated[
        int, Param(ge=0, unit="steps", help="in which the learning rate rises from near 0")
    ] = 100,
    schedule: Annotated[Schedule, Param(help="how the learning rate falls to 0 after that")] = "cosine",
    clip_norm: Annotated[float, Param(ge=0, help="gradients are scaled down to this norm; 0 = never")] = 0.1,
    precision: Annotated[Precision, Param(help="of activations; weights stay float32")] = "no",
    ema: Annotated[
        float, Param(ge=0, lt=1, help="decay of the moving average of the weights that is kept; 0 = none")
    ] = 0.0,
    image_size: Annotated[
        int, Param(ge=32, le=4096, multiple_of=32, unit="px", help="pictures are stretched to a square of it")
    ] = _SIDE,
    flip: Annotated[float, Param(ge=0, le=1, help="share of pictures mirrored, left to right")] = 0.5,
    ignored: Annotated[
        IgnoredRegions, Param(help="ignore regions stay in the picture as they are, or are painted over")
    ] = "keep",
    validate_every: Annotated[float, Param(gt=0, unit="epochs", help="how often mAP is measured")] = 10.0,
    keep: Annotated[Keep, Param(help="the last weights, or those of the best validation mAP")] = "last",
    checkpoint_seconds: Annotated[
        float, Param(ge=0, unit="s", help="a crash loses at most so much of the training")
    ] = 60.0,
    cache_mib: Annotated[
        int, Param(ge=0, unit="MiB", help="memory for resampled pictures; others are decoded every epoch")
    ] = 2048,
    workers: Annotated[int, Param(ge=0, le=64, help="threads that decode pictures ahead")] = 2,
    ctx: Context,
) -> Trained:
    """Train an object detector (RT-DETR, D-FINE, DETR, YOLOS...) on pictures and their boxes.

    It starts from the weights of `model`. If its classes are not those of the data, its head is made anew
    for them, in the order in which the data lists them; what it knows of a class of the same name is kept.
    Losses, matching and denoising are those of transformers for the architecture.

    Pictures are stretched to a square, as RT-DETR and D-FINE are published; that also is what the trained
    checkpoint does. Boxes are cut at the picture's edge. Ignore regions are nothing to be learnt, but what
    lies in them counts as background, unless they are painted over (`ignored`). Every epoch shows each
    picture once, in a new order; a batch may reach into the next epoch.

    A run that was killed goes on from its last checkpoint, and ends with the same weights, to the bit on a
    CPU with as many threads. Same seed, data and settings give the same weights there.

    With `validation_images` and `validation_boxes` COCO mAP is measured now and then; a class that training
    does not have counts with 0.

    `out` holds `config.json`, `model.safetensors` and `preprocessor_config.json`, for every tool that reads
    transformers' layout; `log.csv`: step, epoch, losses (means since the row before), learning rate,
    validation; `training.json`: settings, classes, seed, counts. They tell no times, so that equal trainings
    write equal files; seconds a step and the time left are logged while it runs.

    Raises:
        TrainingError: if there is no picture or no box, the streams do not match, or the loss diverges.
        ModelError: if the model is no detector, or cannot be loaded.
    """
    settings = Settings(
        epochs=epochs, steps=steps, batch_size=batch_size, accumulate=accumulate, learning_rate=learning_rate,
        backbone_rate=backbone_rate, weight_decay=weight_decay, warmup=warmup, schedule=schedule,
        clip_norm=clip_norm, precision=precision, ema=ema, image_size=image_size, flip=flip, ignored=ignored,
        validate_every=validate_every, keep=keep, checkpoint_seconds=checkpoint_seconds, cache_mib=cache_mib,
        workers=workers,
    )  # fmt: skip
    keys = matched_keys(images, boxes, "images and boxes")
    names, objects = class_names(boxes, keys)
    with use_detector(ctx, model) as loaded, drawing(ctx.seed):
        network, classes = trainable(loaded, names, image_size)
        processor = square_processor(loaded.processor, image_size)
    del loaded
    validate = _validation(validation_images, validation_boxes, processor, classes, settings)
    pictures = Pictures(
        images, boxes, keys,
        resized=partial(_resized, processor),
        numbers={name: index for index, name in enumerate(classes)},
        ignored=ignored,
        cache_bytes=cache_mib << 20,
        workers=workers,
    )  # fmt: skip
    workdir = ctx.workdir
    with pictures:
        plan = Plan(
            pictures=pictures, settings=settings, seed=ctx.seed, device=ctx.device,
            normalized=partial(_normalized, processor), validate=validate, workdir=workdir,
            progress=ctx.progress, cancelled=lambda: ctx.cancelled,
        )  # fmt: skip
        state = train(network, plan)
    folder = ctx.new_folder()
    _write_checkpoint(folder, network, processor)
    write_log(folder / "log.csv", state.rows)
    facts = {"classes": list(classes), "seed": ctx.seed, "pictures": len(keys), "objects": objects}
    _write_facts(folder / "training.json", settings, model, state, facts)
    discard_state(workdir)
    made_from = {path.name: keys for path in folder.iterdir()}
    return Trained(Artifact(folder, made_from), sum(state.recent) / len(state.recent), state.step)


def _resized(processor: Any, pixels: np.ndarray[Any, Any]) -> Tensor:
    """A picture as the processor resamples it: uint8 `[3, S, S]`."""
    inputs = processor(
        images=[pixels.copy()],
        do_rescale=False,
        do_normalize=False,
        input_data_format="channels_last",
        return_tensors="pt",
    )
    return inputs["pixel_values"][0]


def _normalized(processor: Any, pixels: Tensor) -> Tensor:
    """A uint8 batch `[B, 3, S, S]` as the processor scales and normalises it, float32."""
    import torch

    scaled = pixels.float()
    if processor.do_rescale:
        scaled *= processor.rescale_factor
    if processor.do_normalize:
        mean, std = (
            torch.tensor(numbers, device=scaled.device)[:, None, None]
            for numbers in (processor.image_mean, processor.image_std)
        )
        scaled = (scaled - mean) / std
    return scaled


def _validation(
    images: Collected[Image] | None,
    boxes: Collected[Boxes] | None,
    processor: Any,
    classes: tuple[str, ...],
    settings: Settings,
) -> Callable[[Module], Mapping[str, float]] | None:
    """What measures a network on the validation pictures; None without such."""
    if (images is None) != (boxes is None):
        raise TrainingError("validation needs pictures and boxes: link both or neither")
    if images is None or boxes is None:
        if settings.keep == "best":
            raise TrainingError("keep is 'best': link validation_images and validation_boxes to tell it by")
        return None
    keys = matched_keys(images, boxes, "validation_images and validation_boxes")
    class_names(boxes, keys)

    def measure(network: Module) -> dict[str, float]:
        was_training = network.training
        detector = Detector(network.eval(), processor, classes)
        scores = score_detector(detector, images, boxes, keys)
        network.train(was_training)
        return {"validation_map": scores.map, "validation_map50": scores.map50}

    return measure


def _write_checkpoint(folder: Path, network: Any, processor: Any) -> None:
    network.to("cpu").save_pretrained(folder)
    processor.save_pretrained(folder)


def _write_facts(
    file: Path, settings: Settings, model: ModelRef, state: State, facts: Mapping[str, Any]
) -> None:
    """Write what the training was."""
    content = {
        "settings": asdict(settings),
        **facts,
        "initial_model": {"kind": model.kind, "fingerprint": model.fingerprint},
        "steps": state.step,
        "loss": sum(state.recent) / len(state.recent),
    }
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

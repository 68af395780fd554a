"""Tiny object detectors with random weights, in the layout of transformers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from nodes.libraries import library

Architecture = Literal["rt_detr", "d_fine", "detr", "yolos"]

_STAGES = (32, 48, 64, 96)
"""Channels of the stages of a backbone, at 1/4, 1/8, 1/16 and 1/32 of the picture."""

_HEADS = 4


def make_tiny_detector(
    folder: Path,
    *,
    architecture: Architecture = "rt_detr",
    image_size: int = 160,
    classes: Sequence[str] = ("object",),
    width: int = 64,
    layers: int = 2,
    queries: int = 50,
    seed: int = 0,
) -> None:
    """Write a detector with random weights, the same for the same arguments.

    It has the files of a published checkpoint: `config.json`, `model.safetensors` and
    `preprocessor_config.json`. With the default sizes it has 0.4 to 0.8 million parameters. Random weights
    prove plumbing, not quality; it is also small enough to be trained on a CPU.

    Args:
        folder: is made where it is missing; files of these names are replaced.
        architecture: RT-DETR with a ResNet, D-FINE with an HGNetV2, DETR with a ResNet, or YOLOS.
        image_size: pictures are resampled to so many pixels a side; a multiple of 32.
        classes: names of the classes, without repetitions.
        width: numbers of a query; a multiple of 16.
        layers: of the decoder; of the whole transformer for YOLOS.
        queries: how many objects the model can find in a picture.
        seed: of the weights.

    Raises:
        ValueError: if a size is out of bounds.
    """
    if image_size < 32 or image_size % 32 or width < 16 or width % 16 or layers < 1 or queries < 1:
        raise ValueError(
            f"image_size must be a multiple of 32, width of 16, layers and queries 1 or more; "
            f"not {image_size}, {width}, {layers} and {queries}"
        )
    import torch

    transformers = library("transformers")
    names = dict(enumerate(classes))
    common = {"id2label": names, "label2id": {name: index for index, name in names.items()}}
    config = _CONFIGURATIONS[architecture](image_size, width, layers, queries, common)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = transformers.AutoModelForObjectDetection.from_config(config)
    folder.mkdir(parents=True, exist_ok=True)
    network.save_pretrained(folder)
    square = {"height": image_size, "width": image_size}
    _processor_class(architecture)(size=square, do_pad=False).save_pretrained(folder)


def _rt_detr(image_size: int, width: int, layers: int, queries: int, common: dict[str, Any]) -> Any:
    del image_size
    transformers = library("transformers")
    backbone = transformers.RTDetrResNetConfig(
        embedding_size=_STAGES[0],
        hidden_sizes=list(_STAGES),
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_indices=[2, 3, 4],
    )
    return transformers.RTDetrConfig(
        backbone_config=backbone, **_hybrid(width, layers, queries, _STAGES[1:]), **common
    )


def _d_fine(image_size: int, width: int, layers: int, queries: int, common: dict[str, Any]) -> Any:
    del image_size
    transformers = library("transformers")
    backbone = transformers.HGNetV2Config(
        stem_channels=[3, 16, 16],
        stage_in_channels=[16, *_STAGES[:3]],
        stage_mid_channels=[16, 16, 32, 32],
        stage_out_channels=list(_STAGES),
        stage_num_blocks=[1, 1, 1, 1],
        stage_downsample=[False, True, True, True],
        stage_light_block=[False, False, True, True],
        stage_kernel_size=[3, 3, 5, 5],
        stage_numb_of_layers=[2, 2, 2, 2],
        hidden_sizes=list(_STAGES),
        embedding_size=16,
        depths=[1, 1, 1, 1],
        out_indices=[2, 3, 4],
    )
    return transformers.DFineConfig(
        backbone_config=backbone,
        depth_mult=0.34,
        **_hybrid(width, layers, queries, _STAGES[1:]),
        **common,
    )


def _hybrid(width: int, layers: int, queries: int, channels: Sequence[int]) -> dict[str, Any]:
    """What RT-DETR and D-FINE share: an encoder over three levels, and a decoder with denoising queries."""
    return {
        "encoder_in_channels": list(channels),
        "encoder_hidden_dim": width,
        "encoder_ffn_dim": 2 * width,
        "encoder_attention_heads": _HEADS,
        "hidden_expansion": 0.5,
        "d_model": width,
        "num_queries": queries,
        "num_denoising": queries,
        "decoder_in_channels": [width] * 3,
        "decoder_ffn_dim": 2 * width,
        "decoder_layers": layers,
        "decoder_attention_heads": _HEADS,
        "freeze_backbone_batch_norms": False,
    }


def _detr(image_size: int, width: int, layers: int, queries: int, common: dict[str, Any]) -> Any:
    del image_size
    transformers = library("transformers")
    backbone = transformers.ResNetConfig(
        embedding_size=_STAGES[0],
        hidden_sizes=list(_STAGES),
        depths=[1, 1, 1, 1],
        layer_type="basic",
        out_features=["stage4"],
    )
    return transformers.DetrConfig(
        use_timm_backbone=False,
        backbone_config=backbone,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_ffn_dim=2 * width,
        decoder_ffn_dim=2 * width,
        encoder_attention_heads=_HEADS,
        decoder_attention_heads=_HEADS,
        num_queries=queries,
        auxiliary_loss=True,
        **common,
    )


def _yolos(image_size: int, width: int, layers: int, queries: int, common: dict[str, Any]) -> Any:
    return library("transformers").YolosConfig(
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=_HEADS,
        intermediate_size=2 * width,
        image_size=[image_size, image_size],
        patch_size=16,
        num_detection_tokens=queries,
        use_mid_position_embeddings=False,
        **common,
    )


_CONFIGURATIONS: dict[str, Callable[..., Any]] = {
    "rt_detr": _rt_detr,
    "d_fine": _d_fine,
    "detr": _detr,
    "yolos": _yolos,
}


def _processor_class(architecture: Architecture) -> Any:
    transformers = library("transformers")
    names = {"detr": "DetrImageProcessor", "yolos": "YolosImageProcessor"}
    return getattr(transformers, names.get(architecture, "RTDetrImageProcessor"))

"""Makes tiny depth estimators: the files of a Depth Anything model with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from nodes.libraries import library

DepthKind = Literal["relative", "metric"]

_PATCH = 14
_STAGES = 4


def make_tiny_depth(folder: Path, *, seed: int = 0, kind: DepthKind = "relative", side: int = 70) -> None:
    """Write a tiny depth estimator with random weights, the same for the same arguments.

    It has the layout of transformers: `config.json`, `model.safetensors` and `preprocessor_config.json` of a
    `DepthAnythingForDepthEstimation` with a DINOv2 backbone of four layers; 0.5 MB. Random weights prove
    plumbing, not quality.

    Args:
        folder: is made where it is missing; files of these names are replaced.
        seed: of the weights.
        kind: "relative" gives inverse depth, "metric" gives distances up to 20.
        side: to which one side of a photo is resized, the one that changes least by it, in pixels; a
            multiple of 14.
    """
    torch = library("torch")
    transformers = library("transformers")

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.DepthAnythingForDepthEstimation(_configuration(kind, side))
        # Fresh weights give maps that are flat to four digits: amplified, a photo shows in its map.
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.mul_(5)
    model.save_pretrained(folder)
    _processor(side).save_pretrained(folder)


def _configuration(kind: DepthKind, side: int) -> Any:
    transformers = library("transformers")

    backbone = transformers.Dinov2Config(
        hidden_size=32,
        num_hidden_layers=_STAGES,
        num_attention_heads=2,
        mlp_ratio=2,
        image_size=side,
        patch_size=_PATCH,
        out_indices=list(range(1, _STAGES + 1)),
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    return transformers.DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=_PATCH,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 16, 16, 32],
        fusion_hidden_size=16,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )


def _processor(side: int) -> Any:
    """As the published models have it, but for the size."""
    transformers = library("transformers")

    return transformers.DPTImageProcessor(
        size={"height": side, "width": side},
        keep_aspect_ratio=True,
        ensure_multiple_of=_PATCH,
        resample=3,
        image_mean=[0.485, 0.456, 0.406],
        image_std=[0.229, 0.224, 0.225],
    )

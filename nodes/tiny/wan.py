"""Tiny Wan image-to-video pipelines with random weights, in the layouts of the published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from nodes.libraries import library
from nodes.tiny.words import t5_tokenizer, umt5_encoder

_WIDTH = 16
_TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 12,
    "in_channels": 36,
    "text_dim": _WIDTH,
    "freq_dim": 32,
    "ffn_dim": 32,
    "num_layers": 1,
}
_VAE: dict[str, Any] = {"base_dim": 4, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1}
_VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}
_SCHEDULER: dict[str, Any] = {
    "prediction_type": "flow_prediction",
    "use_flow_sigmas": True,
    "flow_shift": 3.0,
}


def make_tiny_wan(folder: Path, *, seed: int = 0, version: Literal["2.1", "2.2"] = "2.1") -> None:
    """Write a Wan image-to-video pipeline of about 0.3 MB of random float32 weights.

    It is built of the same classes as the published ones, and like these makes latents an eighth of the
    picture's size and a quarter of the clip's length: sides are multiples of 16, frames one more than a
    multiple of 4. Its tokenizer knows letters alone. Its clips are noise: it proves that parts fit together,
    not quality.

    Args:
        folder: is made where it is missing.
        seed: of the weights.
        version: 2.1 looks at the photo through an image encoder, 2.2 has one transformer for much noise and
            one for little.
    """
    torch, diffusers = library("torch"), library("diffusers")
    tokenizer = t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = diffusers.WanImageToVideoPipeline(
            tokenizer=tokenizer,
            text_encoder=umt5_encoder(tokenizer, _WIDTH),
            vae=diffusers.AutoencoderKLWan(**_VAE),
            scheduler=diffusers.UniPCMultistepScheduler(**_SCHEDULER),
            **(_seeing() if version == "2.1" else _two()),
        )
    pipeline.save_pretrained(folder, safe_serialization=True)


def _seeing() -> dict[str, Any]:
    diffusers, transformers = library("diffusers"), library("transformers")
    return {
        "image_processor": transformers.CLIPImageProcessor(size=32, crop_size=32),
        "image_encoder": transformers.CLIPVisionModel(transformers.CLIPVisionConfig(**_VISION)),
        "transformer": diffusers.WanTransformer3DModel(
            **_TRANSFORMER, image_dim=_VISION["hidden_size"], added_kv_proj_dim=24
        ),
    }


def _two() -> dict[str, Any]:
    diffusers = library("diffusers")
    return {
        "transformer": diffusers.WanTransformer3DModel(**_TRANSFORMER),
        "transformer_2": diffusers.WanTransformer3DModel(**_TRANSFORMER),
        "boundary_ratio": 0.9,
    }

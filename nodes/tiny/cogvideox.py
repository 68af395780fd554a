"""A tiny CogVideoX image-to-video pipeline with random weights, in the layout of the published one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.libraries import library
from nodes.tiny.words import t5_encoder, t5_tokenizer

_WIDTH = 16
_TRANSFORMER: dict[str, Any] = {
    "num_attention_heads": 2,
    "attention_head_dim": 16,
    "in_channels": 8,
    "out_channels": 4,
    "time_embed_dim": 2,
    "text_embed_dim": _WIDTH,
    "num_layers": 1,
    "sample_width": 8,
    "sample_height": 8,
    "sample_frames": 9,
    "use_rotary_positional_embeddings": True,
}
_VAE: dict[str, Any] = {
    "down_block_types": ("CogVideoXDownBlock3D",) * 4,
    "up_block_types": ("CogVideoXUpBlock3D",) * 4,
    "block_out_channels": (8, 8, 8, 8),
    "latent_channels": 4,
    "layers_per_block": 1,
    "norm_num_groups": 2,
}


def make_tiny_cogvideox(folder: Path, *, seed: int = 0) -> None:
    """Write a CogVideoX image-to-video pipeline of about 0.4 MB of random float32 weights.

    It is built of the same classes as the published ones, and like these makes latents an eighth of the
    picture's size and a quarter of the clip's length: sides are multiples of 16. The size that it makes by
    default is 64 × 64. Its tokenizer knows letters alone. Its clips are noise: it proves that parts fit
    together, not quality.

    Args:
        folder: is made where it is missing.
        seed: of the weights.
    """
    torch, diffusers = library("torch"), library("diffusers")
    tokenizer = t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = diffusers.CogVideoXImageToVideoPipeline(
            tokenizer=tokenizer,
            text_encoder=t5_encoder(tokenizer, _WIDTH),
            vae=diffusers.AutoencoderKLCogVideoX(**_VAE),
            transformer=diffusers.CogVideoXTransformer3DModel(**_TRANSFORMER),
            scheduler=diffusers.CogVideoXDDIMScheduler(),
        )
    pipeline.save_pretrained(folder, safe_serialization=True)

"""A tiny LTX image-to-video pipeline with random weights, in the layout of the published one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.libraries import library
from nodes.tiny.words import t5_encoder, t5_tokenizer

_TRANSFORMER: dict[str, Any] = {
    "in_channels": 8,
    "out_channels": 8,
    "num_attention_heads": 2,
    "attention_head_dim": 8,
    "cross_attention_dim": 16,
    "num_layers": 2,
    "caption_channels": 16,
}
_VAE: dict[str, Any] = {
    "latent_channels": 8,
    "block_out_channels": (8, 8, 8, 8),
    "decoder_block_out_channels": (8, 8, 8, 8),
    "layers_per_block": (1, 1, 1, 1, 1),
    "decoder_layers_per_block": (1, 1, 1, 1, 1),
}
_WIDTH = 16


def make_tiny_ltx(folder: Path, *, seed: int = 0) -> None:
    """Write an LTX image-to-video pipeline of about 0.4 MB of random float32 weights.

    It is built of the same classes as the published one, and like it makes latents a 32nd of the picture's
    size and an eighth of the clip's length: sides are multiples of 32, frames one more than a multiple of 8.
    Its tokenizer knows letters alone. Its clips are noise: it proves that parts fit together, not quality.

    Args:
        folder: is made where it is missing.
        seed: of the weights.
    """
    torch, diffusers = library("torch"), library("diffusers")
    tokenizer = t5_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = diffusers.LTXImageToVideoPipeline(
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
            vae=diffusers.AutoencoderKLLTXVideo(**_VAE),
            text_encoder=t5_encoder(tokenizer, _WIDTH),
            tokenizer=tokenizer,
            transformer=diffusers.LTXVideoTransformer3DModel(**_TRANSFORMER),
        )
        pipeline.save_pretrained(folder, safe_serialization=True)

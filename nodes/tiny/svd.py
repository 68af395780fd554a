"""A tiny Stable Video Diffusion pipeline with random weights, in the layout of the published ones."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from nodes.libraries import library

SCHEDULER: dict[str, Any] = {
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "prediction_type": "v_prediction",
    "interpolation_type": "linear",
    "use_karras_sigmas": True,
    "timestep_spacing": "leading",
    "timestep_type": "continuous",
    "sigma_min": 0.002,
    "sigma_max": 700.0,
    "steps_offset": 1,
}
"""Of the published pipelines."""

_UNET: dict[str, Any] = {
    "sample_size": 8,
    "down_block_types": ("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
    "up_block_types": ("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
    "block_out_channels": (32, 32),
    "layers_per_block": 1,
    "num_attention_heads": (2, 2),
    "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 24,
    "cross_attention_dim": 16,
}
_VAE: dict[str, Any] = {
    "block_out_channels": (32, 32, 32, 32),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "layers_per_block": 1,
}
_VISION: dict[str, Any] = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "patch_size": 28,
    # The pipeline resizes the photo to 224 whatever the encoder says.
    "image_size": 224,
    "projection_dim": 16,
}


def make_tiny_svd(folder: Path, *, seed: int = 0, num_frames: int = 14) -> None:
    """Write a Stable Video Diffusion pipeline of about 4 MB of random float32 weights.

    It is built of the same classes as the published ones, and like these makes latents an eighth of the
    picture's size; only the widths and depths of its networks differ. Its clips are noise: it proves that
    parts fit together, not quality.

    Args:
        folder: is made where it is missing.
        seed: of the weights.
        num_frames: that the pipeline makes where none are asked for; 14, or 25 as the model "xt".
    """
    torch, diffusers, transformers = library("torch"), library("diffusers"), library("transformers")
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(seed)
        pipeline = diffusers.StableVideoDiffusionPipeline(
            unet=diffusers.UNetSpatioTemporalConditionModel(**_UNET, num_frames=num_frames),
            vae=diffusers.AutoencoderKLTemporalDecoder(**_VAE),
            image_encoder=transformers.CLIPVisionModelWithProjection(
                transformers.CLIPVisionConfig(**_VISION)
            ),
            scheduler=diffusers.EulerDiscreteScheduler(**SCHEDULER),
            feature_extractor=transformers.CLIPImageProcessor(size=224, crop_size=224),
        )
        pipeline.save_pretrained(folder, safe_serialization=True)

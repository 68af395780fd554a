"""Full-size diffusion models with random weights, and nodes that use them, for measuring on a GPU.

Sizes are those of the published configurations: the weights are drawn at random, in fp16, so that no download
is needed. They prove memory and time, not quality.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph import Batch, Context, Item, ModelRef, Stream, model, node
from nodegraph.models import Mode
from nodes.types import Image

if TYPE_CHECKING:
    from torch import Tensor

Sizes = Mapping[str, Any]
"""Arguments of the classes of diffusers and transformers that differ from their defaults."""

SVD_UNET: Sizes = {}
"""The defaults of diffusers are those of Stable Video Diffusion: 1.5 billion weights."""
SVD_VAE: Sizes = {
    "block_out_channels": (128, 256, 512, 512),
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "layers_per_block": 2,
    # The published one works in float32 where it encodes. Hooks that move weights would have to know.
    "force_upcast": False,
}
SVD_VISION: Sizes = {
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 16,
    "patch_size": 14,
    "image_size": 224,
    "projection_dim": 1024,
    "hidden_act": "gelu",
}
"""ViT-H/14."""
SD_UNET: Sizes = {"sample_size": 64, "cross_attention_dim": 768, "attention_head_dim": 8}
"""Stable Diffusion 1.5: 0.86 billion weights."""
SDXL_UNET: Sizes = {
    "sample_size": 128,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "attention_head_dim": (5, 10, 20),
    "transformer_layers_per_block": (1, 2, 10),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
}
"""Stable Diffusion XL without its added conditions: 2.6 billion weights, 5.1 GB in fp16."""
WORDS = 77


def make_svd(
    folder: Path, device: str, *, unet: Sizes = SVD_UNET, vae: Sizes = SVD_VAE, vision: Sizes = SVD_VISION
) -> None:
    """Write a Stable Video Diffusion pipeline of random fp16 weights, drawn on the device."""
    import torch
    from diffusers import (
        AutoencoderKLTemporalDecoder,
        EulerDiscreteScheduler,
        StableVideoDiffusionPipeline,
        UNetSpatioTemporalConditionModel,
    )
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    with torch.device(device):
        parts = {
            "unet": UNetSpatioTemporalConditionModel(**unet),
            "vae": AutoencoderKLTemporalDecoder(**vae),
            "image_encoder": CLIPVisionModelWithProjection(CLIPVisionConfig(**vision)),
        }
    scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        interpolation_type="linear",
        use_karras_sigmas=True,
        timestep_spacing="leading",
        timestep_type="continuous",
        sigma_min=0.002,
        sigma_max=700.0,
        steps_offset=1,
    )
    extractor = CLIPImageProcessor(size=224, crop_size=224)
    halves = {name: part.half() for name, part in parts.items()}
    pipeline = StableVideoDiffusionPipeline(scheduler=scheduler, feature_extractor=extractor, **halves)
    pipeline.save_pretrained(folder, safe_serialization=True)


def make_unet(folder: Path, device: str, sizes: Sizes) -> None:
    """Write a UNet of random fp16 weights, drawn on the device."""
    import torch
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    with torch.device(device):
        unet = UNet2DConditionModel(**sizes)
    unet.half().save_pretrained(folder, safe_serialization=True)


@model("gpu.svd", modes=("resident", "swap", "offload"))
def load_svd(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Any:
    """Load the pipeline; by the hooks of accelerate in the modes in which weights move."""
    import torch
    from diffusers import StableVideoDiffusionPipeline

    pipeline = StableVideoDiffusionPipeline.from_pretrained(
        folder, dtype=getattr(torch, ref.dtype), local_files_only=True, use_safetensors=True
    )
    pipeline.set_progress_bar_config(disable=True)
    if mode == "resident":
        return pipeline.to(device)
    if mode == "swap":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    return pipeline


@model("gpu.unet")
def load_unet(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Any:
    """Load a UNet."""
    import torch
    from diffusers import UNet2DConditionModel

    unet = UNet2DConditionModel.from_pretrained(
        folder, dtype=getattr(torch, ref.dtype), local_files_only=True, use_safetensors=True
    )
    return unet.to(device).eval()


@node("gpu.model", version=1, pure=False)
def name_model(folder: Path, *, kind: str, dtype: str = "float16", ctx: Context) -> ModelRef:
    """Name a model."""
    return ctx.find_model(kind, folder, dtype=dtype)


@node("gpu.pictures", version=1)
def pictures(*, seeds: list[int], width: int = 1024, height: int = 576) -> Stream[Image]:
    """Pictures of noise, one for each seed."""
    import numpy as np

    for seed in seeds:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        yield Item(f"p{seed}", Image(pixels))


def animate_once(pipeline: Any, image: Image, seed: int, frames: int, steps: int, chunk: int) -> Tensor:
    """Frames `[frames, 3, height, width]`, 0 to 1, on the pipeline's device."""
    import torch
    from PIL import Image as Pillow

    width, height = image.size
    made = pipeline(
        Pillow.fromarray(image.pixels),
        height=height,
        width=width,
        num_frames=frames,
        num_inference_steps=steps,
        decode_chunk_size=chunk,
        generator=torch.Generator().manual_seed(seed),
        output_type="pt",
    )
    return made.frames[0]


def mean_frame(clip: Tensor) -> Image:
    """The mean of frames, as a picture; random weights may give numbers that fp16 cannot hold."""
    import torch

    mean = torch.nan_to_num(clip.float()).mean(dim=0).mul(255).clamp(0, 255).to("cpu", torch.uint8)
    return Image(mean.permute(1, 2, 0).contiguous().numpy())


@node("gpu.animate", version=1, seeded=True)
def animate(
    image: Image, model: ModelRef, *, frames: int = 14, steps: int = 4, chunk: int = 2, ctx: Context
) -> Image:
    """Animate a picture; gives the mean frame."""
    import torch

    with ctx.use(model) as pipeline, torch.inference_mode():
        return mean_frame(animate_once(pipeline, image, ctx.seed, frames, steps, chunk))


def denoise_once(unet: Any, seeds: list[int], steps: int, side: int) -> Tensor:
    """Latents `[len(seeds), 4, side, side]` after passes through a UNet, each from noise of its own."""
    import torch

    device, dtype = unet.device, unet.dtype
    noise = [torch.randn((1, 4, side, side), generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    latents = torch.cat(noise).to(device, dtype)
    words = torch.zeros((len(seeds), WORDS, unet.config.cross_attention_dim), device=device, dtype=dtype)
    for step in range(steps):
        timestep = torch.tensor(999 - 40 * step, device=device)
        residual = unet(latents, timestep, encoder_hidden_states=words, return_dict=False)[0]
        latents = latents - torch.nan_to_num(residual) / steps
    return latents


@node("gpu.denoise", version=1, seeded=True)
def denoise(
    image: Batch[Image], model: ModelRef, *, steps: int = 20, side: int = 64, ctx: Context
) -> Batch[float]:
    """Pass noise through a UNet, for each picture of its own; gives the mean of the latents."""
    import torch

    with ctx.use(model) as unet, torch.inference_mode():
        latents = denoise_once(unet, list(ctx.seeds), steps, side)
        return [float(mean) for mean in torch.nan_to_num(latents.float()).mean(dim=(1, 2, 3)).cpu()]


@node("gpu.fill", version=1)
def fill(image: Batch[Image], model: ModelRef, *, mib: int, ctx: Context) -> Batch[float]:
    """Take so many MiB of the device for each picture, beside the model; says nothing of it before."""
    import torch

    with ctx.use(model):
        taken = [
            torch.full((mib << 18,), float(picture.pixels[0, 0, 0]), device=ctx.device) for picture in image
        ]
        return [float(tensor[-1].cpu()) for tensor in taken]

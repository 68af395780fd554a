"""Makes tiny inpainters: the files of a Stable Diffusion inpainting pipeline with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.libraries import library
from nodes.tiny.controlnet import CHANNELS, TEXT_WIDTH

_TOKENS = 77
_GROUPS = 8


def make_tiny_inpaint(folder: Path, *, seed: int = 0) -> None:
    """Write a tiny inpainting pipeline with random weights, the same for the same arguments.

    It has the layout of diffusers: `model_index.json` of a `StableDiffusionInpaintPipeline` and the folders
    unet (9 channels in), vae (8 pixels a latent), text_encoder, tokenizer and scheduler; 1.4 MB. It has no
    safety checker. Random weights prove plumbing, not quality.

    Args:
        folder: is made where it is missing; files of these names are replaced.
        seed: of the weights.
    """
    torch = library("torch")
    diffusers = library("diffusers")

    tokenizer = tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = diffusers.StableDiffusionInpaintPipeline(
            vae=tiny_vae(),
            text_encoder=tiny_text_encoder(len(tokenizer)),
            tokenizer=tokenizer,
            unet=tiny_unet(channels_in=9),
            scheduler=_scheduler(),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder)


def tiny_tokenizer() -> Any:
    """A `CLIPTokenizer` that spells words letter by letter: 26 letters, 10 digits, two marks."""
    transformers = library("transformers")

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,"
    names = ["<|startoftext|>", "<|endoftext|>"]
    entries = [*names, *letters, *(f"{letter}</w>" for letter in letters)]
    return transformers.CLIPTokenizer(
        vocab={entry: index for index, entry in enumerate(entries)}, merges=[], model_max_length=_TOKENS
    )


def tiny_text_encoder(vocabulary: int) -> Any:
    """A `CLIPTextModel` of one layer for a tokenizer of that many entries, the first two its marks."""
    transformers = library("transformers")

    return transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            vocab_size=vocabulary,
            hidden_size=TEXT_WIDTH,
            intermediate_size=2 * TEXT_WIDTH,
            num_hidden_layers=1,
            num_attention_heads=4,
            max_position_embeddings=_TOKENS,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    )


def tiny_vae() -> Any:
    """An `AutoencoderKL` whose latents have a side of an eighth, as the published ones have."""
    diffusers = library("diffusers")

    return diffusers.AutoencoderKL(
        block_out_channels=(_GROUPS, _GROUPS, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=_GROUPS,
        sample_size=64,
    )


def tiny_unet(*, channels_in: int) -> Any:
    """A `UNet2DConditionModel` of two blocks."""
    diffusers = library("diffusers")

    return diffusers.UNet2DConditionModel(
        block_out_channels=CHANNELS,
        layers_per_block=1,
        sample_size=64,
        in_channels=channels_in,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=8,
        norm_num_groups=_GROUPS,
    )


def _scheduler() -> Any:
    """As Stable Diffusion 1.5 has it, in the deterministic form."""
    diffusers = library("diffusers")

    return diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )

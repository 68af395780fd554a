"""A tiny HunyuanVideo image-to-video pipeline with random weights, in the layout of the published one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nodes.libraries import library
from nodes.tiny.controlnet import TEXT_WIDTH
from nodes.tiny.inpaint import tiny_text_encoder, tiny_tokenizer
from nodes.tiny.words import llama_tokenizer

_WIDTH = 16
_SIDE, _PATCH = 28, 14
_TRANSFORMER: dict[str, Any] = {
    "in_channels": 9,
    "out_channels": 4,
    "num_attention_heads": 2,
    "attention_head_dim": 10,
    "num_layers": 1,
    "num_single_layers": 1,
    "num_refiner_layers": 1,
    "guidance_embeds": False,
    "text_embed_dim": _WIDTH,
    "pooled_projection_dim": TEXT_WIDTH,
    "rope_axes_dim": (2, 4, 4),
    "image_condition_type": "latent_concat",
}
_VAE: dict[str, Any] = {
    "latent_channels": 4,
    "block_out_channels": (8, 8, 8, 8),
    "layers_per_block": 1,
    "norm_num_groups": 4,
}
_TEXT: dict[str, Any] = {
    "hidden_size": _WIDTH,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
}
_VISION: dict[str, Any] = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": _SIDE,
    "patch_size": _PATCH,
}

TEMPLATE: dict[str, Any] = {
    "template": (
        "<|start_header_id|>s<|end_header_id|><image>a<|eot_id|>"
        "<|start_header_id|>u<|end_header_id|>{}<|eot_id|><|start_header_id|>a<|end_header_id|>"
    ),
    "crop_start": 9,
    "image_emb_len": 4,
    "image_emb_start": 3,
    "image_emb_end": 7,
}
"""What the call takes as `prompt_template`: that of the published pipeline is for its own tokenizer."""


def make_tiny_hunyuan_video(folder: Path, *, seed: int = 0) -> None:
    """Write a HunyuanVideo image-to-video pipeline of about 0.6 MB of random float32 weights.

    It is built of the same classes as the published one: a LLaVA that sees photo and prompt, a CLIP, and
    latents an eighth of the picture's size and a quarter of the clip's length. Its tokenizers know letters
    alone, so that the call needs `TEMPLATE`. Its clips are noise: it proves that parts fit together, not
    quality.

    Args:
        folder: is made where it is missing.
        seed: of the weights.
    """
    torch, diffusers, transformers = library("torch"), library("diffusers"), library("transformers")
    tokenizer, tokenizer_2 = llama_tokenizer(), tiny_tokenizer()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pipeline = diffusers.HunyuanVideoImageToVideoPipeline(
            text_encoder=_llava(tokenizer),
            tokenizer=tokenizer,
            transformer=diffusers.HunyuanVideoTransformer3DModel(**_TRANSFORMER),
            vae=diffusers.AutoencoderKLHunyuanVideo(**_VAE),
            scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
            text_encoder_2=tiny_text_encoder(len(tokenizer_2)),
            tokenizer_2=tokenizer_2,
            image_processor=transformers.CLIPImageProcessor(size=_SIDE, crop_size=_SIDE),
        )
    pipeline.save_pretrained(folder, safe_serialization=True)


def _llava(tokenizer: Any) -> Any:
    transformers = library("transformers")
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**_VISION),
        text_config=transformers.LlamaConfig(
            **_TEXT, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id
        ),
        pad_token_id=tokenizer.pad_token_id,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
    )
    return transformers.LlavaForConditionalGeneration(config)

"""Makes tiny ControlNets: the files of one with random weights, for the Stable Diffusion of this package."""

from __future__ import annotations

from pathlib import Path

from nodes.libraries import library

CHANNELS = (16, 32)
"""Channels of the two blocks of the tiny UNets that it fits."""

TEXT_WIDTH = 32
"""Width of the text embeddings that it takes."""


def make_tiny_controlnet(folder: Path, *, seed: int = 0) -> None:
    """Write a tiny ControlNet with random weights, the same for the same arguments.

    It has the layout of diffusers, `config.json` and `diffusion_pytorch_model.safetensors`, and as many
    channels as the UNet of `make_tiny_inpaint`; 0.6 MB. The convolutions that a fresh ControlNet has at zero
    are random too, so that a control picture shows in the result. Random weights prove plumbing, not quality.

    Args:
        folder: is made where it is missing; files of these names are replaced.
        seed: of the weights.
    """
    torch = library("torch")
    diffusers = library("diffusers")

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = diffusers.ControlNetModel(
            block_out_channels=CHANNELS,
            layers_per_block=1,
            in_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            cross_attention_dim=TEXT_WIDTH,
            attention_head_dim=8,
            norm_num_groups=8,
            conditioning_embedding_out_channels=(8, 8, 16, 16),
        )
        for block in (*net.controlnet_down_blocks, net.controlnet_mid_block):
            torch.nn.init.normal_(block.weight, std=1)
        for layer in net.controlnet_cond_embedding.modules():
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(layer.weight)
    net.save_pretrained(folder)

"""Nodes that fill regions of clips."""

from nodes.inpaint.diffusion import diffusion
from nodes.inpaint.fill import fill
from nodes.inpaint.pipeline import load_inpainter

__all__ = ["diffusion", "fill", "load_inpainter"]

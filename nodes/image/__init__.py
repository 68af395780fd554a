"""Nodes on single pictures and what is drawn on them."""

from nodes.image.annotate import annotate_image, annotate_video
from nodes.image.encode import encode_image

__all__ = ["annotate_image", "annotate_video", "encode_image"]

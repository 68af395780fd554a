"""Nodes that fill regions of clips."""

from nodes.inpaint.fill import fill

__all__ = ["fill"]

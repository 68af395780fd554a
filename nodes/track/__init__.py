"""Nodes that carry labels from the first frame of a clip through the others."""

from nodes.track.flow import Tracked, track_flow

__all__ = ["Tracked", "track_flow"]

"""Nodes that carry labels from the first frame of a clip through the others."""

from nodes.track.flow import Tracked, track_flow
from nodes.track.sam2 import track_sam2
from nodes.track.sam2_model import load_sam2_video
from nodes.track.segment_grabcut import track_grabcut

__all__ = ["Tracked", "load_sam2_video", "track_flow", "track_grabcut", "track_sam2"]

"""Nodes that measure."""

from nodes.evaluate.mean import Mean, mean
from nodes.evaluate.track_iou import TrackIou, track_iou

__all__ = ["Mean", "TrackIou", "mean", "track_iou"]

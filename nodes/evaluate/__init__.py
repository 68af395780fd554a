"""Nodes that measure."""

from nodes.evaluate.coco_map import Scores, coco_map
from nodes.evaluate.detections import evaluate_detections
from nodes.evaluate.mean import Mean, mean
from nodes.evaluate.track_iou import TrackIou, track_iou

__all__ = [
    "Mean",
    "Scores",
    "TrackIou",
    "coco_map",
    "evaluate_detections",
    "mean",
    "track_iou",
]

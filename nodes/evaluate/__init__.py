"""Nodes that measure."""

from nodes.evaluate.coco_map import Scores, coco_map
from nodes.evaluate.detections import evaluate_detections
from nodes.evaluate.detector import evaluate_detector
from nodes.evaluate.experiment import Experiment, experiment
from nodes.evaluate.experiment_settings import Setting, settings
from nodes.evaluate.mean import Mean, mean
from nodes.evaluate.propagation import Propagation, propagation
from nodes.evaluate.track_iou import TrackIou, track_iou

__all__ = [
    "Experiment",
    "Mean",
    "Propagation",
    "Scores",
    "Setting",
    "TrackIou",
    "coco_map",
    "evaluate_detections",
    "evaluate_detector",
    "experiment",
    "mean",
    "propagation",
    "settings",
    "track_iou",
]

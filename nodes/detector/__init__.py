"""Object detectors of transformers: loading them, and what they find in pictures."""

from nodes.detector.checkpoint import use_detector
from nodes.detector.model import Detector, load_detector_checkpoint
from nodes.detector.predict import Detected, predict

__all__ = ["Detected", "Detector", "load_detector_checkpoint", "predict", "use_detector"]

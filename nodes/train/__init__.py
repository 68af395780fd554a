"""Nodes that train models."""

from nodes.train.detector import Trained, train_detector
from nodes.train.settings import TrainingError

__all__ = ["Trained", "TrainingError", "train_detector"]

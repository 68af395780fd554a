"""Depth of photos: estimated by networks, and cleaned up."""

from nodes.depth.anything import depth_anything
from nodes.depth.edges import sharpen
from nodes.depth.estimator import DepthEstimator, load_estimator

__all__ = ["DepthEstimator", "depth_anything", "load_estimator", "sharpen"]

"""Nodes that vary pictures: classic augmentations, and what generators of clips are asked for."""

from nodes.augment.appearance import appearance
from nodes.augment.camera_paths import CameraPath, camera_paths
from nodes.augment.geometry import crop, flip

__all__ = ["CameraPath", "appearance", "camera_paths", "crop", "flip"]

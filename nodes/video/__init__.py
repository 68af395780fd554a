"""Nodes that make clips from photos and take them apart."""

from nodes.video.camera_motion import CameraMotion, camera_motion

__all__ = ["CameraMotion", "camera_motion"]

"""Nodes that make clips from photos and take them apart."""

from nodes.video.camera_motion import CameraMotion, camera_motion
from nodes.video.encode import encode_video
from nodes.video.frames import Frame, video_frames

__all__ = ["CameraMotion", "Frame", "camera_motion", "encode_video", "video_frames"]

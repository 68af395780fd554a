"""Nodes that make clips from photos and take them apart."""

from nodes.video.camera_motion import CameraMotion, camera_motion
from nodes.video.encode import encode_video
from nodes.video.frames import Frame, video_frames
from nodes.video.object_motion import ObjectMotion, object_motion
from nodes.video.pipeline import animate_by_pipeline
from nodes.video.svd import Animated, animate_by_svd

__all__ = [
    "Animated",
    "CameraMotion",
    "Frame",
    "ObjectMotion",
    "animate_by_pipeline",
    "animate_by_svd",
    "camera_motion",
    "encode_video",
    "object_motion",
    "video_frames",
]

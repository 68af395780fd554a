"""Nodes that derive, clean and thin out labels."""

from nodes.label.disocclusion import Disoccluded, disocclusion
from nodes.label.filter import filter_tracks
from nodes.label.frames import SelectedFrames, select_frames
from nodes.label.masks import boxes_from_masks
from nodes.label.quality import TrackQuality, track_quality

__all__ = [
    "Disoccluded",
    "SelectedFrames",
    "TrackQuality",
    "boxes_from_masks",
    "disocclusion",
    "filter_tracks",
    "select_frames",
    "track_quality",
]

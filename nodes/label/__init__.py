"""Nodes that derive, clean and thin out labels."""

from nodes.label.disocclusion import Disoccluded, disocclusion
from nodes.label.filter import filter_tracks
from nodes.label.frames import SelectedFrames, select_frames
from nodes.label.masks import boxes_from_masks
from nodes.label.pseudo import add_pseudo_labels
from nodes.label.quality import TrackQuality, track_quality

__all__ = [
    "Disoccluded",
    "SelectedFrames",
    "TrackQuality",
    "add_pseudo_labels",
    "boxes_from_masks",
    "disocclusion",
    "filter_tracks",
    "select_frames",
    "track_quality",
]

"""Nodes that derive, clean and thin out labels."""

from nodes.label.disocclusion import Disoccluded, disocclusion
from nodes.label.filter import filter_tracks
from nodes.label.frames import SelectedFrames, select_frames
from nodes.label.masks import boxes_from_masks

__all__ = [
    "Disoccluded",
    "SelectedFrames",
    "boxes_from_masks",
    "disocclusion",
    "filter_tracks",
    "select_frames",
]

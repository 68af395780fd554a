"""The node library: value types, and one subpackage per kind of node."""

from nodes import export, image, label, load, track, types, video

__all__ = ["export", "image", "label", "load", "track", "types", "video"]

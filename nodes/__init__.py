"""The node library: value types, and one subpackage per kind of node."""

from nodes import evaluate, export, image, label, load, tiny, track, types, video

__all__ = ["evaluate", "export", "image", "label", "load", "tiny", "track", "types", "video"]

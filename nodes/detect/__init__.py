"""Nodes that find objects in pictures."""

from nodes.detect.objects import detect_objects
from nodes.detect.people import detect_people

__all__ = ["detect_objects", "detect_people"]

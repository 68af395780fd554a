"""Checking: from a graph document to a typed graph that can be planned, or to every problem it has."""

from __future__ import annotations

from nodegraph.check.check import check, find_problems
from nodegraph.check.checked import Chain, CheckedGraph, CheckedNode, Source

__all__ = ["Chain", "CheckedGraph", "CheckedNode", "Source", "check", "find_problems"]

"""Checking: from a graph document to a typed graph that can be planned, or to every problem it has."""

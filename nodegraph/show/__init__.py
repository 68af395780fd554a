"""Showing node types and graphs: the catalog, SVG drawings and text drawings; all pure functions."""

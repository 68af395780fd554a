"""Pipelines of diffusers: read, loaded and held; what nodes that run them share."""

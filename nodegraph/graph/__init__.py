"""Graphs as they are written: the JSON document, its canonical form, and the builder."""

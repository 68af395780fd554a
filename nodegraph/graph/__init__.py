"""Graphs as they are written: the JSON document and its canonical form."""

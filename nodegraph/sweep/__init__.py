"""Sweeps: one graph run over a grid of values as one program, what the combinations share computed once."""

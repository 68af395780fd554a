"""Placement: which devices calls may use, and how much of them."""

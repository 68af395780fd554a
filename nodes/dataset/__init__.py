"""Nodes that make, split and mix data sets."""

from nodes.dataset.mix import Mixed, mix
from nodes.dataset.split import fraction, split
from nodes.dataset.synthetic import synthetic

__all__ = ["Mixed", "fraction", "mix", "split", "synthetic"]

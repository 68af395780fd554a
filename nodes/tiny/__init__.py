"""Tiny models with random weights: real loads, evictions and budgets on any machine, no quality."""

from nodes.tiny.embed import Embedding, embed
from nodes.tiny.model import tiny_model
from nodes.tiny.pipeline import TinyPipeline, load_tiny_pipeline
from nodes.tiny.restyle import restyle

__all__ = ["Embedding", "TinyPipeline", "embed", "load_tiny_pipeline", "restyle", "tiny_model"]

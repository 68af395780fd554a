"""How a call may hold a model on its device."""

from __future__ import annotations

from typing import Literal

Mode = Literal["resident", "swap", "chunked", "offload"]
"""How a call holds its models: whole; one component at a time; the same, with inputs cut up on their way
through its layers (less working memory); one layer at a time."""

MODES: tuple[Mode, ...] = ("resident", "swap", "chunked", "offload")
"""From the fastest to the leanest."""

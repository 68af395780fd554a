"""How a call may hold a model on its device."""

from __future__ import annotations

from typing import Literal

Mode = Literal["resident", "swap", "offload"]
"""How a call holds its models: whole; one component at a time; one layer at a time."""

MODES: tuple[Mode, ...] = ("resident", "swap", "offload")
"""From the fastest to the leanest."""

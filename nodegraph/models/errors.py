"""What can be wrong with a model."""

from __future__ import annotations


class ModelError(Exception):
    """A model that cannot be found, read or used; the message says which, what is wrong and what to do."""

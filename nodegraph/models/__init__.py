"""Models: how packs declare them, what is known of them without loading, and which are loaded where."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nodegraph.models.errors import ModelError
    from nodegraph.models.headers import read_header
    from nodegraph.models.layout import PIPELINE, read_json, weight_files
    from nodegraph.models.modes import Mode
    from nodegraph.models.published import Published
    from nodegraph.models.state_dicts import load_state_dict
    from nodegraph.models.weights import Weights

__all__ = [
    "PIPELINE",
    "Mode",
    "ModelError",
    "Published",
    "Weights",
    "load_state_dict",
    "read_header",
    "read_json",
    "weight_files",
]

_MODULES = {
    "PIPELINE": "layout",
    "Mode": "modes",
    "ModelError": "errors",
    "Published": "published",
    "Weights": "weights",
    "load_state_dict": "state_dicts",
    "read_header": "headers",
    "read_json": "layout",
    "weight_files": "layout",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use: declaring a kind of model needs none of them."""
    if name not in _MODULES:
        raise AttributeError(f"module 'nodegraph.models' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"nodegraph.models.{_MODULES[name]}"), name)

"""Importing the libraries that models need: a plain word where one is missing, and any build of torch.

PyPI's torchvision is built for CUDA. Beside a CPU build of torch its compiled operators do not load, and its
import fails, and with it that of what imports it (timm, controlnet_aux, parts of transformers).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

from nodegraph.models import ModelError

Library = Literal[
    "torch", "diffusers", "transformers", "accelerate", "sam2", "omegaconf", "controlnet_aux", "torchvision"
]

_IMPORTS: dict[Library, Callable[[], Any]] = {
    "torch": lambda: import_module("torch"),
    "diffusers": lambda: import_module("diffusers"),
    "transformers": lambda: import_module("transformers"),
    "accelerate": lambda: import_module("accelerate"),
    "sam2": lambda: import_module("sam2"),
    "omegaconf": lambda: import_module("omegaconf"),
    "controlnet_aux": lambda: import_module("controlnet_aux"),
    "torchvision": lambda: import_module("torchvision"),
}
"""Each by its own name: of an import by a name that is not written there, any code might be meant, and all
modules of the pack would count as the code of the nodes that come by here."""

building = threading.RLock()
"""Hold it while a model is built: diffusers and transformers change torch's default dtype meanwhile, and how
modules make their weights, for the whole process."""

_lock = threading.Lock()
_kept: list[Any] = []
"""Libraries of operators: what they define goes when they do."""


def library(name: Library) -> Any:
    """Import a library of the extra `models`; what imports torchvision finds it working.

    Bars and notes that libraries print by themselves are turned off: a node reports by `ctx.progress`.

    Raises:
        ModelError: if it is not installed; says how to install it.
    """
    if find_spec(name) is None:
        raise ModelError(
            f"the library {name} is not installed; install it with: pip install 'nodegraph[models]'"
        )
    with _lock:
        if name != "torch":
            _import_torchvision()
        module = _IMPORTS[name]()
        if name in ("diffusers", "transformers"):
            module.utils.logging.set_verbosity_error()
            module.utils.logging.disable_progress_bar()
    return module


def _import_torchvision() -> None:
    """Import torchvision; where its compiled operators do not load, all but these works."""
    if "torchvision" in sys.modules or find_spec("torchvision") is None:
        return
    try:
        import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        _declare_operators()
        import_module("torchvision")


def _declare_operators() -> None:
    """Declare what torchvision describes further at its import, whether its operators were loaded or not."""
    import torch

    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(operators)

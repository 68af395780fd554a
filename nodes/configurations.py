"""Configurations of checkpoints in the layout of transformers, less what they ask for from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

_CODE = frozenset(
    f"{before}{name}"
    for before in ("", "_")
    for name in (
        "attn_implementation", "attn_implementation_internal",
        "experts_implementation", "experts_implementation_internal",
    )
) | {"auto_map"}  # fmt: skip
"""Entries that name code: classes beside the checkpoint, or kernels, which transformers gets from the hub."""

_WEIGHTS = ("use_pretrained_backbone", "pretrained")
"""Switches by which a backbone would be fetched; its weights are in the checkpoint."""


def without_fetching(content: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration, and those of its parts, that asks for no weights, kernels or code from elsewhere.

    Args:
        content: of a `config.json`.
    """
    kept = {name: _kept(name, entry) for name, entry in content.items() if name not in _CODE}
    kept |= {switch: False for switch in _WEIGHTS if switch in kept}
    if "disable_custom_kernels" in kept:
        kept["disable_custom_kernels"] = True
    return kept


def _kept(name: str, entry: Any) -> Any:
    if name.endswith("_config") and isinstance(entry, Mapping):
        return without_fetching(cast("Mapping[str, Any]", entry))
    return entry

"""`transformers.depth`: networks that estimate the depth of a photo, in the layout of transformers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph import ModelRef, model
from nodegraph.models import Mode, ModelError, Published
from nodes.configurations import without_fetching
from nodes.depth.nearness import Quantity
from nodes.libraries import building, library
from nodes.stored_models import require_network
from nodes.types import Image

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

KIND = "transformers.depth"

_NEEDED = ("*.json", "model.safetensors")

_PUBLISHED = (
    Published("depth-anything/Depth-Anything-V2-Small-hf", 99_200_000, "Apache-2.0", _NEEDED),
    Published("depth-anything/Depth-Anything-V2-Base-hf", 390_000_000, "CC-BY-NC-4.0", _NEEDED),
    Published("depth-anything/Depth-Anything-V2-Large-hf", 1_340_000_000, "CC-BY-NC-4.0", _NEEDED),
    Published("LiheYoung/depth-anything-small-hf", 99_200_000, "Apache-2.0", _NEEDED),
)

_LONGEST = 4
"""Photos whose longer side is more than this many times the shorter one are stretched to a square."""


class DepthEstimator:
    """A depth network with what prepares photos for it.

    Attributes:
        quantity: what its numbers stand for.
    """

    def __init__(self, network: Any, processor: Any, quantity: Quantity) -> None:
        self.quantity: Quantity = quantity
        self._network, self._processor = network, processor

    def parameters(self) -> Iterator[Tensor]:
        """The weights."""
        return self._network.parameters()

    def buffers(self) -> Iterator[Tensor]:
        """What belongs to the weights but is not learnt."""
        return self._network.buffers()

    def to(self, device: str) -> DepthEstimator:
        """Move to another device, in place."""
        self._network.to(device)
        return self

    def estimate(self, images: Sequence[Image], side: int | None) -> list[np.ndarray[Any, Any]]:
        """The network's maps of photos, float32 `[h, w]` of its own sizes.

        On a CPU photos pass one by one, so that each map is the same to the bit whatever is beside it; on
        other devices those of one size pass together.

        Args:
            images: photos of any sizes.
            side: of the square near which a photo is seen, in pixels; None is the network's own.
        """
        import torch

        prepared = [self._prepared(image, side) for image in images]
        maps: dict[int, np.ndarray[Any, Any]] = {}
        with torch.inference_mode():
            for group in self._groups(prepared):
                pixels = torch.cat([prepared[index] for index in group])
                pixels = pixels.to(self._network.device, self._network.dtype)
                depths = self._network(pixel_values=pixels).predicted_depth.float().cpu().numpy()
                maps |= dict(zip(group, depths, strict=True))
        return [maps[index] for index in range(len(images))]

    def _prepared(self, image: Image, side: int | None) -> Tensor:
        """A photo as the network takes it: float32 `[1, 3, h, w]`."""
        arguments: dict[str, Any] = {"input_data_format": "channels_last"}
        if side is not None:
            arguments["size"] = {"height": side, "width": side}
        if max(image.size) > _LONGEST * min(image.size) and hasattr(self._processor, "keep_aspect_ratio"):
            arguments["keep_aspect_ratio"] = False
        # Read-only arrays make torch warn: the processor wants one that it may write to.
        pixels = image.pixels if image.pixels.flags.writeable else image.pixels.copy()
        return self._processor(images=pixels, return_tensors="pt", **arguments)["pixel_values"]

    def _groups(self, prepared: Sequence[Tensor]) -> list[list[int]]:
        """Indices of what passes the network together."""
        if self._network.device.type == "cpu":
            return [[index] for index in range(len(prepared))]
        groups: dict[tuple[int, ...], list[int]] = {}
        for index, pixels in enumerate(prepared):
            groups.setdefault(tuple(pixels.shape), []).append(index)
        return list(groups.values())


def require_depth_network(path: Path, config: str) -> None:
    """Refuse what is no depth network that is known here, by its `config.json`.

    Raises:
        ModelError: if it is another model; says which.
    """
    del config
    require_network(path, task="ForDepthEstimation", what="a depth network")
    _quantity(_configuration(path), path)


@model(KIND, published=_PUBLISHED, check=require_depth_network)
def load_estimator(ref: ModelRef, folder: Path, device: str, mode: Mode) -> DepthEstimator:
    """Load a depth network from a folder in the layout of transformers.

    Architectures: Depth Anything (relative and metric), DPT and MiDaS, GLPN. Nothing beside the library's own
    classes is run.

    Raises:
        ModelError: if the architecture is another one, or files are missing or do not fit it; says which.
    """
    del mode
    content = _configuration(folder)
    quantity = _quantity(content, folder)
    torch, transformers = library("torch"), library("transformers")
    # Both set defaults of the process while they work.
    with building:
        try:
            config = transformers.CONFIG_MAPPING[content["model_type"]].from_dict(without_fetching(content))
            network, found = transformers.AutoModelForDepthEstimation.from_pretrained(
                folder,
                config=config,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                variant=ref.variant or None,
                output_loading_info=True,
            )
            processor = transformers.AutoImageProcessor.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ModelError(
                f"{folder}: transformers cannot load it ({_first_line(error)}); fetch or copy the model again"
            ) from None
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"{folder}: {len(missing)} weights of a {type(network).__name__} are missing, such as "
            f"{missing[0]}; they belong to another configuration: fetch or copy the model again"
        )
    network.eval().requires_grad_(requires_grad=False)
    return DepthEstimator(network.to(device=device, dtype=getattr(torch, ref.dtype)), processor, quantity)


def _configuration(folder: Path) -> dict[str, Any]:
    """What the config.json of a folder says, with the entry `model_type`."""
    try:
        content = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("model_type"), str):
        raise ModelError(
            f"{folder}: a depth network is a folder with a config.json that says its model_type; "
            f"name the folder"
        )
    return content


def _quantity(content: Mapping[str, Any], folder: Path) -> Quantity:
    """What the numbers of a network of this configuration stand for.

    DPT and MiDaS were trained on inverse depth (Ranftl and others 2020, 2021), as Depth Anything's relative
    models were; its metric models and GLPN give metres.
    """
    match content["model_type"]:
        case "depth_anything":
            return "distance" if content.get("depth_estimation_type") == "metric" else "inverse_depth"
        case "dpt":
            return "inverse_depth"
        case "glpn":
            return "distance"
        case architecture:
            raise ModelError(
                f"{folder / 'config.json'}: its model_type is {architecture!r}, no depth network that is "
                "known here; there are depth_anything, dpt and glpn"
            )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

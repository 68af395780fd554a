"""The kind of model `sam2.video`: SAM 2 for clips, from an official checkpoint or one of the same build."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph import ModelRef, model
from nodegraph.models import (
    PIPELINE,
    Mode,
    ModelError,
    Published,
    Weights,
    load_state_dict,
    read_json,
)
from nodes.libraries import library
from nodes.track.sam2_config import (
    OFFICIAL,
    PREDICTOR,
    TARGETS,
    Config,
    config_from_json,
    packaged_name,
    read_config,
)
from nodes.track.sam2_predictor import ClipPredictor

if TYPE_CHECKING:
    from torch import Tensor

_POSTPROCESSING = {
    "dynamic_multimask_via_stability": True,
    "dynamic_multimask_stability_delta": 0.05,
    "dynamic_multimask_stability_thresh": 0.98,
}
"""What `build_sam2_video_predictor` adds to a configuration by default."""

_TRUNKS: Mapping[tuple[int, int], str] = {(96, 12): "t", (96, 16): "s", (112, 24): "b+", (144, 48): "l"}
"""The letter of the official model by the width and the number of blocks of its image encoder."""


def sam2_sizes(ref: ModelRef, weights: Weights) -> dict[Mode, int]:
    """Bytes of the weights: in float32 whatever `ref.dtype` is, since bfloat16 is for computing alone."""
    del ref
    return {"resident": weights.nbytes("float32")}


PUBLISHED = tuple(
    Published(f"facebook/sam2.1-hiera-{size}", nbytes, "Apache-2.0", include=("*.pt", "*.yaml"))
    for size, nbytes in (
        ("tiny", 156_000_000),
        ("small", 184_000_000),
        ("base-plus", 323_000_000),
        ("large", 898_000_000),
    )
)
"""The official SAM 2.1 checkpoints; bytes are approximate."""


def refuse_other_model(path: Path, config: str) -> None:
    """Refuse a folder whose files say that it holds another model, where no configuration is given.

    Raises:
        ModelError: if it does; says which.
    """
    if not config and path.is_dir() and (other := _other_model(path)):
        raise ModelError(
            f"{path}: it holds {other}, and a SAM 2 checkpoint is expected; give one of the sam2 "
            f"library, such as sam2.1_hiera_tiny.pt"
        )


@model("sam2.video", size=sam2_sizes, published=PUBLISHED, check=refuse_other_model)
def load_sam2_video(ref: ModelRef, folder: Path, device: str, mode: Mode) -> ClipPredictor:
    """Load a SAM 2 video predictor, ready for clips, as `build_sam2_video_predictor` makes it.

    Its weights are in float32; with the dtype bfloat16, nodes compute in that by autocast, as the authors do.
    Masks are left as the network draws them: filling their holes is up to the node. Calls in several threads
    may share it: what they keep of a clip is theirs.

    Raises:
        ModelError: if the configuration or checkpoint is missing, damaged or refused, or they do not fit.
    """
    del mode
    config, place = _configuration(ref, folder)
    checkpoint = _checkpoint(folder)
    tensors = {name: tensor.float() for name, tensor in load_state_dict(checkpoint).items()}
    predictor = build_predictor(config, place)
    _load(predictor, tensors, checkpoint, place)
    return predictor.to(device)


def build_predictor(config: Config, place: str) -> ClipPredictor:
    """A predictor with random weights, on the CPU, from a checked configuration; `place` is for errors.

    torch's global generator is left as it was.

    Raises:
        ModelError: if an argument is unknown to its class, or the parts do not fit each other.
    """
    torch = library("torch")
    extras = _POSTPROCESSING | (config.get("sam_mask_decoder_extra_args") or {})
    whole = {"binarize_mask_from_pts_for_mem_enc": True, **config, "sam_mask_decoder_extra_args": extras}
    with torch.random.fork_rng(devices=[]):
        predictor = _built(whole | {"fill_hole_area": 0}, "model", place)
    return predictor.eval().requires_grad_(requires_grad=False)


def fitting_config(tensors: Mapping[str, Tensor]) -> str | None:
    """The packaged configuration of the official model that has tensors like these; None if there is none."""
    patches = tensors.get("image_encoder.trunk.patch_embed.proj.weight")
    if patches is None:
        return None
    blocks = {name.split(".")[3] for name in tensors if name.startswith("image_encoder.trunk.blocks.")}
    letter = _TRUNKS.get((len(patches), len(blocks)))
    version = "sam2.1" if "no_obj_embed_spatial" in tensors else "sam2"
    return None if letter is None else f"configs/{version}/{version}_hiera_{letter}.yaml"


def _configuration(ref: ModelRef, folder: Path) -> tuple[Config, str]:
    """The configuration of a model, and its name for errors."""
    if ref.config.startswith("{"):
        place = f"the configuration of {folder.name}"
        return config_from_json(ref.config, place), place
    if ref.config:
        return _packaged(ref.config)
    beside = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if len(beside) == 1:
        return read_config(beside[0]), str(beside[0])
    name = packaged_name(_checkpoint(folder).name)
    if name is None:
        raise ModelError(
            f"{folder}: there is no single YAML file that says how it is built, and the checkpoint has no "
            f"official name; give one as config: a YAML file, or {', '.join(OFFICIAL.values())}"
        )
    return _packaged(name)


def _other_model(folder: Path) -> str:
    """What a folder of diffusers or transformers says that it holds; "" if that may be SAM 2."""
    if (folder / PIPELINE).is_file():
        return f"a pipeline of diffusers, {read_json(folder / PIPELINE).get('_class_name')!r}"
    content = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    match content:
        case {"model_type": str(kind)} if not kind.startswith("sam2"):
            return f"a model of the type {kind!r}"
        case {"_class_name": str(class_name)}:
            return f"a network of diffusers, {class_name!r}"
        case _:
            return ""


def _packaged(name: str) -> tuple[Config, str]:
    if name not in OFFICIAL.values():
        raise ModelError(
            f"there is no configuration {name!r} in sam2; there are {', '.join(OFFICIAL.values())}"
        )
    return read_config(Path(library("sam2").__file__).parent / name), name


def _checkpoint(folder: Path) -> Path:
    """The weight file to read; of a folder that transformers reads too, that of the `sam2` library."""
    pickles = sorted(folder.glob("*.pt")) if folder.is_dir() else []
    return pickles[0] if len(pickles) == 1 else folder


def _load(predictor: ClipPredictor, tensors: Mapping[str, Tensor], checkpoint: Path, place: str) -> None:
    wanted = predictor.state_dict()
    missing = sorted(wanted.keys() - tensors.keys())
    unknown = sorted(tensors.keys() - wanted.keys())
    unlike = sorted(
        name for name in wanted.keys() & tensors.keys() if wanted[name].shape != tensors[name].shape
    )
    if not missing and not unknown and not unlike:
        predictor.load_state_dict(tensors, assign=True)
        predictor.requires_grad_(requires_grad=False)
        return
    if any(name.startswith("vision_encoder.") for name in tensors):
        raise ModelError(
            f"{checkpoint}: its weights are named as transformers names them; give the checkpoint of the "
            f"sam2 library, such as sam2.1_hiera_tiny.pt, which the same hub repository has"
        )
    counts = [(missing, "missing"), (unknown, "unknown"), (unlike, "of another shape")]
    told = "; ".join(f"{len(names)} tensors are {what} ({_some(names)})" for names, what in counts if names)
    fits = fitting_config(tensors)
    advice = f"the checkpoint looks like that of {fits}" if fits else "give the config it was trained with"
    raise ModelError(f"{checkpoint}: it does not fit {place}: {told}; {advice}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _built(value: Any, where: str, place: str) -> Any:
    """What a checked configuration describes: parts from the inside out, everything else as it is."""
    if isinstance(value, list):
        return [_built(entry, f"{where}[{index}]", place) for index, entry in enumerate(value)]
    if not isinstance(value, dict):
        return value
    arguments = {
        name: _built(entry, f"{where}.{name}", place) for name, entry in value.items() if name != "_target_"
    }
    if "_target_" not in value:
        return arguments
    target = _class(TARGETS[value["_target_"]])
    known = _arguments(target)
    for name in arguments:
        if name not in known:
            raise ModelError(f"{place}: {where}.{name}: {target.__name__} takes no such argument")
    if "warmup_cache" in known:
        # It would fill tables on the first GPU, whichever device the model is meant for.
        arguments["warmup_cache"] = False
    try:
        return target(**arguments)
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(f"{place}: {where}: {target.__name__} cannot be built so: {reason}") from None


@cache
def _class(name: str) -> Any:
    library("sam2")
    module, _, attribute = name.rpartition(".")
    found = getattr(import_module(module), attribute)
    return type("Sam2ClipPredictor", (ClipPredictor, found), {}) if name == PREDICTOR else found


@cache
def _arguments(target: Any) -> frozenset[str]:
    """The named arguments of a class, those that it passes on to its bases included."""
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return frozenset(
        parameter.name
        for base in target.__mro__
        if "__init__" in vars(base)
        for parameter in inspect.signature(base.__init__).parameters.values()
        if parameter.kind in by_name and parameter.name != "self"
    )

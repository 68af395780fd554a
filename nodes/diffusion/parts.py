"""The parts of a pipeline: loaded whole, or built without their weights."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nodegraph.models import ModelError
from nodes.diffusion.index import Part
from nodes.diffusion.stored import files_of
from nodes.libraries import building, library

if TYPE_CHECKING:
    import torch


def load_part(part: Part, dtype: torch.dtype, variant: str) -> Any:
    """A part with its weights in host memory, or one without weights such as a scheduler.

    Raises:
        ModelError: if files of it are missing, damaged, or not those of its class; says which.
    """
    with building, _told(part):
        if not is_network(part):
            # Of transformers' tokenizers and processors, "Auto" ones would ask on the terminal.
            refused = {"trust_remote_code": False} if _is_of_transformers(part) else {}
            return part.type.from_pretrained(str(part.folder), local_files_only=True, **refused)
        files = files_of(part.folder, variant)
        loaded, found = part.type.from_pretrained(
            str(part.folder),
            dtype=dtype,
            local_files_only=True,
            **({"config": _config_of(part)} if _is_of_transformers(part) else {}),
            use_safetensors=all(file.suffix == ".safetensors" for file in files),
            variant=variant if any(f".{variant}." in file.name for file in files) and variant else None,
            output_loading_info=True,
        )
        if wrong := sorted([*found["missing_keys"], *found["mismatched_keys"]]):
            raise ModelError(
                f"{part.folder}: it lacks weights of a {part.type.__name__}, such as {wrong[0]} "
                f"({len(wrong)} in all); fetch or copy the model again"
            )
    return loaded


def build_part(part: Part, dtype: torch.dtype) -> Any:
    """A part as `load_part` gives it, but for its parameters: they lie on the device "meta", without memory.

    Raises:
        ModelError: if its configuration is missing, damaged or of another class.
    """
    with building, _told(part), _without_weights(dtype):
        if issubclass(part.type, library("diffusers").ModelMixin):
            module = part.type.from_config(part.type.load_config(str(part.folder), local_files_only=True))
        else:
            config = _config_of(part)
            config.dtype = dtype
            module = part.type(config)
    if hasattr(module, "tie_weights"):
        # Not before: without weights each module gets parameters of its own, also where it was given others.
        module.tie_weights()
    module.requires_grad_(requires_grad=False)
    for name, parameter in module.named_parameters():
        parameter.data = parameter.data.to(_dtype_of(module, name, parameter, dtype))
    return module.eval()


def is_network(part: Part) -> bool:
    """Whether a part has weights."""
    return issubclass(part.type, (library("diffusers").ModelMixin, library("transformers").PreTrainedModel))


def _is_of_transformers(part: Part) -> bool:
    return part.type.__module__.partition(".")[0] == "transformers"


def _config_of(part: Part) -> Any:
    """The configuration of a network of transformers, less the kernels that it may ask for.

    A kernel is code, which transformers would fetch by its name from the hub.
    """
    config = part.type.config_class.from_pretrained(str(part.folder), local_files_only=True)
    config._attn_implementation = config._experts_implementation = None  # noqa: SLF001 (of its parts too)
    return config


def _dtype_of(module: Any, name: str, parameter: Any, dtype: torch.dtype) -> torch.dtype:
    """The dtype of a parameter where the model is loaded in another: classes keep some in float32."""
    import torch

    if isinstance(module, library("diffusers").ModelMixin):
        kept = set(module._keep_in_fp32_modules or ())  # noqa: SLF001 (that is where classes say so)
        return torch.float32 if kept.intersection(name.split(".")) else dtype
    plan = module._get_dtype_plan(dtype)  # noqa: SLF001 (what from_pretrained calls)
    for pattern, wanted in plan.items():
        if re.search(pattern.replace("*", ".*"), name):
            return wanted
    return parameter.dtype


@contextmanager
def _without_weights(dtype: torch.dtype) -> Generator[None]:
    """Have modules made with parameters on the device "meta", as from_pretrained of both libraries does."""
    import accelerate
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        # Some classes draw the first values of their parameters, which are then dropped.
        with torch.random.fork_rng(devices=[]), accelerate.init_empty_weights(include_buffers=False):
            yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def _told(part: Part) -> Generator[None]:
    """Say which part could not be loaded."""
    try:
        yield
    except ModelError:
        raise
    except ImportError as error:
        raise ModelError(
            f"{part.folder}: a {part.type.__name__} needs a library that is missing: {_first_line(error)}"
        ) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        if "out of memory" in str(error):
            raise
        raise ModelError(
            f"{part.folder}: it cannot be loaded as a {part.type.__name__}: {_first_line(error)}; "
            "fetch or copy the model again"
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

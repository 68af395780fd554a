"""A pipeline of diffusers, loaded whole or by turns, and lent to one call at a time."""

from __future__ import annotations

import inspect
import threading
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodegraph import ModelRef
from nodegraph.models import Mode, ModelError
from nodes.diffusion.index import Index, pipeline_class, read_index
from nodes.diffusion.parts import build_part, is_network, load_part
from nodes.diffusion.stored import StoredWeights
from nodes.diffusion.turns import Turns, in_layout

if TYPE_CHECKING:
    from torch import Tensor


class HeldPipeline:
    """A pipeline of diffusers on a device.

    Args:
        pipeline: a `DiffusionPipeline`.
        turns: what brings and takes the weights of its parts; None where they are there all the time.

    Attributes:
        type: the pipeline's class.
    """

    def __init__(self, pipeline: Any, turns: Turns | None) -> None:
        self.type = type(pipeline)
        self._pipeline = pipeline
        self._turns = turns
        self._lock = threading.Lock()
        self._compiled: dict[str, Any] = {}
        if turns is not None:
            # Modules with hooks hold themselves, and would keep host memory until they are collected.
            weakref.finalize(self, turns.forget)

    @contextmanager
    def lent(self, *, compiled: bool = False, channels_last: bool = False) -> Generator[Any]:
        """The pipeline, for one call: schedulers keep the state of theirs, so that others wait meanwhile.

        Args:
            compiled: whether its denoiser runs through torch.compile; not where weights move.
            channels_last: the memory layout of the weights of its convolutions.
        """
        with self._lock:
            self._lay_out(channels_last=channels_last)
            denoiser = self._denoiser if compiled and self._turns is None else ""
            plain = getattr(self._pipeline, denoiser) if denoiser else None
            try:
                if denoiser:
                    setattr(self._pipeline, denoiser, self._compile(denoiser))
                yield self._pipeline
            finally:
                if denoiser:
                    setattr(self._pipeline, denoiser, plain)
                if self._turns is not None:
                    self._turns.clear()

    def parameters(self) -> Iterator[Tensor]:
        """The weights that are held at this moment."""
        return (each for part in self._networks() for each in part.parameters() if not each.is_meta)

    def buffers(self) -> Iterator[Tensor]:
        """Other tensors that belong to its parts."""
        return (each for part in self._networks() for each in part.buffers())

    def to(self, device: str) -> HeldPipeline:
        """Move to another device, in place; not while it is lent, nor where weights come by turns."""
        for part in self._networks():
            part.to(device)
        return self

    @property
    def _denoiser(self) -> str:
        return next((name for name in ("unet", "transformer") if getattr(self._pipeline, name, None)), "")

    def _networks(self) -> Iterator[Any]:
        components = self._pipeline.components.values()
        return (part for part in components if callable(getattr(part, "parameters", None)))

    def _compile(self, name: str) -> Any:
        import torch

        if name not in self._compiled:
            self._compiled[name] = torch.compile(getattr(self._pipeline, name))
        return self._compiled[name]

    def _lay_out(self, *, channels_last: bool) -> None:
        if self._turns is not None:
            self._turns.channels_last = channels_last
            return
        for parameter in self.parameters():
            parameter.data = in_layout(parameter.data, channels_last=channels_last)


def load_pipeline(
    ref: ModelRef, folder: Path, device: str, mode: Mode, *, class_name: str = "", only: str = ""
) -> HeldPipeline:
    """Load a pipeline of diffusers from a folder, part by part.

    Its class and those of its parts are looked up in diffusers and transformers by name; code that comes with
    a model is never run. In mode "resident" all weights stay on the device. In mode "swap" those of one part
    are there at a time, in mode "chunked" too, while feed-forward layers take a frame after the other; in
    mode "offload" those of one layer, with chunks. On a GPU what is not on it waits in host memory; on the
    CPU it is read from disk each time.

    Args:
        class_name: of the pipeline; by default what its `model_index.json` says.
        only: the class that it must be, where it must.

    Raises:
        ModelError: if the folder is no such pipeline, or files of it are missing or damaged; says which.
    """
    import torch

    if not folder.is_dir():
        raise ModelError(f"{folder}: a pipeline is a folder with model_index.json; name the folder")
    index = read_index(folder)
    if only and only != index.class_name:
        raise ModelError(f"{folder}: it is a {index.class_name}, not a {only}; name another model")
    made_of = pipeline_class(class_name or index.class_name, where=str(folder))
    _require_parts(made_of, index, folder)
    dtype = getattr(torch, ref.dtype)
    if mode == "resident":
        parts = {part.name: load_part(part, dtype, ref.variant) for part in index.parts}
        return HeldPipeline(_put_together(made_of, index, parts), None).to(device)
    turns = Turns(device, by_layer=mode == "offload")
    parts = {}
    for part in index.parts:
        if not is_network(part):
            parts[part.name] = load_part(part, dtype, ref.variant)
            continue
        module = parts[part.name] = build_part(part, dtype)
        weights = StoredWeights(part.folder, ref.variant, module, keep=device != "cpu")
        turns.take_on(module, weights, where=str(part.folder))
        if mode != "swap":
            _run_in_chunks(module)
    return HeldPipeline(_put_together(made_of, index, parts), turns)


def _require_parts(made_of: type[Any], index: Index, folder: Path) -> None:
    given = {part.name for part in index.parts} | set(index.absent) | set(index.options)
    missing = [
        name
        for name, parameter in inspect.signature(made_of).parameters.items()
        if parameter.default is parameter.empty and name not in given
    ]
    if missing:
        raise ModelError(
            f"{folder}: it has no {', '.join(missing)}, which a {made_of.__name__} is made of; "
            f"it was made as a {index.class_name}"
        )


def _put_together(made_of: type[Any], index: Index, parts: dict[str, Any]) -> Any:
    known = inspect.signature(made_of).parameters
    given = {**index.options, **dict.fromkeys(index.absent), **parts}
    try:
        pipeline = made_of(**{name: entry for name, entry in given.items() if name in known})
    except ImportError as error:
        raise ModelError(
            f"a {made_of.__name__} needs a library that is missing: {str(error).strip()}"
        ) from error
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _run_in_chunks(module: Any) -> None:
    """Let the feed-forward layers of a denoiser take one element of the batch at a time, if it can."""
    if callable(getattr(module, "enable_forward_chunking", None)):
        module.enable_forward_chunking(chunk_size=1)

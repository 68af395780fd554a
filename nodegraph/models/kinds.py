"""`@model`: declares a kind of model by the function that loads it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nodegraph.models.errors import ModelError
from nodegraph.models.modes import MODES, Mode
from nodegraph.models.published import Published
from nodegraph.types.builtin import ModelRef
from nodegraph.types.values import TYPE_ID, DeclarationError

if TYPE_CHECKING:
    from nodegraph.models.weights import Weights

Load = Callable[[ModelRef, Path, str, Mode], Any]
F = TypeVar("F", bound=Load)
SizeOf = Callable[[ModelRef, "Weights"], Mapping[Mode, int]]
Check = Callable[[Path, str], None]


@dataclass(frozen=True, slots=True)
class ModelKind:
    """A declared kind of model.

    Attributes:
        id: such as `"svd"`.
        load: from a ref, the folder or weight file it lies in, a device and a mode to the loaded model.
        modes: how it can be held on a device, fastest first.
        size: bytes on the device per mode, or None where they follow from the weight files.
        to_host, to_device: move a loaded model, or None where its own `.to` does.
        published: models of the kind that can be fetched.
        check: refuses files of another kind of model by their configuration, or None.
    """

    id: str
    load: Load
    modes: tuple[Mode, ...]
    size: SizeOf | None
    to_host: Callable[[Any], Any] | None
    to_device: Callable[[Any, str], Any] | None
    published: tuple[Published, ...] = ()
    check: Check | None = None

    @property
    def place(self) -> str:
        """Where it is declared, for people."""
        return f"{self.load.__module__}.{self.load.__qualname__}"


_by_id: dict[str, ModelKind] = {}


def model(
    kind: str,
    *,
    modes: Sequence[Mode] = ("resident",),
    size: SizeOf | None = None,
    to_host: Callable[[Any], Any] | None = None,
    to_device: Callable[[Any, str], Any] | None = None,
    published: Sequence[Published] = (),
    check: Check | None = None,
) -> Callable[[F], F]:
    """Declare a kind of model by the function that loads it. The function stays an ordinary function.

        @model("tiny.mlp", modes=("resident", "swap"))
        def load(ref: ModelRef, folder: Path, device: str, mode: Mode) -> Any: ...

    It is given the ref, the folder or weight file, a device such as `"cuda:0"` and the mode, and returns the
    model on that device with its weights in `ref.dtype`. Several threads may call it at the same time.

    Args:
        kind: lower-case identifiers joined by dots.
        modes: how it can be held, `"resident"` (whole) always among them: `"swap"` has one component at a
            time on the device, `"chunked"` too and works in less memory (feed-forward chunking), `"offload"`
            has one layer at a time. All must give the same results.
        size: bytes of weights on the device for each of `modes`. By default they follow from the headers of
            the weight files at the run-time dtype: all weights, the largest component (for `"swap"` and
            `"chunked"`), the largest layer.
        to_host: moves a resident model into host memory and returns it; by default its `.to("cpu")` does, and
            a model without `.to` is loaded again instead.
        to_device: moves it back; by default its `.to(device)` does.
        published: models of the kind that can be fetched from the hub; errors and `nodegraph doctor` then
            tell how large a missing one is and under which licence it comes.
        check: given the folder or weight file and the node's `config`, raises `ModelError` if that is a model
            of another kind. It is called wherever a model is named, by `plan` and `nodegraph doctor` too, so
            that it reads a configuration and imports no heavy library; what it lets pass `load` may refuse.

    Raises:
        DeclarationError: if the id is malformed or taken by another function, the modes are not acceptable,
            or the function does not take the four arguments; says what to change.
    """
    if not TYPE_ID.fullmatch(kind):
        raise DeclarationError(
            f"kind of model {kind!r} must be lower-case identifiers joined by dots, such as 'video.svd'"
        )
    offered: tuple[Mode, ...] = tuple(mode for mode in MODES if mode in modes)
    if "resident" not in offered or set(modes) - set(MODES):
        raise DeclarationError(
            f"model {kind!r}: modes are 'resident' and any of 'swap', 'chunked', 'offload'; got {modes!r}"
        )

    def declare(load: F) -> F:
        _require_four_arguments(kind, load)
        _register(ModelKind(kind, load, offered, size, to_host, to_device, tuple(published), check))
        return load

    return declare


def model_kind(kind: str) -> ModelKind:
    """The declared kind of an id.

    Raises:
        ModelError: if no loaded pack declares it; lists those that are.
    """
    declared = _by_id.get(kind)
    if declared is None:
        there = f"there are {', '.join(sorted(_by_id))}" if _by_id else "none is"
        raise ModelError(
            f"no pack declares a kind of model {kind!r}: {there}; install or name the pack that brings it"
        )
    return declared


def model_kinds() -> dict[str, ModelKind]:
    """All known kinds by id, in alphabetical order."""
    return dict(sorted(_by_id.items()))


def _register(declared: ModelKind) -> None:
    known = _by_id.get(declared.id)
    if known is not None and not _replaces(declared.load, known.load):
        raise DeclarationError(
            f"kind of model {declared.id!r} is declared by both {known.place} and {declared.place}"
        )
    _by_id[declared.id] = declared


def _replaces(new: Load, known: Load) -> bool:
    """Whether a declaration is a new one of the same function, as when a module is loaded again."""
    if new.__module__ != known.__module__:
        return False
    return new.__module__ == "__main__" or new.__qualname__ == known.__qualname__


def _require_four_arguments(kind: str, load: Load) -> None:
    try:
        inspect.signature(load).bind(None, None, None, None)
    except TypeError:
        raise DeclarationError(
            f"model {kind!r}: {load.__qualname__} must take four arguments: (ref, folder, device, mode)"
        ) from None

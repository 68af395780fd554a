"""Random numbers of a network, drawn from a seed of its own whatever else the process draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Generator


def drawing(seed: int) -> Any:
    """A context in which what torch draws in this thread comes from a seed.

    Dropout, the noise of denoising queries and the initial values of weights draw from torch's global
    generator, which all threads of the process share. In this context they draw from generators of its own:
    the global one is neither read nor moved on, so that the same seed gives the same weights.

    Args:
        seed: 0 or more, below 2⁶³. `restart(seed)` of the context begins anew from another.
    """
    return _drawing_class()(seed)


@cache
def _drawing_class() -> Any:
    """The class of the contexts: it can be made only where torch is."""
    import torch
    from torch.overrides import TorchFunctionMode

    draws = _draws()

    class Drawing(TorchFunctionMode):
        """Gives every function that draws a generator of the context."""

        def __init__(self, seed: int) -> None:
            super().__init__()
            self._seed = seed
            self._generators: dict[torch.device, Generator] = {}

        def restart(self, seed: int) -> None:
            """Draw from another seed from now on."""
            self._seed = seed
            self._generators.clear()

        def generator(self, device: Any) -> Generator:
            """The generator of a device."""
            place = torch.device(torch.get_default_device() if device is None else device)
            if place not in self._generators:
                self._generators[place] = torch.Generator(place).manual_seed(self._seed)
            return self._generators[place]

        def __torch_function__(
            self,
            func: Callable[..., Any],
            types: Sequence[type],
            args: Sequence[Any] = (),
            kwargs: Mapping[str, Any] | None = None,
        ) -> Any:
            del types
            draw = draws.get(func)
            if draw is None and getattr(func, "__module__", "") in _INITIALISERS:
                draw = _initialised
            if draw is None:
                return func(*args, **(kwargs or {}))
            return draw(self.generator, func, *args, **(kwargs or {}))

    return Drawing


GeneratorOf = Callable[[Any], "Generator"]

_INITIALISERS = ("torch.nn.init", "transformers.initialization")
"""Modules with functions that hand themselves over whole, with all arguments by name."""


def _draws() -> dict[Any, Callable[..., Any]]:
    """How each function of torch that draws is called with a generator."""
    import torch

    draws: dict[Any, Callable[..., Any]] = {
        torch.rand_like: _like(torch.Tensor.uniform_),
        torch.randn_like: _like(torch.Tensor.normal_),
        torch.randint_like: _like(_integers),
        torch.bernoulli: _from_tensor,
        torch.nn.functional.dropout: _dropout,
        torch.dropout: _dropout,
    }
    draws |= dict.fromkeys((torch.rand, torch.randn, torch.randint, torch.randperm), _from_nothing)
    names = ("normal_", "uniform_", "bernoulli_", "random_", "exponential_", "log_normal_")
    return draws | {getattr(torch.Tensor, name): _from_tensor for name in names}


def _from_nothing(generator_of: GeneratorOf, func: Any, /, *args: Any, **options: Any) -> Any:
    if options.get("generator") is None:
        options["generator"] = generator_of(options.get("device"))
    return func(*args, **options)


def _from_tensor(generator_of: GeneratorOf, func: Any, tensor: Any, /, *args: Any, **options: Any) -> Any:
    if options.get("generator") is None and tensor.device.type != "meta":
        options["generator"] = generator_of(tensor.device)
    return func(tensor, *args, **options)


def _initialised(generator_of: GeneratorOf, func: Any, /, *args: Any, **options: Any) -> Any:
    if "generator" in options and options["generator"] is None and options["tensor"].device.type != "meta":
        options["generator"] = generator_of(options["tensor"].device)
    return func(*args, **options)


def _like(fill: Callable[..., Any]) -> Callable[..., Any]:
    def draw(generator_of: GeneratorOf, func: Any, tensor: Any, /, *args: Any, **options: Any) -> Any:
        import torch

        del func
        empty = torch.empty_like(tensor, **options)
        return fill(empty, *args, generator=generator_of(empty.device))

    return draw


def _integers(empty: Any, low: int, high: int | None = None, *, generator: Generator) -> Any:
    first, last = (0, low) if high is None else (low, high)
    return empty.random_(first, last, generator=generator)


def _dropout(
    generator_of: GeneratorOf,
    func: Any,
    tensor: Any,
    /,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
) -> Any:
    import torch

    del func
    if not training or p == 0:
        return tensor
    kept = torch.empty_like(tensor).bernoulli_(1 - p, generator=generator_of(tensor.device))
    if p < 1:
        kept.div_(1 - p)
    return tensor.mul_(kept) if inplace else tensor * kept

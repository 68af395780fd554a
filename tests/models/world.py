"""Models that are plain objects, and what happens to them."""

from __future__ import annotations

import gc
import itertools
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from nodegraph import ModelRef
from nodegraph.models.changes import ResidencyChange
from nodegraph.models.modes import Mode
from nodegraph.models.residency import Residency


class Loaded:
    """A loaded model."""

    def __init__(self, ref: ModelRef, device: str, mode: Mode) -> None:
        self.ref = ref
        self.device = device
        self.mode = mode
        self.hooks: list[Any] = []


class Tensor:
    """What a module's parameter has that counts."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes


class Module(Loaded):
    """A loaded model that tells how many bytes it takes."""

    def __init__(self, ref: ModelRef, device: str, mode: Mode, nbytes: int) -> None:
        super().__init__(ref, device, mode)
        self.tensors = [Tensor(nbytes)]

    def parameters(self) -> list[Tensor]:
        return self.tensors


def ref(name: str) -> ModelRef:
    return ModelRef("test.world", fingerprint=name)


class World:
    """A residency of models whose sizes are given, with notes of what was loaded and told.

    `loading` is called by every load, before it gives the model; it may raise. With `has_cycles` a model
    holds itself, as modules with hooks do.
    """

    def __init__(self, budgets: Mapping[str, int], sizes: Mapping[str, Any], *, host_bytes: int = 0) -> None:
        self.sizes = {
            name: dict(size) if isinstance(size, dict) else {"resident": size} for name, size in sizes.items()
        }
        self.actual: dict[str, int] = {}
        self.has_cycles = False
        self.loads: list[tuple[str, str, Mode]] = []
        self.changes: list[ResidencyChange] = []
        self.over: list[ResidencyChange] = []
        self.alive: list[weakref.ref[Any]] = []
        self.read_ahead: list[str] = []
        self.in_use: Counter[tuple[str, str]] = Counter()
        self.taken_away: list[ResidencyChange] = []
        self.loading: Callable[[str, str], None] = lambda name, device: None
        self.lock = threading.Lock()
        self.budgets = dict(budgets)
        ticks = itertools.count()
        self.residency = Residency(
            budgets,
            host_bytes=host_bytes,
            load=self.load,
            sizes=lambda model: self.sizes[model.fingerprint],
            to_host=lambda model, loaded: self.move(loaded, "cpu"),
            to_device=lambda model, loaded, device: self.move(loaded, device),
            files=self.files,
            clock=lambda: float(next(ticks)),
            on_change=self.note,
        )

    def load(self, model: ModelRef, device: str, mode: Mode) -> Loaded:
        name = model.fingerprint
        with self.lock:
            self.loads.append((name, device, mode))
        self.loading(name, device)
        actual = self.actual.get(name)
        made = Loaded(model, device, mode) if actual is None else Module(model, device, mode, actual)
        if self.has_cycles:
            made.hooks.append(made)
        with self.lock:
            self.alive.append(weakref.ref(made))
        return made

    def move(self, loaded: Loaded, device: str) -> Loaded:
        loaded.device = device
        return loaded

    def files(self, model: ModelRef) -> list[Any]:
        self.read_ahead.append(model.fingerprint)
        return []

    def note(self, change: ResidencyChange) -> None:
        tracked = self.residency.tracked(change.device)
        if tracked != change.tracked or not 0 <= tracked <= change.budget:
            self.over.append(change)
        name = change.model.fingerprint if change.model else ""
        if change.what == "evicted" and self.in_use[change.device, name]:
            self.taken_away.append(change)
        self.changes.append(change)

    def use(self, *names: str, device: str = "cpu", mode: Mode = "resident", working: int = 0) -> None:
        """A call that uses some models."""
        with self.residency.admit(device, [(ref(name), mode) for name in names], working) as lease:
            for name in names:
                with lease.use(ref(name)) as loaded, self.using(device, name):
                    assert (loaded.ref, loaded.mode) == (ref(name), mode)
                    assert loaded.device == device
                del loaded

    @contextmanager
    def using(self, device: str, name: str) -> Iterator[None]:
        with self.lock:
            self.in_use[device, name] += 1
        yield
        with self.lock:
            self.in_use[device, name] -= 1

    def upcoming(self, *names: str, device: str = "cpu") -> None:
        self.residency.upcoming(device, [ref(name) for name in names])

    def held(self, device: str = "cpu") -> list[str]:
        return sorted(model.fingerprint for model in self.residency.held(device))

    def told(self, *whats: str, device: str = "cpu") -> list[tuple[str, str | None]]:
        return [
            (change.what, change.model.fingerprint if change.model else None)
            for change in self.changes
            if change.what in whats and change.device == device
        ]

    @property
    def warnings(self) -> list[str]:
        return [change.warning for change in self.changes if change.warning]

    def still_alive(self) -> int:
        """How many loaded models are alive, without help of the garbage collector."""
        gc.disable()
        try:
            return sum(reference() is not None for reference in self.alive)
        finally:
            gc.enable()

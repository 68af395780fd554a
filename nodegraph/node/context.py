"""The context that the engine hands to a node function, and the one for testing a function directly."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nodegraph.types.builtin import ModelRef

if TYPE_CHECKING:
    import numpy as np


class Drop(Exception):
    """Leaves an item out: raise it, or in a batch return it in the item's place. It is no failure."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class FindModel(Protocol):
    """Finds a model by its kind and source; see `Context.find_model`."""

    def __call__(
        self,
        kind: str,
        source: str | Path,
        *,
        revision: str = "",
        dtype: str = "float32",
        variant: str = "",
        config: str = "",
    ) -> ModelRef:
        """The reference to the model."""
        ...


def _find_by_content(kind: str, source: str | Path, **given: str) -> ModelRef:
    """Find a model, hashing its files anew."""
    from blake3 import blake3

    from nodegraph.models.find import find_model

    def digest_of(path: Path) -> bytes:
        return blake3().update_mmap(path).digest()

    return find_model(kind, source, **given, digest_of=digest_of)


@contextmanager
def _loaded(ref: ModelRef, device: str) -> Generator[Any]:
    """Load a model for one use."""
    from nodegraph.models.loading import load_model

    yield load_model(ref, device, "resident")


def _unheard(done: float, total: float | None) -> None:
    del done, total


class Context:
    """What a running node may ask of the engine.

    Args:
        device: where the call runs, such as `"cpu"` or `"cuda:0"`.
        seeds: for seeded nodes, one derived seed per item (63 bits).
        workdir: makes the folder that is stable per key and survives a crash.
        new_folder: makes a fresh, empty folder.
        progress: receives (done, total).
        cancelled: tells whether the run is being stopped.
        use: gives a loaded model as long as it is needed.
        find_model: finds a model.
    """

    __slots__ = (
        "_cancelled", "_find_model", "_new_folder", "_progress", "_seeds", "_use", "_workdir", "device",
    )  # fmt: skip

    def __init__(
        self,
        *,
        device: str = "cpu",
        seeds: Sequence[int] | None = None,
        workdir: Callable[[], Path],
        new_folder: Callable[[], Path],
        progress: Callable[[float, float | None], None],
        cancelled: Callable[[], bool],
        use: Callable[[ModelRef], AbstractContextManager[Any]] | None = None,
        find_model: FindModel = _find_by_content,
    ) -> None:
        self.device = device
        self._seeds = seeds
        self._workdir = workdir
        self._new_folder = new_folder
        self._progress = progress
        self._cancelled = cancelled
        self._use: Callable[[ModelRef], AbstractContextManager[Any]] = use or partial(_loaded, device=device)
        self._find_model = find_model

    @classmethod
    def for_test(
        cls,
        *,
        seed: int | Sequence[int] | None = 0,
        tmp: Path | None = None,
        device: str = "cpu",
        find_model: FindModel = _find_by_content,
    ) -> Context:
        """A context for calling a node function directly.

        Args:
            seed: the derived seed, or one per item for a batch; None as for a node that is not seeded.
            tmp: where `workdir` and `new_folder()` are made; by default a new temporary folder.
            device: the value of `ctx.device`, where `ctx.use` loads models; each is dropped after its use.
            find_model: what `ctx.find_model` calls.
        """
        made: list[Path] = [tmp] if tmp is not None else []

        def root() -> Path:
            if not made:
                made.append(Path(tempfile.mkdtemp(prefix="nodegraph-test-")))
            return made[0]

        def workdir() -> Path:
            folder = root() / "workdir"
            folder.mkdir(parents=True, exist_ok=True)
            return folder

        def new_folder() -> Path:
            root().mkdir(parents=True, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix="folder-", dir=root()))

        return cls(
            device=device,
            seeds=[seed] if isinstance(seed, int) else seed,
            workdir=workdir,
            new_folder=new_folder,
            progress=_unheard,
            cancelled=lambda: False,
            find_model=find_model,
        )

    def use(self, ref: ModelRef) -> AbstractContextManager[Any]:
        """The loaded model on `ctx.device`, for a `with` statement; do not keep it beyond that.

        It is loaded on first use and stays loaded, for other calls, as long as there is memory. Take `ref` as
        an input of type `ModelRef`: only then can the run plan for it, and does the result depend on it.

        Raises:
            TypeError: if `ref` is no `ModelRef`.
            ModelError: if it cannot be loaded; says what is wrong with which file.
        """
        # Nothing checks the types of a pack, and a folder or an id is what one would try first.
        if not isinstance(ref, ModelRef):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(
                f"ctx.use takes a ModelRef, not {ref!r}: give the node an input of type ModelRef, "
                "linked to a node that returns ctx.find_model(...)"
            )
        return self._use(ref)

    def find_model(
        self,
        kind: str,
        source: str | Path,
        *,
        revision: str = "",
        dtype: str = "float32",
        variant: str = "",
        config: str = "",
    ) -> ModelRef:
        """Name a model without loading it: its files are looked at, and hashed once.

        Call it in a node of its own, declared with `pure=False`: it runs every time, so that a model whose
        files have changed is another model, and links carry what it returns to the nodes that use it.

        Args:
            kind: as declared by a pack with `@model(kind)`.
            source: a folder, a weight file, or a hub id of which the files are on this machine.
            revision: of a hub id; "" for the newest that is here.
            dtype: of the weights at run time, such as `"float16"`.
            variant: of the weight files, such as `"fp16"`.
            config: how the model is built where its files do not say, a short text: part of what the model
                is. The function that loads it reads `ref.config`.

        Raises:
            ModelError: if it is not there, or incomplete; says where it was looked for and what to do.
        """
        return self._find_model(kind, source, revision=revision, dtype=dtype, variant=variant, config=config)

    def progress(self, done: float, total: float | None = None) -> None:
        """Report that `done` of `total` units of this call are finished."""
        self._progress(done, total)

    @property
    def workdir(self) -> Path:
        """A folder that belongs to this call's key and survives a crash: checkpoints of long nodes."""
        return self._workdir()

    def new_folder(self) -> Path:
        """A fresh, empty folder for the files of an `Artifact`."""
        return self._new_folder()

    @property
    def cancelled(self) -> bool:
        """Whether the run is being stopped; a long call should then return or raise soon."""
        return self._cancelled()

    @property
    def seeds(self) -> Sequence[int]:
        """One derived seed per item of a batch (63 bits).

        Raises:
            RuntimeError: if the node is not declared with `seeded=True`.
        """
        if self._seeds is None:
            raise RuntimeError(
                "ctx.seed needs @node(..., seeded=True): only then is the seed part of the key"
            )
        return self._seeds

    @property
    def seed(self) -> int:
        """The derived seed of this call (63 bits); raises RuntimeError if the node is not seeded."""
        return self.seeds[0]

    def rng(self) -> np.random.Generator:
        """A NumPy generator seeded with `ctx.seed`."""
        import numpy as np

        return np.random.default_rng(self.seed)

    def rngs(self) -> list[np.random.Generator]:
        """One NumPy generator per item of a batch."""
        import numpy as np

        return [np.random.default_rng(seed) for seed in self.seeds]

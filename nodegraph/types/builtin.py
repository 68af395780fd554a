"""The value types that belong to the engine itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nodegraph.types.values import value


@value("artifact", version=1, fields=("made_from", "files"))
@dataclass(frozen=True)
class Artifact:
    """A folder of files that a node made, ready to be published.

    A node fills `ctx.new_folder()` and returns `Artifact(folder, made_from={file: [item keys]})`.
    The engine takes the files into its store; `folder` is then gone, and `files` lists what was taken.

    Attributes:
        folder: the folder the node filled, or None once the store holds the files.
        made_from: for each file (relative POSIX path), the keys of the stream items it was made from.
        files: for each file, the BLAKE3 of its content (hex) and its size in bytes.
    """

    folder: Path | None = None
    made_from: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])


@value("model_ref", version=3, fields=("kind", "dtype", "variant", "fingerprint", "config"))
@dataclass(frozen=True)
class ModelRef:
    """Names a model without loading it.

    A link carries what the model is, not where it lies: `source` and `revision` are no part of its stored
    form, of its digest or of equality, so that a model folder can be moved and all results are kept.

    Attributes:
        kind: the kind of model, as declared by a pack with `@model`.
        source: a hub id or a folder; "" once the ref has travelled along a link.
        revision: the hub's commit, or "".
        dtype: the weights' dtype at run time, such as "float16".
        variant: the variant of the weight files, such as "fp16", or "".
        fingerprint: BLAKE3 (hex) over the configuration and weight files.
        config: how the model is built where its files do not say, as the kind of model reads it, or "".
    """

    kind: str
    source: str = field(default="", compare=False)
    revision: str = field(default="", compare=False)
    dtype: str = "float32"
    variant: str = ""
    fingerprint: str = ""
    config: str = ""

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


@value("model_ref", version=1)
@dataclass(frozen=True)
class ModelRef:
    """Names a model without loading it.

    Attributes:
        kind: the kind of model, as declared by a pack.
        source: a hub id or a folder.
        revision: the hub revision, or "" for a folder.
        dtype: the weights' dtype at run time, such as "float16".
        variant: the variant of the weight files, such as "fp16", or "".
        fingerprint: BLAKE3 (hex) over the configuration and weight files.
    """

    kind: str
    source: str
    revision: str = ""
    dtype: str = "float32"
    variant: str = ""
    fingerprint: str = ""
